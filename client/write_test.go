package client

import (
	"errors"
	"testing"

	"xylem/sync/version"
)

func TestWhatBecameOfAWrite(t *testing.T) {
	f := &fake{status: 200, body: `{"write_id":"6-17","state":"pending"}`}
	c := serve(t, f)
	w, err := c.Write(t.Context(), "6-17")
	if err != nil || w.ID != "6-17" || w.State != WritePending || !w.Version.IsZero() || string(w.Body) != f.body {
		t.Errorf("pending: %+v, %v", w, err)
	}
	if f.last.Method != "GET" || f.last.URL.Path != "/writes/6-17" {
		t.Errorf("it asked %s %s", f.last.Method, f.last.URL)
	}
	for _, state := range []string{WriteOrdered, WriteSuperseded} {
		f.body = `{"write_id":"6-17","state":"` + state + `","version":"2.7","more":1}`
		if w, err = c.Write(t.Context(), "6-17"); err != nil || w.State != state || w.Version != (version.Version{Epoch: 2, Seq: 7}) {
			t.Errorf("%s: %+v, %v", state, w, err)
		}
	}
	f.body = `{"write_id":"6-17","state":"ordered","version":"seven"}`
	if _, err = c.Write(t.Context(), "6-17"); !errors.Is(err, ErrAnswer) {
		t.Errorf("a version that is none: %v, want ErrAnswer", err)
	}
	f.status, f.body = 404, `{"type":"urn:xylem:problem:no-such-write","status":404,"detail":"ask NODE-6"}`
	if _, err = c.Write(t.Context(), "6/17"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v, want ErrNotFound", err)
	}
}

func TestAPageMarksWhatIsPending(t *testing.T) {
	f := &fake{status: 200, body: `{"entries":[{"key":"a","value":1,"version":"1.2"},{"key":"b","value":2,"pending":true,"write_id":"6-17"}],"next":null}`}
	page, err := serve(t, f).List(t.Context(), "", "", 0)
	if err != nil || len(page.Entries) != 2 {
		t.Fatalf("answered %+v, %v", page, err)
	}
	if a := page.Entries[0]; a.Pending || a.WriteID != "" || a.Version.String() != "1.2" {
		t.Errorf("ordered: %+v", a)
	}
	if b := page.Entries[1]; !b.Pending || b.WriteID != "6-17" || !b.Version.IsZero() {
		t.Errorf("pending: %+v", b)
	}
}
