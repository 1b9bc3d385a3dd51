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
	"strconv"
	"strings"
	"sync"

	"xylem/node/proof"
)

// What a node sends to another, and how the answer is read: HTTP/1.1 as nodes speak it. A general client costs a
// request several times as much, and leaves less to be said of whether a request that failed was sent.

const (
	// joinedBytes is up to what size a body is copied behind its head, to be written with it.
	joinedBytes = 16 << 10
	// maxAnswerLine and maxAnswerHeaders bound the head of an answer.
	maxAnswerLine    = 4 << 10
	maxAnswerHeaders = 64
)

// errNoNode says that what answers at an address does not speak as nodes do.
var errNoNode = errors.New("what answers there is no node")

// workspace is what a request takes while it is under way.
type workspace struct {
	out []byte
	in  *bufio.Reader
}

var workspaces = sync.Pool{New: func() any { return &workspace{in: bufio.NewReaderSize(nil, maxAnswerLine)} }}

// exchange sends a request and reads the answer. sent is false when certainly nothing of it was sent. The
// connection is kept for the next, or closed. When ctx ends, so does the exchange.
func (p *peers) exchange(ctx context.Context, conn *connection, r *peerRequest) (answer peerAnswer, sent bool, err error) {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	w.in.Reset(conn.conn)
	defer w.in.Reset(nil)
	stop := context.AfterFunc(ctx, conn.abort)
	w.out = p.appendHead(w.out[:0], conn.host, r)
	written, writeErr := conn.write(w, r.body)
	if writeErr != nil && written == 0 {
		stop()
		conn.close()
		return answer, false, writeErr
	}
	// Who does not want the whole request may have answered, and closed.
	answer, keep, err := readPeerAnswer(w.in)
	if stop() && keep && writeErr == nil && err == nil && w.in.Buffered() == 0 {
		p.connections.give(conn)
	} else {
		conn.close()
	}
	if err != nil && writeErr != nil {
		err = writeErr
	}
	return answer, true, err
}

// write writes the head in w and the body behind it, and says how much of both the system has taken.
func (c *connection) write(w *workspace, body []byte) (int, error) {
	if len(body) <= joinedBytes {
		w.out = append(w.out, body...)
		return c.conn.Write(w.out)
	}
	buffers := net.Buffers{w.out, body}
	written, err := buffers.WriteTo(c.conn)
	return int(written), err
}

// appendHead appends the head of a request. The host is one that plainHost let through.
func (p *peers) appendHead(out []byte, host string, r *peerRequest) []byte {
	out = append(out, "POST "...)
	out = append(out, r.path...)
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(out, host...)
	out = append(out, "\r\nContent-Type: application/octet-stream\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(r.body)), 10)
	out = append(out, "\r\n"+proof.HeaderName+": "...)
	out = p.signer.AppendHeader(out, r.receiver, http.MethodPost, r.path, r.body)
	return append(out, "\r\n\r\n"...)
}

// plainHost is the host:port of an address of the form http://host:port, in which there is nothing that could be
// anything else in a head.
func plainHost(address string) (host string, ok bool) {
	host, ok = strings.CutPrefix(address, "http://")
	if !ok {
		return "", false
	}
	for i := range len(host) {
		switch c := host[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return "", false
		}
	}
	name, port, err := net.SplitHostPort(host)
	return host, err == nil && name != "" && port != ""
}

// readPeerAnswer reads an answer to its end, and reports whether the connection may be used again. It takes what
// nodes answer with: a status from 200, and a length.
func readPeerAnswer(in *bufio.Reader) (answer peerAnswer, keep bool, err error) {
	line, err := readLine(in)
	if err != nil {
		return answer, false, err
	}
	if answer.status, err = parseStatus(line); err != nil {
		return answer, false, err
	}
	length, keep := -1, true
	for range maxAnswerHeaders {
		if line, err = readLine(in); err != nil {
			return answer, false, err
		}
		if len(line) > 0 {
			if err = answer.header(line, &length, &keep); err != nil {
				return answer, false, err
			}
			continue
		}
		if length < 0 {
			return answer, false, fmt.Errorf("%w: it answered %d without a length", errNoNode, answer.status)
		}
		answer.body, err = readAtMost(nil, in, length, length)
		return answer, keep, err
	}
	return answer, false, fmt.Errorf("%w: its answer has more than %d headers", errNoNode, maxAnswerHeaders)
}

// readLine reads a line of a head, without its end. It is valid until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: a line of its answer's head is too long", errNoNode)
	case err != nil:
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// parseStatus takes the status out of the first line of an answer.
func parseStatus(line []byte) (int, error) {
	rest, found := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if found && (len(rest) == 3 || len(rest) > 3 && rest[3] == ' ') {
		if status, err := strconv.Atoi(string(rest[:3])); err == nil && status >= http.StatusOK {
			return status, nil
		}
	}
	return 0, fmt.Errorf("%w: its answer begins with %q", errNoNode, excerpt(line))
}

// header takes in one header of the answer.
func (a *peerAnswer) header(line []byte, length *int, keep *bool) error {
	name, value, found := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch {
	case !found:
		return fmt.Errorf("%w: its answer has the header %q", errNoNode, excerpt(line))
	case is(name, "Content-Length"):
		told, err := strconv.ParseUint(string(value), 10, 31)
		if err != nil || *length >= 0 && *length != int(told) || told > maxPeerAnswerBytes {
			return fmt.Errorf("%w: its answer's length is %q", errNoNode, excerpt(value))
		}
		*length = int(told)
	case is(name, "Transfer-Encoding"):
		return fmt.Errorf("%w: its answer to this request comes in pieces", errNoNode)
	case is(name, "Connection"):
		*keep = *keep && !is(value, "close")
	case is(name, proof.InstanceHeaderName):
		a.instance = string(value)
	case is(name, proof.HeaderName):
		a.proof = string(value)
	}
	return nil
}

// is compares the name of a header, whose letters may be large or small.
func is(text []byte, name string) bool {
	return len(text) == len(name) && strings.EqualFold(string(text), name)
}
