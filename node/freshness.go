package node

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/sync/version"
)

// sentNode is a header's name as it is sent: a canonical one is set without being looked at again.
var sentNode = []byte(headerNode)

// lag is how old a state is, in milliseconds, where that is known.
type lag struct {
	millis int64
	known  bool
}

// lag is how long ago this node's state was known to be the root's; not known before it
// heard from the root. At a root that may have been replaced that is since the coordinator
// last took its heartbeat.
func (n *Node) lag() lag { return n.lagAt(time.Now()) }

// lagAt is the lag as of a time that has just been.
func (n *Node) lagAt(now time.Time) lag {
	root := n.root.Load()
	if root != nil && root.reign.holds() {
		return lag{known: true}
	}
	fresh := n.freshAt()
	if root != nil {
		fresh = max(fresh, root.reign.lease.heard.Load())
	}
	if fresh == 0 {
		return lag{}
	}
	return lag{millis: max(0, (now.Sub(n.began) - time.Duration(fresh)).Milliseconds()), known: true}
}

// lesser is the smaller of two lags of states of which one holds the other.
func (l lag) lesser(other lag) lag {
	if !l.known || (other.known && other.millis < l.millis) {
		return other
	}
	return l
}

// setFreshness sets the headers that every answer of the store carries, for an
// answer from this node's memory.
func (n *Node) setFreshness(c *fiber.Ctx, asOf version.Version) {
	n.setFreshnessOf(c, asOf, n.lag(), version.Version{})
}

// setFreshnessOf sets them, and the ETag of an entry unless that is zero, all as the value of the first, line
// ends and all: one by one they would cost a GET a twentieth of its time. Only SetCanonical lets line ends
// through, and nothing else may set or look for the others in a response.
func (n *Node) setFreshnessOf(c *fiber.Ctx, asOf version.Version, l lag, etag version.Version) {
	buf := scratch.Get().(*[]byte)
	lines := append((*buf)[:0], n.name...)
	lines = asOf.Append(append(lines, "\r\n"+headerVersion+": "...))
	lines = append(lines, "\r\n"+headerLag+": "...)
	if l.known {
		lines = strconv.AppendInt(lines, l.millis, 10)
	} else {
		lines = append(lines, lagUnknown...)
	}
	if !etag.IsZero() {
		lines = append(etag.Append(append(lines, "\r\n"+headerETag+`: "`...)), '"')
	}
	c.Response().Header.SetCanonical(sentNode, lines)
	*buf = lines
	putScratch(buf)
}
