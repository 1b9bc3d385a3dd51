package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
)

// proxy stands before one node: the others reach it only through here.
type proxy struct {
	k        int
	address  string // where it listens
	target   string // where the node does
	links    *links
	listener net.Listener // nil while it refuses
	closing  context.CancelFunc
	serving  sync.WaitGroup
}

// open listens. While a proxy is closed connections to it are refused, as those to
// a dead process are.
func (p *proxy) open() error {
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.listener, p.closing = listener, cancel
	p.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.serving.Go(func() { p.relay(ctx, conn.(*net.TCPConn)) })
		}
	})
	return nil
}

// close ends all that goes through the proxy, and waits for that.
func (p *proxy) close() {
	if p.listener == nil {
		return
	}
	p.closing()
	_ = p.listener.Close()
	p.serving.Wait()
	p.listener = nil
}

// relay passes on one connection to the node, and back. It belongs to one caller,
// whom its first request names.
func (p *proxy) relay(ctx context.Context, caller *net.TCPConn) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	// Whatever ends the connection ends it for both, and what waits for bytes with it.
	defer context.AfterFunc(ctx, func() { drop(caller, context.Cause(ctx)) })()
	requests := bufio.NewReader(caller)
	head, from, err := p.firstRequest(requests)
	if err == nil {
		err = p.links.pass(ctx, from, p.k)
	}
	var node net.Conn
	if err == nil {
		node, err = new(net.Dialer).DialContext(ctx, "tcp", p.target)
	}
	if err != nil {
		drop(caller, errReset)
		return
	}
	server := node.(*net.TCPConn)
	defer context.AfterFunc(ctx, func() { drop(server, context.Cause(ctx)) })()
	var copying sync.WaitGroup
	copying.Go(func() { end(p.links.untilReset(ctx, from, p.k)) })
	var streams sync.WaitGroup
	streams.Go(func() {
		if err := p.copy(ctx, server, io.MultiReader(bytes.NewReader(head), requests), from, p.k); err != nil {
			end(err)
		}
	})
	streams.Go(func() {
		if err := p.copy(ctx, caller, server, p.k, from); err != nil {
			end(err)
		}
	})
	streams.Wait()
	end(nil)
	copying.Wait()
	drop(server, context.Cause(ctx))
	drop(caller, context.Cause(ctx))
}

// copy passes bytes on until the sender ends its stream, which it passes on too.
func (p *proxy) copy(ctx context.Context, dst *net.TCPConn, src io.Reader, from, to int) error {
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		if passed := p.links.pass(ctx, from, to); passed != nil {
			return passed
		}
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return dst.CloseWrite()
		}
		if err != nil {
			return err
		}
	}
}

// senderOf finds who sends a request between nodes.
var senderOf = regexp.MustCompile(`(?i)\r\nXylem-Proof: v2 sender=NODE-(\d+) `)

// firstRequest reads the head of a connection's first request, and who sent it.
func (p *proxy) firstRequest(r *bufio.Reader) (head []byte, from int, err error) {
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		line, err := r.ReadBytes('\n')
		if head = append(head, line...); err != nil || len(head) > 64<<10 {
			return nil, 0, fmt.Errorf("%d bytes and no request: %w", len(head), err)
		}
	}
	if found := senderOf.FindSubmatch(head); found != nil {
		from, err = strconv.Atoi(string(found[1]))
		return head, from, err
	}
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	if bytes.HasPrefix(line, []byte("POST /nodes/root ")) { // from an operator, whom another node sent here
		return head, stranger, nil
	}
	p.links.mu.Lock()
	defer p.links.mu.Unlock()
	p.links.strangers = append(p.links.strangers, fmt.Sprintf("to NODE-%d: %s", p.k, line))
	return head, stranger, nil
}

// drop closes a connection; by a reset, unless it ended as connections do.
func drop(conn *net.TCPConn, why error) {
	if why != nil && !errors.Is(why, context.Canceled) {
		_ = conn.SetLinger(0)
	}
	_ = conn.Close()
}
