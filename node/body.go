package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
	"unsafe"

	"github.com/gofiber/fiber/v2"
)

// discardBytes is how much of a body that is too large is read on and thrown
// away: enough for what a client has already sent.
const discardBytes = 8 << 20

// bodySlack is what a request may hold beside its value: {"value": }, and white
// space.
const bodySlack = 64 << 10

func tooLargeDetail(limit int) string {
	return fmt.Sprintf("the request's body has more than %d bytes; see api.max_value_bytes", limit)
}

// readAtMost reads a stream to its end, or to limit bytes. length, if positive,
// is how long it says it is.
func readAtMost(stream io.Reader, limit, length int) ([]byte, error) {
	var buf bytes.Buffer
	if length > 0 {
		buf.Grow(length + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(stream, int64(limit))); err != nil {
		return nil, err
	}
	if length > 0 && buf.Len() < min(length, limit) {
		return nil, io.ErrUnexpectedEOF
	}
	return buf.Bytes(), nil
}

// discard reads some of a body that is of no use. It never fails: what it cannot
// read it leaves.
func discard(stream io.Reader, length int) error {
	_, _ = io.CopyN(io.Discard, stream, int64(min(length, discardBytes)))
	return nil
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
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return "", badRequest("body", "the body cannot be read ("+err.Error()+"); "+want)
	}
	raw, found := members["value"]
	if !found || len(members) != 1 {
		return "", badRequest("body", want)
	}
	var compact bytes.Buffer
	compact.Grow(len(raw))
	if err := json.Compact(&compact, raw); err != nil {
		return "", badRequest("body", "the value cannot be read ("+err.Error()+"); "+want)
	}
	if compact.Len() > limit {
		return "", &problem{
			status: fiber.StatusRequestEntityTooLarge, slug: "too-large",
			detail: fmt.Sprintf("the value has %d bytes of JSON, at most %d are taken; see api.max_value_bytes", compact.Len(), limit),
		}
	}
	// The buffer is not touched again, so its bytes may be a string.
	return unsafe.String(unsafe.SliceData(compact.Bytes()), compact.Len()), nil
}
