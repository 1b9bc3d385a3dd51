package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// errAnswer is wrapped when a server's answer is not one that connection reads.
var errAnswer = errors.New("unexpected answer")

// errStatus is wrapped when an answer was whole and its status not 200.
var errStatus = errors.New("the server did not do it")

// connection is one HTTP/1.1 connection that is kept alive and carries one
// request at a time. It knows no more of HTTP than the answers of the servers
// that are measured need, because it shares the processors with them.
type connection struct {
	conn net.Conn
	buf  []byte
}

func dial(ctx context.Context, address string) (*connection, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, buf: make([]byte, 16<<10)}, nil
}

// deadline bounds all requests until it is set again.
func (c *connection) deadline(at time.Time) error { return c.conn.SetDeadline(at) }

// exchange sends a request, whole as it goes over the wire, and returns the
// answer's body, which is good until the next call. Any status but 200 is an
// error that wraps errStatus, after which the connection is good.
func (c *connection) exchange(request []byte) ([]byte, error) {
	answer, body, err := c.send(request)
	if err != nil {
		return nil, err
	}
	if status(answer) != "200" {
		return nil, fmt.Errorf("%w: %s", errStatus, answer)
	}
	return answer[body:], nil
}

// send sends a request and returns the whole answer, good until the next call,
// and where its body begins.
func (c *connection) send(request []byte) (answer []byte, body int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, 0, err
	}
	read, end := 0, -1
	for end < 0 || read < end {
		if read == len(c.buf) {
			return nil, 0, fmt.Errorf("%w: more than %d bytes", errAnswer, len(c.buf))
		}
		n, err := c.conn.Read(c.buf[read:])
		if err != nil {
			return nil, 0, err
		}
		read += n
		if end >= 0 {
			continue
		}
		if body, end, err = frame(c.buf[:read]); err != nil {
			return nil, 0, err
		}
	}
	if read > end {
		return nil, 0, fmt.Errorf("%w: %d bytes follow it", errAnswer, read-end)
	}
	return c.buf[:end], body, nil
}

// status is the three digits of an answer that send returned.
func status(answer []byte) string { return string(answer[len("HTTP/1.1 "):][:3]) }

// frame finds where the body of an answer begins and ends; end is negative while
// its head has not come whole.
func frame(answer []byte) (body, end int, err error) {
	head := bytes.Index(answer, []byte("\r\n\r\n"))
	if head < 0 {
		return 0, -1, nil
	}
	_, rest, found := bytes.Cut(answer[:head+2], []byte("\r\nContent-Length: "))
	digits, _, _ := bytes.Cut(rest, []byte("\r"))
	length, err := strconv.Atoi(string(digits))
	if !found || err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("%w: %s", errAnswer, answer[:head])
	}
	return head + 4, head + 4 + length, nil
}

func (c *connection) close() { _ = c.conn.Close() }
