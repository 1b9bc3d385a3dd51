package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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

// readAtMost reads a stream to its end, or to limit bytes. length, if positive,
// is how long it says it is.
func readAtMost(stream io.Reader, limit, length int) ([]byte, error) {
	if length > 0 {
		return readExactly(stream, min(length, limit))
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(io.LimitReader(stream, int64(limit))); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// readExactly reads so many bytes of a stream, and none beyond them. It holds at most four times what has come.
func readExactly(stream io.Reader, length int) ([]byte, error) {
	body := make([]byte, min(length, trustedBytes))
	for begun := 0; ; {
		n, err := io.ReadFull(stream, body[begun:])
		switch begun += n; {
		case begun == length:
			return body, nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		body = append(body, make([]byte, min(length-begun, 3*begun))...)
	}
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
	body, err := readBody(c, limit+bodySlack)
	if err != nil {
		return "", err
	}
	return parseValue(body, limit)
}

// parseValue takes the value out of a body. Every error is a problem.
func parseValue(body []byte, limit int) (string, error) {
	const want = `the body must be a JSON object with a single member "value", as in {"value": "world"}`
	if !utf8.Valid(body) {
		return "", badRequest("body", "the body is not valid UTF-8; "+want)
	}
	var compact bytes.Buffer
	compact.Grow(len(body))
	if err := json.Compact(&compact, body); err != nil {
		return "", badRequest("body", "the body is not JSON ("+err.Error()+"); "+want)
	}
	value, single := onlyMember(compact.Bytes(), "value")
	if !single {
		return "", badRequest("body", want)
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
