package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"xylem/sync/version"
)

// ErrAnswer says that what answered is no node of Xylem: its answer cannot be read.
var ErrAnswer = errors.New("not an answer of a Xylem node")

// Freshness is how fresh an answer is, as its headers say; on errors too, where a node answered.
type Freshness struct {
	Node     string          // who answered
	AsOf     version.Version // the version as of which the answer holds
	Lag      time.Duration   // since the root sent what this node last heard of being up to date
	LagKnown bool            // false until the node has heard from the root
	ETag     string          // of the entry, with its quotes; empty where there is no entry
}

// Answer is what a node said to a read or write of one key.
type Answer struct {
	Freshness
	Status     int             // 200, 202, or 304 for a GET with IfNoneMatch
	Key        string          // as the node understood it
	Value      json.RawMessage // as it was written, digit for digit; nil for a DELETE or 304
	Version    version.Version // of the entry; of the winner when Superseded; zero when Pending
	Pending    bool            // 202: durable on that node, to be ordered
	Superseded bool            // a later write had won already
	WriteID    string          // of a pending write
	Location   string          // where to ask what became of a pending write
	Body       json.RawMessage // the whole answer, as it came
}

// answer reads the members of an answer to /store/{key}. Members it does not know are left in Body.
func (r *reply) answer() (*Answer, error) {
	a := &Answer{Freshness: freshness(r.header), Status: r.status, Location: r.header.Get("Location")}
	if r.status == http.StatusNotModified {
		return a, nil
	}
	var doc struct {
		Key        *string         `json:"key"`
		Value      json.RawMessage `json:"value"`
		Version    string          `json:"version"`
		Pending    bool            `json:"pending"`
		Superseded bool            `json:"superseded"`
		WriteID    string          `json:"write_id"`
	}
	if err := lenient(r.body, &doc); err != nil {
		return nil, err
	}
	if doc.Key == nil {
		return nil, fmt.Errorf("no member \"key\": %w", ErrAnswer)
	}
	a.Key, a.Value, a.Body = *doc.Key, doc.Value, r.body
	a.Pending, a.Superseded, a.WriteID = doc.Pending, doc.Superseded, doc.WriteID
	if doc.Version != "" {
		v, err := version.Parse(doc.Version)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
		}
		a.Version = v
	}
	return a, nil
}

func freshness(h http.Header) Freshness {
	f := Freshness{Node: h.Get("Xylem-Node"), ETag: h.Get("ETag")}
	if v, err := version.Parse(h.Get("Xylem-Version")); err == nil {
		f.AsOf = v
	}
	if ms, err := strconv.ParseFloat(h.Get("Xylem-Lag-Ms"), 64); err == nil && ms >= 0 {
		f.Lag, f.LagKnown = time.Duration(ms*float64(time.Millisecond)), true
	}
	return f
}

// lenient decodes what nodes of other releases may say differently: unknown members are skipped, and a member of
// another type than expected is left at its zero value.
func lenient(body []byte, doc any) error {
	err := json.Unmarshal(body, doc)
	var mistyped *json.UnmarshalTypeError
	if err == nil || (errors.As(err, &mistyped) && mistyped.Field != "") {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrAnswer, err)
}
