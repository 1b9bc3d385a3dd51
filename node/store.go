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
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
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
	if bytes.ContainsAny(c.Context().RequestURI(), "?#") {
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
	answer, l := n.store.Get(key), n.lag()
	conditional := mayBeConditional(&c.Request().Header)
	if conditional || !answer.Known {
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
	n.setFreshnessOf(c, answer.AsOf, l)
	if answer.Entry == nil {
		p := &problem{status: http.StatusNotFound, slug: "not-found", detail: "neither this node nor any ancestor that it could reach has the key"}
		if answer.Pending {
			p.detail = "a delete of the key waits in this node's queue"
		}
		return writeProblem(c, p)
	}
	if answer.Pending { // it has no version yet
		n.writeEntry(c, answer.Entry)
		return nil
	}
	setETag(c, answer.Entry.Version)
	if conditional {
		if match := c.Request().Header.Peek(headerNone); len(match) > 0 && matchesETag(string(match), answer.Entry.Version) {
			c.Status(http.StatusNotModified)
			return nil
		}
	}
	n.writeEntry(c, answer.Entry)
	return nil
}

// mayBeConditional reports whether a GET has a header that may ask for more than
// the key: If-None-Match, or one of ours. Looking each of them up by name costs
// more than the read itself.
func mayBeConditional(h *fasthttp.RequestHeader) bool {
	for raw := h.RawHeaders(); len(raw) > 0; {
		if first := raw[0] | 0x20; first == 'i' || first == 'x' {
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

// condition reads the preconditions of a write.
func condition(c *fiber.Ctx) (wire.Condition, error) {
	h := &c.Request().Header
	matches, nones := h.PeekAll(headerMatch), h.PeekAll(headerNone)
	if len(matches)+len(nones) == 0 {
		return wire.Condition{}, nil
	}
	if len(matches)+len(nones) > 1 {
		return wire.Condition{}, badRequest("condition", "a write takes one of If-Match and If-None-Match, once")
	}
	match, none := c.Get(headerMatch), c.Get(headerNone)
	switch {
	case match == "*":
		return wire.Condition{Kind: wire.Exists}, nil
	case len(matches) > 0:
		text, isTag := strings.CutPrefix(match, `"`)
		text, closed := strings.CutSuffix(text, `"`)
		v, err := version.Parse(text)
		if !isTag || !closed || err != nil {
			return wire.Condition{}, badRequest("condition", `If-Match takes one ETag as this API gave it, as in "3.1042", or *`)
		}
		return wire.Condition{Kind: wire.Matches, Version: v}, nil
	case none == "*":
		return wire.Condition{Kind: wire.Absent}, nil
	}
	return wire.Condition{}, badRequest("condition", "If-None-Match of a write takes * only: write if the key is absent")
}

// putStore answers PUT /store/{key}.
func (n *Node) putStore(c *fiber.Ctx) error {
	key, err := pathKey(c)
	if err != nil {
		return n.storeError(c, err)
	}
	value, err := n.readValue(c)
	if err != nil {
		return n.storeError(c, err)
	}
	return n.write(c, wire.Write{Key: strings.Clone(key), Value: value})
}

// deleteStore answers DELETE /store/{key}.
func (n *Node) deleteStore(c *fiber.Ctx) error {
	key, err := pathKey(c)
	if err != nil {
		return n.storeError(c, err)
	}
	return n.write(c, wire.Write{Key: strings.Clone(key)})
}

// write has a client's write ordered and answers with what became of it.
func (n *Node) write(c *fiber.Ctx, w wire.Write) error {
	cond, err := condition(c)
	if err != nil {
		return n.storeError(c, err)
	}
	w.If, w.ID = cond, n.nextWriteID()
	in := &replica.Submit{Writes: []wire.Write{w}, Client: true, Async: prefersAsync(c)}
	res := n.submit(n.working, in).Results[0]
	n.setFreshness(c, version.Max(n.store.Applied(), res.Version))
	e := store.Entry{Key: w.Key, Value: w.Value, Version: res.Version, Write: w.ID}
	switch res.Outcome {
	case wire.Ordered:
		setETag(c, e.Version)
		n.writeEntry(c, &e)
		return nil
	case wire.Pending:
		c.Status(http.StatusAccepted)
		c.Location(pathWrites + w.ID.String())
		n.writeEntry(c, &e)
		return nil
	}
	return n.writeRefusal(c, &w, res)
}

// writeRefusal answers a write that was not ordered, or may not have been.
func (n *Node) writeRefusal(c *fiber.Ctx, w *wire.Write, res wire.Result) error {
	switch res.Outcome {
	case wire.Superseded:
		body := appendString([]byte(`{"key":`), w.Key)
		body = append(body, `,"superseded":true,"version":"`...)
		body = append(res.Version.Append(body), `"}`...)
		c.Response().Header.SetContentType(typeJSON)
		c.Response().SetBodyRaw(body)
		return nil
	case wire.Unmet:
		p := &problem{status: http.StatusPreconditionFailed, slug: "condition-not-met", detail: "the key is absent"}
		if !res.Version.IsZero() {
			p.detail = "the key is at version " + res.Version.String()
			p.with("version", res.Version.String())
			setETag(c, res.Version)
		}
		return p
	case wire.Full:
		return unavailable("root-disk-full", "the root's disk is full; the write was not ordered. Free some space there")
	case wire.QueueFull:
		return &problem{
			status: http.StatusInsufficientStorage, slug: "queue-full",
			detail: "this node has no room to keep the write until the root can be reached: its queue is as long as " +
				"writes.queue_max_bytes lets it be, or its disk is full. The write was certainly not ordered",
		}
	case wire.Unreachable:
		return unavailable("root-unreachable",
			"the root cannot be reached, or its disk has failed; the write was certainly not ordered. Try again")
	default:
		return &problem{
			status: http.StatusGatewayTimeout, slug: "outcome-unknown",
			detail: "no answer came back from the root in time: the write may or may not have been ordered. Read the key",
		}
	}
}
