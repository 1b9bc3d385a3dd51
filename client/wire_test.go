package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"xylem/sync/version"
)

// The request lines of awkward keys, byte for byte.
func TestRequestLinesAreGolden(t *testing.T) {
	s := newRawServer(t, func(int) string { return respond(200, `{"key":"k","version":"1.1"}`) })
	c := newClient(t, s.url)
	ctx := context.Background()
	keys := []string{
		"hello", "a/b", ".", "..", "a/../b", "../..", "%", "%2F", "?", "#", "+", "a b", "ключ", "a.b-c_d~e",
		"*;,:@&=$!'()[]", "\x01\n\"\\", "x/", "/x", "//", "-5", "\x00", "\xff",
	}
	for _, key := range keys {
		if _, err := c.Get(ctx, key); err != nil {
			t.Fatalf("GET %q: %v", key, err)
		}
	}
	_, _ = c.Put(ctx, "a/b", json.RawMessage("1.50"))
	_, _ = c.Delete(ctx, "..")
	_, _ = c.List(ctx, "", "", 0)
	_, _ = c.List(ctx, "a+b c/", "ключ&#", 7)
	_, _, _ = c.Nodes(ctx)
	_, _ = c.Structure(ctx)
	_, _ = c.Ancestors(ctx, "NODE-5")
	_, _ = c.Status(ctx)
	_, _ = c.Synchronization(ctx)
	_ = c.Ready(ctx)
	behind := newClient(t, s.url+"/behind/a%2Fproxy/")
	_, _ = behind.Get(ctx, "a/b")

	var got strings.Builder
	for _, request := range s.seen() {
		line, _, _ := strings.Cut(request, "\r\n")
		got.WriteString(line + "\n")
	}
	want, err := os.ReadFile("testdata/request_lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("request lines differ from testdata/request_lines.txt; got:\n%s", got.String())
	}
}

func TestPutSendsTheValueDigitForDigit(t *testing.T) {
	s := newRawServer(t, func(int) string { return respond(200, `{"key":"k","version":"1.1"}`) })
	c := newClient(t, s.url)
	value := json.RawMessage(`[1.500, 1e400, 12345678901234567890, "<&>"]`)
	if _, err := c.Put(context.Background(), "k", value, IfMatch(version.Version{Epoch: 3, Seq: 9}), RespondAsync()); err != nil {
		t.Fatal(err)
	}
	request := s.seen()[0]
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	if want := `{"value":` + string(value) + `}`; body != want {
		t.Errorf("body %s, want %s", body, want)
	}
	for _, want := range []string{
		`If-Match: "3.9"`, "Prefer: respond-async", "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)),
	} {
		if !strings.Contains(head, "\r\n"+want) {
			t.Errorf("no header %s in\n%s", want, head)
		}
	}
	if _, err := c.Put(context.Background(), "k", json.RawMessage(`1,"x":2`)); !errors.Is(err, ErrValue) {
		t.Errorf("a value that is no JSON: %v, want ErrValue", err)
	}
	if n := len(s.seen()); n != 1 {
		t.Errorf("%d requests, want 1: what is not JSON is not sent", n)
	}
}

// A connection that dies after a request was sent on it: net/http repeats the GET, and must not repeat a write.
func TestAWriteIsSentOnce(t *testing.T) {
	ctx := context.Background()
	requests := map[string]func(*Client) error{
		"GET":    func(c *Client) error { _, err := c.Get(ctx, "k"); return err },
		"PUT":    func(c *Client) error { _, err := c.Put(ctx, "k", json.RawMessage("1")); return err },
		"DELETE": func(c *Client) error { _, err := c.Delete(ctx, "k"); return err },
	}
	for method, request := range requests {
		s := newRawServer(t, func(n int) string {
			if n == 2 {
				return ""
			}
			return respond(200, `{"key":"k","version":"1.1"}`)
		})
		c := newClient(t, s.url)
		if err := request(c); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		err := request(c)
		if method == "GET" {
			if err != nil || len(s.seen()) != 3 {
				t.Errorf("GET: %v after %d requests; net/http used to repeat it: does this test still have teeth?", err, len(s.seen()))
			}
			continue
		}
		if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s whose answer was lost: %v, want ErrOutcomeUnknown and ErrUnreachable", method, err)
		}
		if n := len(s.seen()); n != 2 {
			t.Errorf("%s: the server saw %d requests, want 2", method, n)
		}
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	listener.Close()
	c := newClient(t, url)
	_, err = c.Put(context.Background(), "k", json.RawMessage("1"))
	if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("nobody listens: %v, want ErrUnreachable and not ErrOutcomeUnknown", err)
	}

	hang := make(chan struct{})
	s := newRawServer(t, func(int) string { <-hang; return "" })
	t.Cleanup(func() { close(hang) })
	slow := newClient(t, s.url, WithTimeout(30*time.Millisecond))
	if _, err = slow.Get(context.Background(), "k"); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a node that hangs: %v, want ErrUnreachable and DeadlineExceeded", err)
	}
	if _, err = slow.Delete(context.Background(), "k"); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a write to a node that hangs: %v, want ErrOutcomeUnknown", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = c.Get(ctx, "k"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("cancelled by the caller: %v, want Canceled alone", err)
	}
}
