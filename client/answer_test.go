package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"xylem/sync/version"
)

// fake is a node that gives one answer and remembers the last request.
type fake struct {
	status int
	header map[string]string
	body   string
	last   *http.Request
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.last = r
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.status)
	_, _ = w.Write([]byte(f.body))
}

func serve(t *testing.T, f *fake) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return newClient(t, server.URL)
}

func TestAnswerCarriesItsFreshness(t *testing.T) {
	f := &fake{status: 200, body: `{"key":"a/b","value":1.50,"version":"1.42","more":true}`, header: map[string]string{
		"Xylem-Node": "NODE-6", "Xylem-Version": "1.44", "Xylem-Lag-Ms": "3120.5", "ETag": `"1.42"`,
	}}
	a, err := serve(t, f).Get(context.Background(), "a/b", MinVersion(version.Version{Epoch: 1, Seq: 40}),
		MaxLag(500*time.Millisecond), FreshWithin(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if a.Key != "a/b" || string(a.Value) != "1.50" || a.Version != (version.Version{Epoch: 1, Seq: 42}) || a.Status != 200 {
		t.Errorf("answer %+v", a)
	}
	if a.Node != "NODE-6" || a.AsOf.String() != "1.44" || !a.LagKnown || a.Lag != 3120500*time.Microsecond || a.ETag != `"1.42"` {
		t.Errorf("freshness %+v", a.Freshness)
	}
	for name, want := range map[string]string{"Xylem-Min-Version": "1.40", "Xylem-Max-Lag-Ms": "500", "Xylem-Timeout-Ms": "1000"} {
		if got := f.last.Header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
}

func TestAnswerVariants(t *testing.T) {
	ctx := context.Background()
	f := &fake{status: 202, body: `{"key":"k","pending":true,"write_id":"6-17"}`, header: map[string]string{
		"Xylem-Lag-Ms": "unknown", "Location": "/writes/6-17",
	}}
	c := serve(t, f)
	a, err := c.Put(ctx, "k", json.RawMessage("null"))
	if err != nil || !a.Pending || a.WriteID != "6-17" || a.Location != "/writes/6-17" || a.LagKnown || !a.Version.IsZero() {
		t.Errorf("202: %+v, %v", a, err)
	}
	f.status, f.body = 200, `{"key":"k","superseded":true,"version":"2.7"}`
	if a, err = c.Delete(ctx, "k"); err != nil || !a.Superseded || a.Version.String() != "2.7" {
		t.Errorf("superseded: %+v, %v", a, err)
	}
	f.body = `{"key":"k","value":null,"version":"2.7"}`
	if a, err = c.Get(ctx, "k"); err != nil || string(a.Value) != "null" {
		t.Errorf("null is a value: %+v, %v", a, err)
	}
	f.status, f.body = 304, ""
	if a, err = c.Get(ctx, "k", IfNoneMatch(version.Version{Epoch: 2, Seq: 7})); err != nil || a.Status != 304 || a.Value != nil {
		t.Errorf("304: %+v, %v", a, err)
	}
	if got := f.last.Header.Get("If-None-Match"); got != `"2.7"` {
		t.Errorf("If-None-Match %s", got)
	}
	f.status, f.body = 200, "<html>"
	if _, err = c.Get(ctx, "k"); !errors.Is(err, ErrAnswer) {
		t.Errorf("a web page: %v, want ErrAnswer", err)
	}
	f.body = `{}`
	if _, err = c.Get(ctx, "k"); !errors.Is(err, ErrAnswer) {
		t.Errorf("some other JSON: %v, want ErrAnswer", err)
	}
}

func TestProblemIsAnError(t *testing.T) {
	f := &fake{status: 403, header: map[string]string{"Xylem-Node": "NODE-2", "Xylem-Version": "1.9"}, body: `{
		"type":"about:blank","title":"Forbidden","status":403,"detail":"only the root\nknows","instance":"/x",
		"root":"NODE-1","address":"http://localhost:5001","n":3}`}
	_, _, err := serve(t, f).Nodes(context.Background())
	var p *Problem
	if !errors.As(err, &p) || !errors.Is(err, ErrForbidden) || errors.Is(err, ErrNotFound) {
		t.Fatalf("%v, want a Problem that is ErrForbidden", err)
	}
	if p.Extension("root") != "NODE-1" || p.Extension("address") != "http://localhost:5001" || p.Extension("n") != "" || p.Extension("no") != "" {
		t.Errorf("extensions %v", p.Extensions)
	}
	if p.Type != "about:blank" || p.Title != "Forbidden" || p.Instance != "/x" || p.AsOf.String() != "1.9" || p.Node != "NODE-2" {
		t.Errorf("problem %+v", p)
	}
	if p.Error() != "403 only the root knows" {
		t.Errorf("text %q", p.Error())
	}
}

func TestProblemSentinels(t *testing.T) {
	ctx := context.Background()
	f := &fake{body: "plain text\x1b[31m"}
	c := serve(t, f)
	for status, want := range sentinels {
		f.status = status
		if _, err := c.Put(ctx, "k", json.RawMessage("1"), IfAbsent()); !errors.Is(err, want) || !strings.Contains(err.Error(), "plain text [31m") {
			t.Errorf("%d: %v, want %v", status, err, want)
		}
	}
	if got := f.last.Header.Get("If-None-Match"); got != "*" {
		t.Errorf("If-None-Match %s, want *", got)
	}
	f.status = 504
	if _, err := c.Get(ctx, "k"); errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a read has no outcome to doubt: %v", err)
	} else if !errors.Is(err, ErrNotFresh) {
		t.Errorf("a read without an answer in time: %v, want ErrNotFresh", err)
	}
	f.status, f.header = 302, map[string]string{"Location": "/elsewhere"}
	var p *Problem
	if _, err := c.Get(ctx, "k"); !errors.As(err, &p) || p.Status != 302 {
		t.Errorf("redirects are not followed: %v", err)
	}
}

func TestBaseURL(t *testing.T) {
	for _, text := range []string{"", "localhost:5001", "ftp://x", "http://", "http://a b", "http://x/?q=1", "::"} {
		if _, err := New(text).Get(context.Background(), "k"); !errors.Is(err, ErrBaseURL) {
			t.Errorf("%q: %v, want ErrBaseURL", text, err)
		}
	}
	if got := New("http://x:1/p/").BaseURL(); got != "http://x:1/p" {
		t.Errorf("base %s", got)
	}
}

func TestWithHTTPClientLeavesTheCallersAlone(t *testing.T) {
	own := &http.Client{}
	c := newClient(t, "http://localhost", WithHTTPClient(own), WithTimeout(time.Second))
	if own.Timeout != 0 || own.CheckRedirect != nil || c.http.Timeout != time.Second {
		t.Error("the caller's client was changed, or the option ignored")
	}
}
