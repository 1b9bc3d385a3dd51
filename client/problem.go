package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode"
)

// What a Problem may be asked for with errors.Is. ErrOutcomeUnknown is one of them, for 504.
var (
	ErrInvalid      = errors.New("request refused as invalid")          // 400
	ErrForbidden    = errors.New("not for this node, or not for you")   // 403
	ErrNotFound     = errors.New("not found")                           // 404
	ErrConflict     = errors.New("conflict")                            // 409
	ErrPrecondition = errors.New("condition does not hold")             // 412
	ErrTooLarge     = errors.New("too large")                           // 413
	ErrQueueFull    = errors.New("queue of pending writes is full")     // 507
	ErrUnavailable  = errors.New("unavailable; certainly not executed") // 503
	ErrNotFresh     = errors.New("nothing as fresh in time")            // 504 to a read
	ErrAbandoned    = errors.New("the version was abandoned")           // 409 to a read as of a version
)

// typeAbandoned is the type of a problem that is ErrAbandoned, beside ErrConflict.
const typeAbandoned = "urn:xylem:problem:version-abandoned"

var sentinels = map[int]error{
	http.StatusBadRequest:            ErrInvalid,
	http.StatusForbidden:             ErrForbidden,
	http.StatusNotFound:              ErrNotFound,
	http.StatusConflict:              ErrConflict,
	http.StatusPreconditionFailed:    ErrPrecondition,
	http.StatusRequestEntityTooLarge: ErrTooLarge,
	http.StatusServiceUnavailable:    ErrUnavailable,
	http.StatusGatewayTimeout:        ErrOutcomeUnknown,
	http.StatusInsufficientStorage:   ErrQueueFull,
}

// Problem is an answer other than 2xx, as an error: an RFC 9457 problem document. Of an answer that is none, Detail
// is the text that came.
type Problem struct {
	Freshness
	Type       string
	Title      string
	Status     int // the HTTP status
	Detail     string
	Instance   string
	Extensions map[string]json.RawMessage // members beyond those above
	write      bool
}

// Error is status and detail in one line.
func (p *Problem) Error() string {
	return strconv.Itoa(p.Status) + " " + p.Text()
}

// Text says what was wrong in one line without the status: the detail, or the title where there is none.
func (p *Problem) Text() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if text == "" {
		text = http.StatusText(p.Status)
	}
	return oneLine(text)
}

// Is reports whether target is the sentinel of this status. A 504 is ErrOutcomeUnknown for a write, ErrNotFresh for a
// read.
func (p *Problem) Is(target error) bool {
	switch {
	case target == ErrOutcomeUnknown && !p.write:
		return false
	case target == ErrNotFresh:
		return p.Status == http.StatusGatewayTimeout && !p.write
	case target == ErrAbandoned:
		return p.Type == typeAbandoned
	}
	sentinel, known := sentinels[p.Status]
	return known && target == sentinel
}

// Extension returns a member beyond RFC 9457's own as text; empty when it is missing or no string.
func (p *Problem) Extension(name string) string {
	var text string
	if json.Unmarshal(p.Extensions[name], &text) != nil {
		return ""
	}
	return text
}

// problem turns an error answer into a Problem, whatever its body is.
func (r *reply) problem(write bool) *Problem {
	p := &Problem{Freshness: freshness(r.header), Status: r.status, write: write}
	var members map[string]json.RawMessage
	if json.Unmarshal(r.body, &members) != nil || members == nil {
		p.Title = http.StatusText(r.status)
		p.Detail = string(bytes.TrimSpace(r.body[:min(len(r.body), 300)]))
		return p
	}
	for name, into := range map[string]*string{
		"type": &p.Type, "title": &p.Title, "detail": &p.Detail, "instance": &p.Instance,
	} {
		_ = json.Unmarshal(members[name], into) // a member of another type counts as missing
		delete(members, name)
	}
	delete(members, "status")
	p.Extensions = members
	return p
}

// oneLine keeps what a node sent from breaking lines or steering a terminal.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsControl(r)
	}), " ")
}
