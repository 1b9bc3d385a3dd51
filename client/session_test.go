package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"xylem/sync/version"
)

// A session writes at one node and reads at another, which asks upward if it has not heard of the write yet.
func ExampleSession() {
	ctx := context.Background()
	leaf, other := New("http://localhost:5006"), New("http://localhost:5007")
	var session Session
	if _, err := session.Put(ctx, leaf, "hello", json.RawMessage(`"world"`)); err != nil {
		fmt.Println(err)
		return
	}
	answer, err := session.Get(ctx, other, "hello")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(answer.Value))
}

func TestASessionPassesOnTheHighestVersion(t *testing.T) {
	ctx := context.Background()
	f := &fake{status: 200, header: map[string]string{}}
	c := serve(t, f)
	var s Session
	step := func(asOf, body string, want string, do func() error) {
		t.Helper()
		f.header["Xylem-Version"], f.body = asOf, body
		if err := do(); err != nil && f.status == 200 {
			t.Error(err)
		}
		if got := s.Version().String(); got != want {
			t.Errorf("the session has seen %s, want %s", got, want)
		}
	}
	get := func() error { _, err := s.Get(ctx, c, "k"); return err }
	put := func() error { _, err := s.Put(ctx, c, "k", json.RawMessage(`1`)); return err }
	entry := `{"key":"k","value":1,"version":"1.40"}`

	step("1.42", entry, "1.42", get)
	if got := f.last.Header.Get("Xylem-Min-Version"); got != "" {
		t.Errorf("the first read asked for %q", got)
	}
	step("1.43", `{"key":"k","value":1,"version":"1.44"}`, "1.44", put)
	if got := f.last.Header.Get("Xylem-Min-Version"); got != "" {
		t.Errorf("a write asked for %q", got)
	}
	step("1.43", entry, "1.44", get) // by a node that does not know the header
	if got := f.last.Header.Get("Xylem-Min-Version"); got != "1.44" {
		t.Errorf("a read asked for %q", got)
	}
	step("1.50", `{"entries":[]}`, "1.50", func() error { _, err := s.List(ctx, c, "", "", 0); return err })
	step("1.51", `{"key":"k","version":"1.51"}`, "1.51", func() error { _, err := s.Delete(ctx, c, "k"); return err })
	step("1.51", `{"key":"k","pending":true}`, "1.51", put)

	f.status = 404
	step("1.60", `{}`, "1.60", get) // an absence is an answer, too
	for _, status := range []int{409, 503, 504} {
		f.status = status
		step("2.70", `{}`, "1.60", get)
		step("2.70", `{}`, "1.60", func() error { _, err := s.List(ctx, c, "", "", 0); return err })
	}
	if got := f.last.Header.Get("Xylem-Min-Version"); got != "1.60" {
		t.Errorf("a page asked for %q", got)
	}
	s.Reset()
	f.status = 200
	step("2.70", entry, "2.70", get)
	if got := f.last.Header.Get("Xylem-Min-Version"); got != "" {
		t.Errorf("after Reset a read asked for %q", got)
	}
}

func TestASessionReturnsWhatWasAbandoned(t *testing.T) {
	f := &fake{status: 409, body: `{"type":"urn:xylem:problem:version-abandoned","detail":"version 1.48 is on no history"}`}
	var s Session
	s.Saw(version.Version{Epoch: 1, Seq: 48})
	if _, err := s.Get(context.Background(), serve(t, f), "k"); !errors.Is(err, ErrConflict) || !errors.Is(err, ErrAbandoned) {
		t.Errorf("%v, want ErrConflict and ErrAbandoned", err)
	}
	if got := s.Version(); got.Seq != 48 {
		t.Errorf("the session went on by itself to %v", got)
	}
}

func TestASessionMayBeShared(t *testing.T) {
	var s Session
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for seq := range uint64(1000) {
				before := s.Version()
				s.Saw(version.Version{Epoch: 1, Seq: seq*8 + uint64(i)})
				if s.Version().Before(before) {
					t.Error("it went back")
				}
			}
		})
	}
	all.Wait()
	if got := s.Version().Seq; got != 7999 {
		t.Errorf("it has seen %d", got)
	}
}
