package node

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unsafe"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"xylem/store"
	"xylem/sync/version"
)

// Headers of answers and requests about the store.
const (
	headerNode       = "Xylem-Node"
	headerVersion    = "Xylem-Version"
	headerLag        = "Xylem-Lag-Ms"
	headerMinVersion = "Xylem-Min-Version"
	headerMaxLag     = "Xylem-Max-Lag-Ms"
	headerTimeout    = "Xylem-Timeout-Ms"
)

const (
	pathStore   = "/store/"
	typeJSON    = "application/json"
	lagUnknown  = "unknown"
	headerETag  = fiber.HeaderETag
	headerMatch = fiber.HeaderIfMatch
	headerNone  = fiber.HeaderIfNoneMatch
)

// scratch is where answers are put together.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// pathKey is the key in the request's path. It shares memory with the request:
// whoever keeps it makes a copy. The error wraps store.ErrKey or is a problem.
func pathKey(c *fiber.Ctx) (string, error) {
	escaped, found := bytes.CutPrefix(c.Context().URI().PathOriginal(), []byte(pathStore))
	if !found { // fiber takes /store for /store/* where the method has no route of its own
		return "", fiber.ErrMethodNotAllowed
	}
	if uri := c.Context().RequestURI(); bytes.IndexByte(uri, '?') >= 0 || bytes.IndexByte(uri, '#') >= 0 {
		return "", badRequest("key", "a ? in a key must be sent as %3F and a # as %23; a key's path takes no query")
	}
	key := unsafe.String(unsafe.SliceData(escaped), len(escaped))
	if strings.IndexByte(key, '%') >= 0 {
		unescaped, err := url.PathUnescape(key)
		if err != nil {
			return "", badRequest("key", "the key in the path is badly percent-encoded: a % must be sent as %25")
		}
		key = unescaped
	}
	return key, store.CheckKey(key)
}

// getStore answers GET /store/{key}.
func (n *Node) getStore(c *fiber.Ctx) error {
	key, err := pathKey(c)
	if err != nil {
		return n.storeError(c, err)
	}
	answer, l := n.store.Get(key), n.lagAt(c.Context().Time()) // as of the request's arrival: one look at the clock less
	conditional := mentions(&c.Request().Header, 'i', 'x')     // If-None-Match, or one of ours
	if !conditional && answer.Known {
		prompt(c)
	} else {
		d, err := n.demanded(c)
		if err == nil && (d.patient() || !answer.Known) {
			r := keyReading{store: n.store, key: strings.Clone(key)}
			l, err = n.seek(&r, &d)
			answer = r.answer
		}
		if err != nil {
			return n.storeError(c, err)
		}
	}
	var etag version.Version // zero for what is pending
	if answer.Entry != nil {
		etag = answer.Entry.Version
	}
	n.setFreshnessOf(c, answer.AsOf, l, etag)
	if answer.Entry == nil {
		p := &problem{status: http.StatusNotFound, slug: "not-found", detail: "neither this node nor any ancestor that it could reach has the key"}
		if answer.Pending {
			p.detail = "a delete of the key waits in this node's queue"
		}
		return writeProblem(c, p)
	}
	if conditional && !answer.Pending {
		if match := c.Request().Header.Peek(headerNone); len(match) > 0 && matchesETag(string(match), etag) {
			c.Status(http.StatusNotModified)
			return nil
		}
	}
	n.writeEntry(c, answer.Entry)
	return nil
}

// mentions reports whether any header's name begins with one of two lower-case letters, be
// it written large or small. Looking a header up by name costs more than a read does.
func mentions(h *fasthttp.RequestHeader, one, other byte) bool {
	for raw := h.RawHeaders(); len(raw) > 0; {
		if first := raw[0] | 0x20; first == one || first == other {
			return true
		}
		end := bytes.IndexByte(raw, '\n')
		if end < 0 {
			return false
		}
		raw = raw[end+1:]
	}
	return false
}

// writeEntry answers with a key, its value and its version.
func (n *Node) writeEntry(c *fiber.Ctx, e *store.Entry) {
	buf := scratch.Get().(*[]byte)
	*buf = appendEntry((*buf)[:0], e)
	resp := c.Response()
	resp.Header.SetContentType(typeJSON)
	*buf = resp.SwapBody(*buf) // in place of a copy
	putScratch(buf)
}

func putScratch(buf *[]byte) {
	const most = 256 << 10 // what grew beyond is left to the collector
	if cap(*buf) <= most {
		scratch.Put(buf)
	}
}

// appendEntry appends {"key":...,"value":...,"version":...}, or, for a write in
// this node's queue, which has no version, its id.
func appendEntry(dst []byte, e *store.Entry) []byte {
	dst = append(dst, `{"key":`...)
	dst = appendString(dst, e.Key)
	if !e.Deleted() {
		dst = append(dst, `,"value":`...)
		dst = append(dst, e.Value...)
	}
	if e.Version.IsZero() {
		dst = append(dst, `,"pending":true,"write_id":"`...)
		dst = append(dst, e.Write.String()...)
		return append(dst, `"}`...)
	}
	dst = append(dst, `,"version":"`...)
	dst = e.Version.Append(dst)
	return append(dst, `"}`...)
}

// matchesETag reports whether a list of entity tags holds that of v, or is *.
func matchesETag(list string, v version.Version) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == `"`+v.String()+`"` {
			return true
		}
	}
	return false
}

// storeError is an error's answer, with the freshness headers.
func (n *Node) storeError(c *fiber.Ctx, err error) error {
	n.setFreshness(c, n.store.Applied())
	return err
}
