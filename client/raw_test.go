package client

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// rawServer records the bytes of every request as they came and lets answer decide what goes back; an empty answer
// hangs up.
type rawServer struct {
	url      string
	mu       sync.Mutex
	requests []string
}

func newRawServer(t *testing.T, answer func(n int) string) *rawServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{url: "http://" + listener.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(func() { listener.Close(); running.Wait() })
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { s.serve(conn, answer) })
		}
	})
	return s
}

func (s *rawServer) serve(conn net.Conn, answer func(n int) string) {
	defer conn.Close()
	var seen bytes.Buffer
	in := bufio.NewReader(io.TeeReader(conn, &seen))
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		s.mu.Lock()
		s.requests = append(s.requests, seen.String())
		n := len(s.requests)
		s.mu.Unlock()
		seen.Reset()
		text := answer(n)
		if text == "" {
			return
		}
		_, _ = io.WriteString(conn, text)
	}
}

func (s *rawServer) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

func respond(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), len(body), body)
}

// newClient returns a client whose idle connections are closed when the test ends.
func newClient(t *testing.T, url string, opts ...Option) *Client {
	t.Helper()
	c := New(url, opts...)
	t.Cleanup(c.Close)
	return c
}
