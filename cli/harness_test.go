package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// outcome is what a run of the program left behind.
type outcome struct {
	status      int
	out, stderr string
}

// xylem runs the program with an empty standard input. env is NAME=value.
func xylem(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	return xylemReading(t, "", env, args...)
}

func xylemReading(t *testing.T, stdin string, env []string, args ...string) outcome {
	t.Helper()
	var out, stderr strings.Builder
	status := run(args, strings.NewReader(stdin), &out, &stderr, env)
	return outcome{status, out.String(), stderr.String()}
}

// want holds a run against what it should have been.
func (o outcome) want(t *testing.T, status int, out, stderr string) {
	t.Helper()
	if o.status != status || o.out != out || o.stderr != stderr {
		t.Errorf("status %d\nout    %q\nstderr %q\nwant\nstatus %d\nout    %q\nstderr %q", o.status, o.out, o.stderr, status, out, stderr)
	}
}

// wantError holds a run that failed: nothing on standard output, one line on the other that contains every part.
func (o outcome) wantError(t *testing.T, status int, parts ...string) {
	t.Helper()
	if o.status != status || o.out != "" || strings.Count(o.stderr, "\n") != 1 {
		t.Errorf("status %d, out %q, stderr %q; want status %d and one line on stderr alone", o.status, o.out, o.stderr, status)
	}
	for _, part := range parts {
		if !strings.Contains(o.stderr, part) {
			t.Errorf("stderr %q does not say %q", o.stderr, part)
		}
	}
}

// fakeNode answers with what is scripted for "METHOD path", 404 otherwise, and remembers the requests.
type fakeNode struct {
	url string
	mu  sync.Mutex
	log []string
}

func newFakeNode(t *testing.T, script map[string]string) *fakeNode {
	t.Helper()
	f := &fakeNode{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0))
		_, _ = io.ReadFull(r.Body, body)
		f.mu.Lock()
		f.log = append(f.log, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		f.mu.Unlock()
		w.Header().Set("Xylem-Node", "NODE-6")
		w.Header().Set("Xylem-Version", "1.44")
		w.Header().Set("Xylem-Lag-Ms", "3120.5")
		answer, known := script[r.Method+" "+r.RequestURI]
		status := 404
		if _, err := fmt.Sscanf(answer, "%d ", &status); err == nil {
			answer = answer[4:]
		}
		if !known {
			answer = `{"title":"Not Found","detail":"nobody has\nthis key"}`
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// env makes the command line find the fake wherever it looks.
func (f *fakeNode) env() []string { return []string{"XYLEM_CLIENT_URL=" + f.url} }

func (f *fakeNode) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

func (f *fakeNode) last() string {
	log := f.requests()
	if len(log) == 0 {
		return ""
	}
	return log[len(log)-1]
}
