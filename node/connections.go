package node

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// maxIdlePerAddress bounds the connections to one address that are kept for the next request. A thousand nodes
	// of one process that share them speak to their root at moments of their own: some tens at a time.
	maxIdlePerAddress = 64
	// idleTimeout is how long one is kept. Nodes keep theirs for twice that, so that it is the sender who
	// closes: a request is not sent into a connection that is just being closed for having been idle.
	idleTimeout = time.Minute
	// sweepInterval is how often those are looked for that were idle for longer.
	sweepInterval = idleTimeout / 4
)

// Connections are the connections over which nodes of this process send requests to others. Nodes may share
// them, so that a process of many nodes has few. No goroutine and no buffer belongs to one that is idle.
// Safe for concurrent use; not to be copied.
type Connections struct {
	mu     sync.Mutex
	closed bool
	idle   map[string][]*connection // by host:port, in the order in which they became idle
	sweeps *time.Timer              // nil while nothing is idle
}

// NewConnections makes none yet. Who made them closes them.
func NewConnections() *Connections { return &Connections{idle: make(map[string][]*connection)} }

// Close closes those that are idle, and has the others closed after their requests.
func (c *Connections) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.sweeps != nil {
		c.sweeps.Stop()
	}
	c.closeIdle(time.Time{})
}

// take returns an idle connection to host:port that the other side has not closed, the one that was used last,
// or nil.
func (c *Connections) take(host string) *connection {
	for {
		c.mu.Lock()
		idle := c.idle[host]
		if len(idle) == 0 {
			c.mu.Unlock()
			return nil
		}
		last := len(idle) - 1
		conn := idle[last]
		idle[last] = nil
		c.idle[host] = idle[:last]
		c.mu.Unlock()
		if conn.quiet() {
			return conn
		}
		conn.close()
	}
}

// forget closes what is idle to host:port, after a request got no answer there: if the other side vanished
// without a word, only the first request is to find that out.
func (c *Connections) forget(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle[host] {
		conn.close()
	}
	delete(c.idle, host)
}

// give keeps a connection for the next request: its last answer has been read to the end.
func (c *Connections) give(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	idle := c.idle[conn.host]
	if c.closed || len(idle) == maxIdlePerAddress {
		conn.close()
		return
	}
	conn.idleSince = time.Now()
	c.idle[conn.host] = append(idle, conn)
	if c.sweeps == nil {
		c.sweeps = time.AfterFunc(sweepInterval, func() { c.sweep(time.Now().Add(-idleTimeout)) })
	}
}

// sweep closes what has been idle since before then, and comes again while anything is left.
func (c *Connections) sweep(before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.closeIdle(before); {
	case c.closed:
	case len(c.idle) > 0:
		c.sweeps.Reset(sweepInterval)
	default:
		c.sweeps = nil
	}
}

// closeIdle closes what has been idle since before then, all for the zero time. c.mu is held.
func (c *Connections) closeIdle(before time.Time) {
	for host, idle := range c.idle {
		kept := slices.DeleteFunc(idle, func(conn *connection) bool {
			old := before.IsZero() || conn.idleSince.Before(before)
			if old {
				conn.close()
			}
			return old
		})
		c.idle[host] = kept
		if len(kept) == 0 {
			delete(c.idle, host)
		}
	}
}

// connection is one of them. It is used by one request at a time.
type connection struct {
	host      string // and port
	conn      *net.TCPConn
	raw       syscall.RawConn
	idleSince time.Time
	// Made once, so that a request makes none.
	abort func()             // close, whoever uses it
	look  func(uintptr) bool // sets still
	still bool
	probe [1]byte
}

// dial makes a connection to host:port within timeout and ctx.
func dial(ctx context.Context, host string, timeout time.Duration) (*connection, error) {
	dialer := net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}
	made, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	c := &connection{host: host, conn: made.(*net.TCPConn)} // which a dialer makes for "tcp"
	c.abort, c.look = c.close, c.glance
	if c.raw, err = c.conn.SyscallConn(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// close gives the connection up; a request that uses it fails.
func (c *connection) close() { _ = c.conn.Close() }

// quiet reports whether the other side has neither closed an idle connection, as far as this side has heard,
// nor sent what nobody asked for.
func (c *connection) quiet() bool {
	c.still = false
	return c.raw.Read(c.look) == nil && c.still
}

// glance reads without waiting. What it reads is lost with the connection, which is of no use then.
func (c *connection) glance(fd uintptr) bool {
	_, err := syscall.Read(int(fd), c.probe[:])
	c.still = errors.Is(err, syscall.EAGAIN)
	return true
}
