package node

import (
	"fmt"
	"net/http"
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

// setFreshness sets the headers that every answer of the store carries.
func (n *Node) setFreshness(c *fiber.Ctx, asOf version.Version) {
	buf := scratch.Get().(*[]byte)
	h := &c.Response().Header
	h.SetCanonical(sentNode, n.nameBytes)
	*buf = asOf.Append((*buf)[:0])
	h.SetCanonical(sentVersion, *buf)
	*buf = append((*buf)[:0], lagUnknown...)
	if lag, known := n.lagMillis(); known {
		*buf = strconv.AppendInt((*buf)[:0], lag, 10)
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

// demand holds what a request asks for in Xylem-Min-Version and Xylem-Max-Lag-Ms
// against an answer as of a version. A node that is not as fresh says so with
// 504; it does not ask upward for the sake of freshness yet.
func (n *Node) demand(least, mostLag string, asOf version.Version) error {
	if least != "" {
		v, err := version.Parse(least)
		if err != nil {
			return badRequest("min-version", headerMinVersion+": "+err.Error())
		}
		meta := n.store.Meta()
		if v.Epoch <= meta.Epoch && !meta.OnHistory(v) {
			return &problem{
				status: http.StatusConflict, slug: "version-abandoned",
				detail: fmt.Sprintf("version %v is on no history that this node remembers: it was never given, or abandoned when the root was replaced", v),
			}
		}
		if asOf.Before(v) {
			return n.notFresh(fmt.Sprintf("the answer here is as of %v, before %v", asOf, v))
		}
	}
	if mostLag != "" {
		most, err := strconv.ParseInt(mostLag, 10, 64)
		if err != nil || most < 0 {
			return badRequest("max-lag", fmt.Sprintf("%s is %q: want a number of milliseconds", headerMaxLag, mostLag))
		}
		lag, known := n.lagMillis()
		switch {
		case !known:
			return n.notFresh("this node has not heard from the root since it started")
		case lag > most:
			return n.notFresh(fmt.Sprintf("this node last knew that it was up to date %d ms ago", lag))
		}
	}
	return nil
}

func (n *Node) notFresh(why string) error {
	return &problem{status: http.StatusGatewayTimeout, slug: "not-fresh", detail: why + "; try again, or ask the root"}
}
