package node

import (
	"bytes"
	"encoding/json"
)

// maxPlainDepth is how deep arrays and objects may lie within each other for scan
// to follow; what is deeper is left to encoding/json, which has a bound of its own.
const maxPlainDepth = 64

// scan checks JSON (RFC 8259) in one pass, as strictly as encoding/json does. It tells
// neither where nor why a text is none: for what it refuses, ask encoding/json, which is
// several times slower.
type scan struct {
	text   []byte
	at     int  // Invariant: 0 <= at <= len(text)
	spaces bool // white space was skipped
}

// validJSON reports whether text is JSON. It does not look whether text is UTF-8.
func validJSON(text []byte) bool {
	s := scan{text: text}
	s.skip()
	return s.value(maxPlainDepth) && s.skip().at == len(text) || json.Valid(text)
}

// plainValue is the value in text, compact, if text is an object with one member, called
// name, and plainly so; nil where it is not, or where that would take long to tell. The
// value lies in text, which is changed if white space is taken out of it.
func plainValue(text []byte, name string) []byte {
	s := scan{text: text}
	s.skip()
	if !s.take('{') || !s.skip().take('"') || !bytes.HasPrefix(text[s.at:], []byte(name)) {
		return nil
	}
	s.at += len(name)
	if !s.take('"') || !s.skip().take(':') {
		return nil
	}
	s.skip()
	began := s.at
	s.spaces = false
	valid := s.value(maxPlainDepth)
	ended, spaces := s.at, s.spaces
	if !valid || !s.skip().take('}') {
		return nil
	}
	if s.skip(); s.at < len(text) {
		return nil
	}
	if spaces {
		return compact(text[began:ended])
	}
	return text[began:ended]
}

// compact takes the white space out of valid JSON, in place.
func compact(text []byte) []byte {
	kept := text[:0]
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			kept = append(kept, c)
			i++
		case !quoted && isSpace(c):
			continue
		}
		kept = append(kept, text[i])
	}
	return kept
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// next is the byte to come, 0 at the end: no JSON text holds one outside its strings.
func (s *scan) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// take goes past the byte to come if it is c.
func (s *scan) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

// skip goes past white space.
func (s *scan) skip() *scan {
	for isSpace(s.next()) {
		s.spaces = true
		s.at++
	}
	return s
}

// value goes past a value in which arrays and objects lie at most so deep.
func (s *scan) value(depth int) bool {
	switch c := s.next(); {
	case c == '"':
		s.at++
		return s.string()
	case c == '{' && depth > 0:
		return s.list('}', func() bool {
			return s.take('"') && s.string() && s.skip().take(':') && s.skip().value(depth-1)
		})
	case c == '[' && depth > 0:
		return s.list(']', func() bool { return s.value(depth - 1) })
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.number()
}

// list goes past what is between brackets, with commas between the elements.
func (s *scan) list(end byte, element func() bool) bool {
	s.at++
	if s.skip().take(end) {
		return true
	}
	for element() {
		if s.skip().take(end) {
			return true
		}
		if !s.take(',') {
			return false
		}
		s.skip()
	}
	return false
}

func (s *scan) word(word string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// string goes past a string whose first quote was taken.
func (s *scan) string() bool {
	for i := s.at; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return true
		case c == '\\':
			length := escape(s.text[i+1:])
			if length == 0 {
				return false
			}
			i += length
		case c < ' ':
			return false
		}
	}
	return false
}

// escape is how many bytes behind a backslash belong to it, 0 where they make no sense.
func escape(text []byte) int {
	const hexDigits = 4
	switch {
	case len(text) == 0:
	case bytes.IndexByte([]byte(`"\/bfnrt`), text[0]) >= 0:
		return 1
	case text[0] == 'u' && len(text) > hexDigits:
		for _, c := range text[1 : 1+hexDigits] {
			if !isDigit(c) && (c|0x20 < 'a' || 'f' < c|0x20) {
				return 0
			}
		}
		return 1 + hexDigits
	}
	return 0
}

// number goes past a number.
func (s *scan) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		_ = s.take('+') || s.take('-')
		return s.digits()
	}
	return true
}

// digits goes past one digit or more.
func (s *scan) digits() bool {
	before := s.at
	for isDigit(s.next()) {
		s.at++
	}
	return s.at > before
}
