package client

import (
	"errors"
	"net/http"
	"testing"
)

func TestMoveRoot(t *testing.T) {
	f := &fake{status: 200, body: `{"root":"NODE-3","address":"http://h:3","epoch":7,"new":1}`}
	c := serve(t, f)
	root, err := c.MoveRoot(t.Context(), "NODE-3")
	if err != nil || root.Root != "NODE-3" || root.Address != "http://h:3" || root.Epoch != 7 || string(root.Body) != f.body {
		t.Errorf("%+v, %v", root, err)
	}
	if f.last.Method != http.MethodPost || f.last.URL.Path != "/nodes/root" {
		t.Errorf("asked %s %s", f.last.Method, f.last.URL)
	}
	f.body = `{}`
	if _, err := c.MoveRoot(t.Context(), "NODE-3"); !errors.Is(err, ErrAnswer) {
		t.Errorf("some other JSON: %v, want ErrAnswer", err)
	}
	f.status, f.body = 409, `{"type":"urn:xylem:problem:embedded","detail":"no"}`
	var p *Problem
	if _, err := c.MoveRoot(t.Context(), "NODE-3"); !errors.As(err, &p) || !errors.Is(err, ErrConflict) || p.Type != "urn:xylem:problem:embedded" {
		t.Errorf("%v, want a problem", err)
	}
	f.status = 504
	if _, err := c.MoveRoot(t.Context(), "NODE-3"); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("%v, want ErrOutcomeUnknown", err)
	}
}
