package zookeeper

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between one node and a server, and can be cut: then bytes go
// nowhere, either way, and nobody is told. That is how a lost network, and to the
// server a process that stands still, looks.
type proxy struct {
	listener net.Listener
	target   string
	serving  sync.WaitGroup

	mu     sync.Mutex
	cut    chan struct{} // closed while bytes pass
	passes bool
	hangs  int // so many connections more are taken and never answered
	conns  []net.Conn
	closed bool
}

// newProxy stands before a server until the test ends.
func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, cut: make(chan struct{}), passes: true}
	close(p.cut)
	p.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.serving.Go(func() { p.relay(conn) })
		}
	})
	t.Cleanup(p.close)
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// relay passes on one connection.
func (p *proxy) relay(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	closed, hangs := p.closed, p.hangs > 0
	p.hangs--
	p.mu.Unlock()
	end := func() { _, _ = client.Close(), server.Close() }
	if closed {
		end()
	}
	if hangs {
		_, _ = io.Copy(io.Discard, client)
		end()
		return
	}
	var streams sync.WaitGroup
	streams.Go(func() { p.copy(server, client); end() })
	streams.Go(func() { p.copy(client, server); end() })
	streams.Wait()
}

// copy passes bytes on while the proxy is not cut.
func (p *proxy) copy(dst io.Writer, src io.Reader) {
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		passes := p.cut
		p.mu.Unlock()
		<-passes
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

// sever cuts the proxy.
func (p *proxy) sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.passes {
		p.passes, p.cut = false, make(chan struct{})
	}
}

// hang makes the proxy take so many connections and never answer.
func (p *proxy) hang(connections int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangs = connections
}

// heal lets everything pass again, also what came while it was cut.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.passes {
		p.passes = true
		close(p.cut)
	}
}

// close ends all connections and waits for that.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.heal()
	p.serving.Wait()
}
