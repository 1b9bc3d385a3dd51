package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// Protocol is how a server's answers are told apart. It knows no more than the
// answers of the servers that are measured need, because it shares the processors
// with them.
type Protocol struct {
	// frame finds the first answer in what has come.
	frame func(answer []byte) (frame, error)
	// greet opens a conversation, where that needs more than a connection.
	greet func(c *Connection, inbox int) error
	// unasked is set where the server also sends what nobody asked for just now.
	unasked bool
}

// frame is where an answer and its body are. end is 0 while that is not known.
type frame struct {
	body, bodyEnd, end int
	ok                 bool   // it is what was asked for
	reply              string // it is no answer, and the server wants this
}

// The protocols of the servers that are compared.
var (
	// HTTP is HTTP/1.1 with answers that tell their length. Only 200 is what was asked for.
	HTTP = &Protocol{frame: frameHTTP}
	// Redis is RESP2 with answers that are no arrays.
	Redis = &Protocol{frame: frameRedis}
	// Memcached is the text protocol: one key a get.
	Memcached = &Protocol{frame: frameMemcached}
	// NATS is that of NATS with headers. A request names Inbox as where the answer goes.
	NATS = &Protocol{frame: frameNATS, greet: greetNATS, unasked: true}
)

func frameHTTP(answer []byte) (frame, error) {
	head := bytes.Index(answer, []byte("\r\n\r\n"))
	if head < 0 {
		return frame{}, nil
	}
	_, rest, found := bytes.Cut(answer[:head+2], []byte("\r\nContent-Length: "))
	digits, _, _ := bytes.Cut(rest, []byte("\r"))
	length, err := strconv.Atoi(string(digits))
	if !found || err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 ")) {
		return frame{}, fmt.Errorf("%w: %.200s", ErrAnswer, answer[:head])
	}
	end := head + 4 + length
	return frame{body: head + 4, bodyEnd: end, end: end, ok: string(answer[9:12]) == "200"}, nil
}

func frameRedis(answer []byte) (frame, error) {
	line := bytes.Index(answer, []byte("\r\n"))
	if line < 0 {
		return frame{}, nil
	}
	switch answer[0] {
	case '+', ':', '-':
		return frame{body: 1, bodyEnd: line, end: line + 2, ok: answer[0] != '-'}, nil
	case '$':
		length, err := strconv.Atoi(string(answer[1:line]))
		if err != nil {
			return frame{}, fmt.Errorf("%w: %.200s", ErrAnswer, answer)
		}
		if length < 0 {
			return frame{body: line, bodyEnd: line, end: line + 2}, nil
		}
		return frame{body: line + 2, bodyEnd: line + 2 + length, end: line + 2 + length + 2, ok: true}, nil
	}
	return frame{}, fmt.Errorf("%w: %.200s", ErrAnswer, answer)
}

func frameMemcached(answer []byte) (frame, error) {
	line := bytes.Index(answer, []byte("\r\n"))
	if line < 0 {
		return frame{}, nil
	}
	fields := bytes.Fields(answer[:line])
	if len(fields) == 4 && string(fields[0]) == "VALUE" {
		length, err := strconv.Atoi(string(fields[3]))
		if err != nil {
			return frame{}, fmt.Errorf("%w: %.200s", ErrAnswer, answer)
		}
		bodyEnd := line + 2 + length
		return frame{body: line + 2, bodyEnd: bodyEnd, end: bodyEnd + len("\r\nEND\r\n"), ok: true}, nil
	}
	return frame{bodyEnd: line, end: line + 2, ok: string(answer[:line]) == "STORED"}, nil
}
