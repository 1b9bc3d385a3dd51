package node

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"xylem/sync/version"
)

// The names of the headers that every answer of the store carries, as they are
// sent: a canonical name is set without being looked at again.
var (
	sentNode    = []byte(headerNode)
	sentVersion = []byte(headerVersion)
	sentLag     = []byte(headerLag)
	sentETag    = []byte(headerETag)
)

// lag is how old a state is, in milliseconds, where that is known.
type lag struct {
	millis int64
	known  bool
}

// lag is that of this node's own state.
func (n *Node) lag() lag {
	millis, known := n.lagMillis()
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
	n.setFreshnessOf(c, asOf, n.lag())
}

func (n *Node) setFreshnessOf(c *fiber.Ctx, asOf version.Version, l lag) {
	buf := scratch.Get().(*[]byte)
	h := &c.Response().Header
	h.SetCanonical(sentNode, n.nameBytes)
	*buf = asOf.Append((*buf)[:0])
	h.SetCanonical(sentVersion, *buf)
	*buf = append((*buf)[:0], lagUnknown...)
	if l.known {
		*buf = strconv.AppendInt((*buf)[:0], l.millis, 10)
	}
	h.SetCanonical(sentLag, *buf)
	putScratch(buf)
}

// setETag sets the ETag of an entry at v.
func setETag(c *fiber.Ctx, v version.Version) {
	buf := scratch.Get().(*[]byte)
	*buf = append(v.Append(append((*buf)[:0], '"')), '"')
	c.Response().Header.SetCanonical(sentETag, *buf)
	putScratch(buf)
}
