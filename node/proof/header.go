package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// header is the content of one Xylem-Proof header.
type header struct {
	sender   string
	from, to Instance
	counter  uint64 // from 1
	mac      [sha256.Size]byte
}

// maxCounterDigits is the length of the greatest 64-bit number.
const maxCounterDigits = 20

// maxHeaderBytes is the length of the longest header that can be right.
const maxHeaderBytes = len("v2 sender= from= to= counter= mac=") +
	MaxSenderBytes + 2*hexInstance + maxCounterDigits + 2*sha256.Size

// String is the header as it is sent.
func (h *header) String() string { return string(h.append(make([]byte, 0, maxHeaderBytes))) }

// append writes the header behind text.
func (h *header) append(text []byte) []byte {
	text = append(text, "v2 sender="...)
	text = append(text, h.sender...)
	text = append(text, " from="...)
	text = hex.AppendEncode(text, h.from[:])
	text = append(text, " to="...)
	text = hex.AppendEncode(text, h.to[:])
	text = append(text, " counter="...)
	text = strconv.AppendUint(text, h.counter, 10)
	text = append(text, " mac="...)
	return hex.AppendEncode(text, h.mac[:])
}

// parseHeader reads what String wrote and nothing else: every header has one
// spelling. The sender's name shares memory with text. Errors wrap ErrMissing
// or ErrMalformed.
func parseHeader(text string) (header, error) {
	if text == "" {
		return header{}, ErrMissing
	}
	if len(text) > maxHeaderBytes {
		return header{}, malformed("it is too long")
	}
	var h header
	rest, ok := strings.CutPrefix(text, "v2 ")
	if !ok {
		return header{}, malformed("its format is not v2")
	}
	if h.sender, rest, ok = field(rest, "sender="); !ok || !validSender(h.sender) {
		return header{}, malformed("sender")
	}
	var value string
	if value, rest, ok = field(rest, "from="); !ok || !decodeHex(h.from[:], value) || h.from.IsZero() {
		return header{}, malformed("from")
	}
	if value, rest, ok = field(rest, "to="); !ok || !decodeHex(h.to[:], value) {
		return header{}, malformed("to")
	}
	if value, rest, ok = field(rest, "counter="); !ok || !parseCounter(&h.counter, value) {
		return header{}, malformed("counter")
	}
	if value, ok = strings.CutPrefix(rest, "mac="); !ok || !decodeHex(h.mac[:], value) {
		return header{}, malformed("mac")
	}
	return h, nil
}

// malformed says which part of the header is not as it must be. It does not
// repeat what a stranger sent.
func malformed(part string) error { return fmt.Errorf("%s: %w", part, ErrMalformed) }

// field takes "name=value " from the front of text.
func field(text, name string) (value, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, name)
	if !ok {
		return "", "", false
	}
	return strings.Cut(text, " ")
}

// parseCounter reads a decimal number above 0 without sign or leading zero.
func parseCounter(counter *uint64, text string) bool {
	if text == "" || len(text) > maxCounterDigits || text[0] < '1' || text[0] > '9' {
		return false
	}
	parsed, err := strconv.ParseUint(text, 10, 64)
	*counter = parsed
	return err == nil
}

// validSender reports whether a name can stand in the header; see ErrSenderName.
func validSender(name string) bool {
	if name == "" || len(name) > MaxSenderBytes {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
