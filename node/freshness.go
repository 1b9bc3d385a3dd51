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

// lag is that of this node's own state.
func (n *Node) lag() lag { return n.lagAt(time.Now()) }

// lagAt is lag to who has looked at the clock already.
func (n *Node) lagAt(now time.Time) lag {
	millis, known := n.lagMillis(now)
	return lag{millis, known}
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
// ends and all: one by one they would cost a GET a twentieth of its time.
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
