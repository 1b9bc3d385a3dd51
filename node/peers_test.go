package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"xylem/eventually"
	"xylem/node/proof"
)

// counterpart is another node as the test plays it: what is on the wire is in the test's hands.
type counterpart struct {
	listener net.Listener
	requests atomic.Int64 // that came whole
	open     atomic.Int64 // connections
	dialled  atomic.Int64
	ended    sync.WaitGroup
	over     chan struct{} // closed when the test is
}

// playPeer starts a counterpart that makes of each request what answer says; a connection whose answer is an error is
// closed.
func playPeer(t *testing.T, answer func(conn net.Conn, r *http.Request, body []byte) error) *counterpart {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &counterpart{listener: listener, over: make(chan struct{})}
	c.ended.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.dialled.Add(1)
			c.open.Add(1)
			c.ended.Go(func() {
				defer c.open.Add(-1)
				c.serve(conn, answer)
			})
			c.ended.Go(func() {
				<-c.over
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		close(c.over)
		c.ended.Wait()
	})
	return c
}

func (c *counterpart) serve(conn net.Conn, answer func(net.Conn, *http.Request, []byte) error) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.requests.Add(1)
		if answer(conn, r, body) != nil {
			return
		}
	}
}

func (c *counterpart) address() string { return "http://" + c.listener.Addr().String() }

// saying writes an answer.
func saying(conn net.Conn, status int, headers, body string) error {
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n%s\r\n%s", status, http.StatusText(status), len(body), headers, body)
	return err
}

// echo answers with the request's body.
func echo(conn net.Conn, _ *http.Request, body []byte) error {
	return saying(conn, http.StatusOK, "", string(body))
}

var errHangUp = errors.New("the connection is to be closed")

// sender is NODE-3, without a node behind it.
func sender(t testing.TB) *peers {
	t.Helper()
	instance, err := proof.NewInstance()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := proof.NewSigner([]byte("a secret of the tests of peers"), "NODE-3", instance)
	if err != nil {
		t.Fatal(err)
	}
	p := newPeers(signer, NewConnections(), patience)
	t.Cleanup(p.connections.Close)
	return p
}

// idleNow are the connections that wait for the next request.
func (c *Connections) idleNow() []*connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*connection
	for _, idle := range c.idle {
		all = append(all, idle...)
	}
	return all
}

func mustEcho(t *testing.T, p *peers, c *counterpart, body string) {
	t.Helper()
	answer, err := p.post(t.Context(), c.address(), pathLookup, []byte(body))
	if err != nil || answer.status != http.StatusOK || string(answer.body) != body {
		t.Fatalf("answered %d %q to %q: %v", answer.status, excerpt(answer.body), excerpt([]byte(body)), err)
	}
}

func TestRequestsToANodeShareAConnection(t *testing.T) {
	c, p := playPeer(t, echo), sender(t)
	for _, body := range []string{"", "small", strings.Repeat("j", joinedBytes), strings.Repeat("l", 1<<20), "small again"} {
		mustEcho(t, p, c, body)
	}
	if c.dialled.Load() != 1 || c.requests.Load() != 5 {
		t.Fatalf("%d connections for %d requests", c.dialled.Load(), c.requests.Load())
	}
}

func TestAConnectionThatTheOtherSideHasClosedIsNotUsed(t *testing.T) {
	p := sender(t)
	c := playPeer(t, func(conn net.Conn, r *http.Request, body []byte) error {
		return errors.Join(echo(conn, r, body), errHangUp)
	})
	for i := range 20 {
		mustEcho(t, p, c, fmt.Sprint(i))
		eventually.Await(t, patience, time.Millisecond, "the sender can see that the connection was closed", func() error {
			for _, conn := range p.connections.idleNow() {
				if conn.quiet() {
					return errors.New("it looks as if it were open")
				}
			}
			return nil
		})
	}
	if c.requests.Load() != 20 || c.dialled.Load() != 20 {
		t.Fatalf("%d requests came over %d connections", c.requests.Load(), c.dialled.Load())
	}
}

func TestWhatCouldNotBeWrittenToAnOldConnectionGoesToANewOne(t *testing.T) {
	c, p := playPeer(t, echo), sender(t)
	mustEcho(t, p, c, "first")
	if err := p.connections.idleNow()[0].conn.CloseWrite(); err != nil { // which a look at it does not tell
		t.Fatal(err)
	}
	mustEcho(t, p, c, "second")
	if c.requests.Load() != 2 || c.dialled.Load() > 2 {
		t.Fatalf("%d requests came over %d connections", c.requests.Load(), c.dialled.Load())
	}
}

func TestWhatWasSentIsNotSentAgain(t *testing.T) {
	for name, answer := range map[string]string{
		"no answer":               "",
		"a line cut short":        "HTTP/1.1 2",
		"a head cut short":        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n",
		"a body cut short":        "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf",
		"no length":               "HTTP/1.1 200 OK\r\n\r\nbody",
		"pieces":                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"an older HTTP":           "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody",
		"something else":          "220 mail.example.org ESMTP\r\n",
		"not yet":                 "HTTP/1.1 100 Continue\r\n\r\n",
		"two lengths":             "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody!",
		"a negative length":       "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"more than may be held":   fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", maxPeerAnswerBytes+1),
		"a header that is none":   "HTTP/1.1 200 OK\r\nContent-Length 4\r\n\r\nbody",
		"a line that is too long": "HTTP/1.1 200 " + strings.Repeat("O", maxAnswerLine) + "\r\n\r\n",
		"too many headers":        "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxAnswerHeaders+1) + "Content-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := sender(t)
			var broken atomic.Bool
			c := playPeer(t, func(conn net.Conn, r *http.Request, body []byte) error {
				if !broken.Load() {
					return echo(conn, r, body)
				}
				_, _ = io.WriteString(conn, answer)
				return errHangUp
			})
			for _, reused := range []bool{false, true} {
				broken.Store(false)
				if reused {
					mustEcho(t, p, c, "so that a connection is there")
				}
				before := c.requests.Load()
				broken.Store(true)
				_, err := p.post(t.Context(), c.address(), pathWrite, []byte("a batch"))
				if err == nil || errors.Is(err, errNotSent) {
					t.Errorf("the error is %v", err)
				}
				if came := c.requests.Load() - before; came != 1 {
					t.Errorf("the request came %d times", came)
				}
				if left := p.connections.idleNow(); len(left) != 0 {
					t.Error("the connection is kept")
				}
			}
		})
	}
}

func TestANodeThatIsNotThereIsCertainlyNotReached(t *testing.T) {
	p := sender(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + listener.Addr().String()
	_ = listener.Close()
	for _, address := range []string{gone, "http://127.0.0.1:", "127.0.0.1:80", "http://a\r\nb:80", "http://127.0.0.1:port", "http://[::1:80"} {
		if _, err := p.post(t.Context(), address, pathWrite, nil); !errors.Is(err, errNotSent) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestARequestEndsWithItsContext(t *testing.T) {
	hanging := func(begun chan<- struct{}) func(net.Conn, *http.Request, []byte) error {
		return func(conn net.Conn, _ *http.Request, _ []byte) error {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n") // and no more
			begun <- struct{}{}
			_, _ = conn.Read(make([]byte, 1)) // until the sender gives up
			return errHangUp
		}
	}
	t.Run("cancelled", func(t *testing.T) {
		begun := make(chan struct{}, 1)
		c, p := playPeer(t, hanging(begun)), sender(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-begun
			cancel()
		}()
		_, err := p.post(ctx, c.address(), pathWrite, []byte("x"))
		if !errors.Is(err, context.Canceled) || errors.Is(err, errNotSent) {
			t.Fatal(err)
		}
	})
	t.Run("out of time", func(t *testing.T) {
		c, p := playPeer(t, hanging(make(chan struct{}, 1))), sender(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := p.post(ctx, c.address(), pathWrite, []byte("x"))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	})
	t.Run("before it began", func(t *testing.T) {
		c, p := playPeer(t, echo), sender(t)
		mustEcho(t, p, c, "so that a connection is there")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.post(ctx, c.address(), pathWrite, []byte("x"))
		if !errors.Is(err, errNotSent) || !errors.Is(err, context.Canceled) || c.requests.Load() != 1 {
			t.Fatalf("%d requests came: %v", c.requests.Load(), err)
		}
		mustEcho(t, p, c, "over the same connection")
		if c.dialled.Load() != 1 {
			t.Fatal("the connection was given up")
		}
	})
}

// A body that nobody reads fills the connection, and then the sender waits to write.
func TestALargeRequestEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var playing sync.WaitGroup
	playing.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1))
		cancel()
		<-t.Context().Done()
		_ = conn.Close()
	})
	t.Cleanup(func() {
		_ = listener.Close()
		playing.Wait()
	})
	p := sender(t)
	_, err = p.post(ctx, "http://"+listener.Addr().String(), pathWrite, make([]byte, 32<<20))
	if !errors.Is(err, context.Canceled) || errors.Is(err, errNotSent) {
		t.Fatal(err)
	}
}

func TestAnAnswerThatComesBeforeTheWholeRequestIsRead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var playing sync.WaitGroup
	defer playing.Wait()
	playing.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if _, err := http.ReadRequest(bufio.NewReaderSize(conn, 16)); err == nil {
			_ = saying(conn, http.StatusRequestEntityTooLarge, "Connection: close\r\n", "too much")
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	p := sender(t)
	answer, err := p.post(t.Context(), "http://"+listener.Addr().String(), pathWrite, make([]byte, 1<<20))
	if err != nil || answer.status != http.StatusRequestEntityTooLarge || string(answer.body) != "too much" {
		t.Fatalf("answered %d %q: %v", answer.status, answer.body, err)
	}
	if len(p.connections.idleNow()) != 0 {
		t.Fatal("the connection is kept")
	}
}

func TestASenderLearnsWhomItTalksTo(t *testing.T) {
	p := sender(t)
	instance, err := proof.NewInstance()
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := proof.NewVerifier([]byte("a secret of the tests of peers"), instance)
	if err != nil {
		t.Fatal(err)
	}
	c := playPeer(t, func(conn net.Conn, r *http.Request, body []byte) error {
		sender, err := verifier.Verify(r.Header.Get(proof.HeaderName), r.Method, r.RequestURI, body)
		if err != nil {
			return saying(conn, http.StatusUnauthorized, "xylem-instance: "+verifier.Instance().String()+"\r\n", err.Error())
		}
		return saying(conn, http.StatusOK, "", sender.Name+" "+string(body))
	})
	for i := range 3 {
		answer, err := p.post(t.Context(), c.address(), pathWrite, fmt.Append(nil, i))
		if err != nil || string(answer.body) != fmt.Sprint("NODE-3 ", i) {
			t.Fatalf("answered %d %q: %v", answer.status, answer.body, err)
		}
	}
	if c.requests.Load() != 4 || c.dialled.Load() != 1 {
		t.Fatalf("%d requests came over %d connections", c.requests.Load(), c.dialled.Load())
	}
}

func TestARefusalByTheInstanceThatWasMeantIsFinalForWrites(t *testing.T) {
	p := sender(t)
	instance, err := proof.NewInstance()
	if err != nil {
		t.Fatal(err)
	}
	c := playPeer(t, func(conn net.Conn, _ *http.Request, _ []byte) error {
		return saying(conn, http.StatusUnauthorized, proof.InstanceHeaderName+": "+instance.String()+"\r\n", "no")
	})
	if _, err := p.post(t.Context(), c.address(), pathWrite, nil); !errors.Is(err, errSeenBefore) || c.requests.Load() != 2 {
		t.Fatalf("%d requests came: %v", c.requests.Load(), err)
	}
	if answer, err := p.post(t.Context(), c.address(), pathLookup, nil); err != nil || answer.status != http.StatusUnauthorized || c.requests.Load() != 2+maxProofs {
		t.Fatalf("%d requests came: %d, %v", c.requests.Load(), answer.status, err)
	}
}

func TestManyRequestsAtOnceGetTheirOwnAnswers(t *testing.T) {
	c, p := playPeer(t, echo), sender(t)
	var group sync.WaitGroup
	for g := range 32 {
		group.Go(func() {
			for i := range 50 {
				body := bytes.Repeat([]byte{byte(g)}, i*(1+g*20)) // up to some 30 KiB
				answer, err := p.post(t.Context(), c.address(), pathLookup, body)
				if err != nil || !bytes.Equal(answer.body, body) {
					t.Errorf("got %d bytes for %d: %v", len(answer.body), len(body), err)
				}
			}
		})
	}
	group.Wait()
	if kept := len(p.connections.idleNow()); kept == 0 || kept > maxIdlePerAddress {
		t.Errorf("%d connections are kept", kept)
	}
	p.connections.Close()
	eventually.Await(t, patience, time.Millisecond, "no connection is left", func() error {
		if open := c.open.Load(); open != 0 {
			return fmt.Errorf("%d are", open)
		}
		return nil
	})
}
