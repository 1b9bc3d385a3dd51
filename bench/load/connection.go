// Package load sends requests to the servers that are compared, and times the
// answers. One generator speaks the protocols of all of them, so that they are
// loaded alike; wrk and redis-benchmark, which cost less, are there where
// throughput is compared.
package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// ErrAnswer is wrapped when a server's answer is not one that is understood here.
var ErrAnswer = errors.New("unexpected answer")

// ErrRefused is wrapped when an answer was whole and not what was asked for: a
// status other than 200, an error, no value.
var ErrRefused = errors.New("the server did not do it")

// maxAnswerBytes bounds an answer, its head included.
const maxAnswerBytes = 1 << 20

// Connection is one connection that is kept open and carries one request at a
// time. One goroutine uses it, but any may call Close.
type Connection struct {
	conn     net.Conn
	protocol *Protocol
	buf      []byte
	rest     int // bytes at the beginning of buf that came after the last answer
	end      int // of the last answer
}

// Dial connects, and says what the protocol wants said first. Until Deadline is called
// everything must be over within Patience. inbox tells
// connections to a NATS server apart.
func Dial(ctx context.Context, p *Protocol, address string, inbox int) (*Connection, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &Connection{conn: conn, protocol: p, buf: make([]byte, 16<<10)}
	if err := c.Deadline(time.Now().Add(Patience)); err != nil {
		return nil, err
	}
	if p.greet != nil {
		if err := p.greet(c, inbox); err != nil {
			c.Close()
			return nil, fmt.Errorf("greeting %s: %w", address, err)
		}
	}
	return c, nil
}

// Deadline bounds all requests until it is set again.
func (c *Connection) Deadline(at time.Time) error { return c.conn.SetDeadline(at) }

// Exchange sends a request, whole as it goes over the wire, and returns the
// answer's body, which is good until the next call. An error that wraps ErrRefused
// leaves the connection good.
func (c *Connection) Exchange(request []byte) ([]byte, error) {
	answer, f, err := c.send(request)
	if err != nil {
		return nil, err
	}
	if !f.ok {
		return nil, fmt.Errorf("%w: %.200s", ErrRefused, answer)
	}
	return answer[f.body:f.bodyEnd], nil
}

// Send is Exchange for HTTP and any status, which it returns.
func (c *Connection) Send(request []byte) (status string, body []byte, err error) {
	answer, f, err := c.send(request)
	if err != nil {
		return "", nil, err
	}
	return string(answer[len("HTTP/1.1 "):][:3]), answer[f.body:f.bodyEnd], nil
}

// send sends a request and returns the whole answer, good until the next call.
func (c *Connection) send(request []byte) ([]byte, frame, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, frame{}, err
	}
	answer, f, err := c.receive()
	if err == nil && c.rest > 0 && !c.protocol.unasked {
		err = fmt.Errorf("%w: %d bytes follow it", ErrAnswer, c.rest)
	}
	return answer, f, err
}

// receive waits for an answer. What the server sent beyond it is kept.
func (c *Connection) receive() ([]byte, frame, error) {
	read := copy(c.buf, c.buf[c.end:c.end+c.rest])
	c.rest, c.end = 0, 0
	for {
		f, err := c.protocol.frame(c.buf[:read])
		switch {
		case err != nil:
			return nil, frame{}, err
		case f.end == 0 || read < f.end:
		case f.reply != "":
			if _, err := c.conn.Write([]byte(f.reply)); err != nil {
				return nil, frame{}, err
			}
			read = copy(c.buf, c.buf[f.end:read])
			continue
		default:
			c.rest, c.end = read-f.end, f.end
			return c.buf[:f.end], f, nil
		}
		if read == len(c.buf) {
			if read >= maxAnswerBytes {
				return nil, frame{}, fmt.Errorf("%w: more than %d bytes", ErrAnswer, read)
			}
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
		n, err := c.conn.Read(c.buf[read:])
		if err != nil {
			return nil, frame{}, err
		}
		read += n
	}
}

// Receive waits for what the server sends unasked, and returns its body, good
// until the next call.
func (c *Connection) Receive() ([]byte, error) {
	answer, f, err := c.receive()
	if err != nil {
		return nil, err
	}
	return answer[f.body:f.bodyEnd], nil
}

// Close ends the connection, and a call that is under way.
func (c *Connection) Close() { _ = c.conn.Close() }
