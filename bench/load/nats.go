package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// Inbox is the subject at which the connection of that number gets its answers.
func Inbox(number int) string { return "_INBOX." + strconv.Itoa(number) }

// greetNATS reads what the server says of itself, and subscribes to the inbox.
func greetNATS(c *Connection, inbox int) error {
	if _, err := c.Receive(); err != nil {
		return err
	}
	hello := `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"go","version":"1","protocol":1}` + "\r\n"
	_, err := c.Exchange([]byte(hello + "SUB " + Inbox(inbox) + " 1\r\nPING\r\n"))
	return err
}

// frameNATS takes MSG, HMSG, INFO, PING and PONG.
func frameNATS(answer []byte) (frame, error) {
	line := bytes.Index(answer, []byte("\r\n"))
	if line < 0 {
		return frame{}, nil
	}
	fields := bytes.Fields(answer[:line])
	if len(fields) == 0 {
		return frame{}, fmt.Errorf("%w: %.200q", ErrAnswer, answer)
	}
	start := line + 2
	number := func(fromLast int) int {
		n, err := strconv.Atoi(string(fields[len(fields)-fromLast]))
		if err != nil {
			return -1
		}
		return n
	}
	switch kind := string(fields[0]); {
	case kind == "PING":
		return frame{end: start, reply: "PONG\r\n"}, nil
	case kind == "INFO" || kind == "PONG":
		return frame{bodyEnd: line, end: start, ok: true}, nil
	case kind == "MSG" && len(fields) >= 4:
		end := start + number(1)
		return frame{body: start, bodyEnd: end, end: end + 2, ok: true}, nil
	case kind == "HMSG" && len(fields) >= 5:
		end := start + number(1)
		whole := len(answer) >= end
		// A status behind the version, such as 404, is a refusal.
		ok := whole && bytes.HasPrefix(answer[start:], []byte("NATS/1.0\r\n"))
		return frame{body: start + number(2), bodyEnd: end, end: end + 2, ok: ok}, nil
	}
	return frame{}, fmt.Errorf("%w: %.200q", ErrAnswer, answer)
}

// Publish is a message with a reply subject as it goes over the wire.
func Publish(subject, reply string, payload []byte) []byte {
	return fmt.Appendf(nil, "PUB %s %s %d\r\n%s\r\n", subject, reply, len(payload), payload)
}
