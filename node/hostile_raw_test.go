package node

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// raw is a connection on which a test says exactly the bytes that it wants.
type raw struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// reply is what came back for one request.
type reply struct {
	status int
	header http.Header
	body   []byte
	closes bool // the server said that it closes the connection
}

func (p *process) dial(t *testing.T) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &raw{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// say sends bytes. That the server stopped listening in between is no failure: it
// may have answered already.
func (r *raw) say(text string) { _, _ = io.WriteString(r.conn, text) }

// hear reads the next answer.
func (r *raw) hear(method string) (reply, error) {
	resp, err := http.ReadResponse(r.in, &http.Request{Method: method})
	if err != nil {
		return reply{}, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return reply{status: resp.StatusCode, header: resp.Header, body: body, closes: resp.Close}, err
}

func (r *raw) mustHear(method string) reply {
	r.t.Helper()
	answer, err := r.hear(method)
	if err != nil {
		r.t.Fatalf("no answer to read: %v", err)
	}
	return answer
}

// closed reports whether the server has nothing more to say and hung up.
func (r *raw) closed() error {
	rest, err := io.ReadAll(r.in)
	var timeout net.Error
	switch {
	case len(rest) > 0:
		return fmt.Errorf("after the answer came %.200q", rest)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("the connection stays open")
	}
	return nil // the end, or a reset, for it may have left unread what was sent
}

// ask sends one request on a connection of its own, and holds that the connection
// is either closed after the answer or takes the next request.
func (p *process) ask(t *testing.T, request string) reply {
	t.Helper()
	r := p.dial(t)
	r.say(request)
	method, _, _ := strings.Cut(request, " ")
	answer := r.mustHear(method)
	if answer.closes {
		if err := r.closed(); err != nil {
			t.Errorf("after %.60q: %v", request, err)
		}
		return answer
	}
	r.say("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if next := r.mustHear(http.MethodGet); next.status != http.StatusOK || string(next.body) != `{"status":"alive"}` {
		t.Errorf("after %.60q the connection is of no use: %d %s", request, next.status, next.body)
	}
	return answer
}

// requestText writes a request with a body, if not empty, and headers.
func requestText(method, target, body string, headers ...string) string {
	head := method + " " + target + " HTTP/1.1\r\nHost: x\r\n"
	if body != "" {
		head += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	for _, h := range headers {
		head += h + "\r\n"
	}
	return head + "\r\n" + body
}

// internals are words that an answer to a stranger must not have.
var internals = []string{
	"goroutine", ".go", "fasthttp", "fiber", "runtime", "panic", "json:", "Go value", "Go struct", "unexpected EOF", "0xc0",
	"/root/", "/tmp/", "unmarshal", "%!",
}

// wantProblem holds an answer against what every problem document has.
func wantProblem(t *testing.T, got reply, status int, slug string) {
	t.Helper()
	var document struct {
		Type, Title, Detail string
		Status              int
	}
	if got.status != status || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("answered %d %s %.300s, want the problem %d %s", got.status, got.header.Get("Content-Type"), got.body, status, slug)
		return
	}
	if err := json.Unmarshal(got.body, &document); err != nil {
		t.Errorf("the problem document %.300q: %v", got.body, err)
		return
	}
	if document.Type != problemType+slug || document.Status != status || document.Title != http.StatusText(status) {
		t.Errorf("the problem is %+v, want %d %s", document, status, slug)
	}
	if len(strings.Fields(document.Detail)) < 5 {
		t.Errorf("the detail %q is no sentence", document.Detail)
	}
	for _, word := range internals {
		if strings.Contains(document.Detail, word) {
			t.Errorf("the detail shows internals (%q): %s", word, document.Detail)
		}
	}
}

// wantFreshness holds that an answer of the store says who answers, as of when.
func wantFreshness(t *testing.T, got reply) {
	t.Helper()
	for _, name := range []string{headerNode, headerVersion, headerLag} {
		if got.header.Get(name) == "" {
			t.Errorf("the answer %d %.100s lacks %s", got.status, got.body, name)
		}
	}
}

// holdings is a node's whole visible state, to be compared.
func (p *process) holdings(t *testing.T) string {
	t.Helper()
	var state struct {
		Version, Digest string
		TreeID          string `json:"tree_id"`
		Epoch           uint64
		History         []string
		Floor           string
	}
	if err := json.Unmarshal(p.get(t, pathSynchronize).body, &state); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v\n%s", state, p.get(t, "/store?limit=1000").body)
}

// get reads a path with a connection of its own.
func (p *process) get(t *testing.T, target string) reply {
	t.Helper()
	return p.ask(t, requestText(http.MethodGet, target, ""))
}

// unchanged fails a test that changes what a node holds.
func (p *process) unchanged(t *testing.T) {
	t.Helper()
	before := p.holdings(t)
	t.Cleanup(func() {
		if after := p.holdings(t); after != before {
			t.Errorf("the state was\n%s\nand now is\n%s", before, after)
		}
	})
}

// nothingLeftOver fails a test after which requests are still being handled. It
// is called before the test opens anything.
func nothingLeftOver(t *testing.T) {
	t.Helper()
	before := len(handling())
	t.Cleanup(func() {
		await(t, "no request is handled any more", func() error {
			if left := handling(); len(left) > before {
				return fmt.Errorf("%d goroutines serve requests, %d did before:\n%s", len(left), before, bytes.Join(left, []byte("\n\n")))
			}
			return nil
		})
	})
}

// handling are the stacks of goroutines that serve a connection or wait for the
// answer of one. The tree's own connections are among them.
func handling() [][]byte {
	buf := make([]byte, 4<<20)
	var found [][]byte
	for stack := range bytes.SplitSeq(buf[:runtime.Stack(buf, true)], []byte("\n\n")) {
		if bytes.Contains(stack, []byte("fasthttp.(*Server).serveConn(")) || bytes.Contains(stack, []byte("node.(*Node).submit(")) {
			found = append(found, stack)
		}
	}
	return found
}
