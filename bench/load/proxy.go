package load

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Proxy stands before a server: those who know its address alone reach the server
// only through it. While it is cut they are refused, as they are by a server
// that is away. Cut, Heal and Close are for one goroutine.
type Proxy struct {
	// Address is host:port where it listens.
	Address string
	// Passed counts the bytes that went to the server.
	Passed   atomic.Int64
	target   string
	listener net.Listener // nil while it is cut
	end      context.CancelFunc
	relaying sync.WaitGroup
}

// NewProxy listens at a port of its own. Close must follow.
func NewProxy(target string) (*Proxy, error) {
	p := &Proxy{Address: "127.0.0.1:0", target: target}
	return p, p.Heal()
}

// Heal lets connections through, at the same address as before.
func (p *Proxy) Heal() error {
	listener, err := net.Listen("tcp", p.Address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.Address, p.listener, p.end = listener.Addr().String(), listener, cancel
	p.relaying.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.relaying.Go(func() { p.relay(ctx, conn) })
		}
	})
	return nil
}

// Cut ends all connections and takes no more.
func (p *Proxy) Cut() {
	if p.listener == nil {
		return
	}
	_ = p.listener.Close()
	p.end()
	p.relaying.Wait()
	p.listener = nil
}

// Close is Cut for good.
func (p *Proxy) Close() { p.Cut() }

// relay passes bytes both ways until either side, or ctx, ends.
func (p *Proxy) relay(ctx context.Context, caller net.Conn) {
	defer caller.Close()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(ctx, func() { caller.Close(); server.Close() })()
	var both sync.WaitGroup
	both.Go(func() {
		defer end()
		_, _ = io.Copy(server, io.TeeReader(caller, counting{&p.Passed}))
	})
	both.Go(func() {
		defer end()
		_, _ = io.Copy(caller, server)
	})
	both.Wait()
}

// counting adds up what is written to it.
type counting struct{ sum *atomic.Int64 }

func (c counting) Write(b []byte) (int, error) {
	c.sum.Add(int64(len(b)))
	return len(b), nil
}
