package node

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
)

// coarseListener makes connections whose deadlines cost little. The HTTP server
// moves both deadlines with every request, which is a twentieth of a GET; here the
// kernel's are moved only when a read or write is about to begin and they are off
// by more than slack.
type coarseListener struct {
	net.Listener
	slack time.Duration
}

// Accept implements net.Listener. What passes by itself is waited for: the HTTP server takes every error for the end,
// and whoever opens more connections than this process may have would end the node.
func (l coarseListener) Accept() (net.Conn, error) {
	for wait := leastAcceptWait; ; wait = min(2*wait, mostAcceptWait) {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil:
			return &coarseConn{Conn: conn, slack: l.slack}, nil
		case !passes(err):
			return nil, err
		}
		time.Sleep(wait)
	}
}

// The time until connections are accepted again after there was no room for one.
const (
	leastAcceptWait = 5 * time.Millisecond
	mostAcceptWait  = 100 * time.Millisecond
)

// passes reports whether accepting may succeed later: the process or the system has no file or no memory left for a
// connection, or the other side gave it up too early.
func passes(err error) bool {
	for _, passing := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// coarseConn is used by one goroutine at a time, but for Close.
type coarseConn struct {
	net.Conn
	slack       time.Duration
	read, write deadline
	ended       bool // the other side sends nothing more, and a read found that out
	// Of the answer that is written next:
	reign   *reign    // on which it rests; see vouch
	arrived time.Time // when its request did, if it took no time; see prompt
}

// deadline is what was asked for and what was set. Zero: none.
type deadline struct{ wanted, set time.Time }

// due reports whether what is set is too far from what was asked for, and takes it
// as set.
func (d *deadline) due(slack time.Duration) bool {
	if d.wanted.IsZero() == d.set.IsZero() && d.wanted.Sub(d.set).Abs() <= slack {
		return false
	}
	d.set = d.wanted
	return true
}

// SetReadDeadline implements net.Conn. The HTTP server calls it for every request.
func (c *coarseConn) SetReadDeadline(t time.Time) error {
	c.read.wanted, c.arrived = t, time.Time{}
	return nil
}

// stallTimeout is how long a client may leave an answer unread before its
// connection is given up. It begins anew with every write, so that a long answer
// may take as long as it moves.
const stallTimeout = time.Minute

// SetDeadline implements net.Conn.
func (c *coarseConn) SetDeadline(t time.Time) error {
	c.read.wanted = t
	return c.Conn.SetWriteDeadline(t)
}

// Read implements net.Conn.
func (c *coarseConn) Read(b []byte) (int, error) {
	if c.read.due(c.slack) {
		if err := c.Conn.SetReadDeadline(c.read.set); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(b)
	c.ended = c.ended || errors.Is(err, io.EOF)
	return n, err
}

// prompt says that an answer waited for nothing, so that writing it needs no look at the clock.
func prompt(c *fiber.Ctx) {
	if conn, ours := c.Context().Conn().(*coarseConn); ours {
		conn.arrived = c.Context().Time()
	}
}

// Write implements net.Conn.
func (c *coarseConn) Write(b []byte) (int, error) {
	now := c.arrived
	if now.IsZero() {
		now = time.Now()
	}
	c.arrived = time.Time{}
	c.write.wanted = now.Add(stallTimeout)
	if c.write.due(c.slack) {
		if err := c.Conn.SetWriteDeadline(c.write.set); err != nil {
			return 0, err
		}
	}
	if !c.reign.holds() {
		return 0, errLapsed
	}
	c.reign = nil
	return c.Conn.Write(b)
}
