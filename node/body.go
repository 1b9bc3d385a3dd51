package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// discardBytes is how much of a body that is too large is read on and thrown
// away: enough for what a client has already sent.
const discardBytes = 8 << 20

// bodySlack is what a request may hold beside its value: {"value": }, and white
// space.
const bodySlack = 64 << 10

// wellFramed reports whether everybody agrees where the request ends: with both a
// length and chunks, white space before a header's colon, or a header folded over
// two lines, a proxy before this node could see another request behind it than
// this node does (request smuggling; RFC 9112, sections 5.1, 5.2 and 6.1). The HTTP
// server takes all three.
func wellFramed(h *fasthttp.RequestHeader) bool {
	raw := h.RawHeaders()
	if h.ContentLength() == chunked && bytes.Contains(bytes.ToLower(raw), []byte("content-length")) {
		return false
	}
	if bytes.Contains(raw, []byte("\n ")) || bytes.Contains(raw, []byte("\n\t")) {
		return false
	}
	if !bytes.Contains(raw, []byte(" :")) {
		return true // a tab there the server refuses
	}
	for line := range bytes.Lines(raw) {
		if name, _, _ := bytes.Cut(line, []byte(":")); bytes.HasSuffix(name, []byte(" ")) {
			return false
		}
	}
	return true
}

func tooLarge(limit int) *problem {
	return &problem{status: http.StatusRequestEntityTooLarge, slug: "too-large", detail: fmt.Sprintf("the request's body has more than %d bytes; see api.max_value_bytes", limit)}
}

// trustedBytes is how much of a body is believed to come before any of it has
// come: whoever says more and sends nothing makes the node hold no more.
const trustedBytes = 64 << 10

// readAtMost appends a stream to dst, to the stream's end, or limit bytes of it. length,
// if positive, is how long it says it is.
func readAtMost(dst []byte, stream io.Reader, limit, length int) ([]byte, error) {
	before := len(dst)
	dst = slices.Grow(dst, min(max(length, 0), limit, trustedBytes)+1)
	for len(dst)-before < limit && (length <= 0 || len(dst)-before < length) {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, len(dst))
		}
		n, err := stream.Read(dst[len(dst):min(cap(dst), before+limit)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return dst, err
		}
	}
	if length > 0 && len(dst)-before < min(length, limit) {
		return dst, io.ErrUnexpectedEOF
	}
	return dst, nil
}

// discard reads some of a body that is of no use. It never fails: what it cannot
// read it leaves.
func discard(stream io.Reader, length int) {
	_, _ = io.CopyN(io.Discard, stream, int64(min(length, discardBytes)))
}

// readValue reads the body of a PUT: an object with one member, "value", of any
// JSON. It returns the value as compact JSON, its numbers as they came.
func (n *Node) readValue(c *fiber.Ctx) (string, error) {
	limit := n.opts.Config.API.MaxValueBytes
	buf := scratch.Get().(*[]byte)
	defer putScratch(buf)
	var err error
	if *buf, err = appendBody((*buf)[:0], c, limit+bodySlack); err != nil {
		return "", err
	}
	return parseValue(*buf, limit)
}

// parseValue takes the value out of a body, which it may change. Every error is a problem.
func parseValue(body []byte, limit int) (string, error) {
	const want = `the body must be a JSON object with a single member "value", as in {"value": "world"}`
	if !utf8.Valid(body) {
		return "", badRequest("body", "the body is not valid UTF-8; "+want)
	}
	value := plainValue(body, "value")
	if value == nil {
		var compact bytes.Buffer
		if err := json.Compact(&compact, body); err != nil {
			return "", badRequest("body", "the body is not JSON ("+err.Error()+"); "+want)
		}
		var single bool
		if value, single = onlyMember(compact.Bytes(), "value"); !single {
			return "", badRequest("body", want)
		}
	}
	if len(value) > limit {
		return "", &problem{
			status: fiber.StatusRequestEntityTooLarge, slug: "too-large",
			detail: fmt.Sprintf("the value has %d bytes of JSON, at most %d are taken; see api.max_value_bytes", len(value), limit),
		}
	}
	return string(value), nil
}

// onlyMember is the value of the member called name, and whether the JSON text,
// compact and valid, is an object that has this member and no other. A second one
// of the same name is another, which encoding/json would not tell.
func onlyMember(text []byte, name string) ([]byte, bool) {
	rest, isObject := bytes.CutPrefix(text, []byte("{"))
	rest, _ = bytes.CutSuffix(rest, []byte("}"))
	// However name's letters are escaped, there is no colon among them.
	quoted, value, found := bytes.Cut(rest, []byte(":"))
	var unquoted string
	if !isObject || !found || json.Unmarshal(quoted, &unquoted) != nil || unquoted != name {
		return nil, false
	}
	return value, json.Valid(value) // 1,"value":2 is not
}
