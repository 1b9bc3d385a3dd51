package load_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"xylem/bench/load"
)

// serve answers each line that comes in with the next of the answers, byte by byte, so
// that every border inside an answer is met.
func serve(t *testing.T, first string, answers ...string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, first)
		lines := bufio.NewReader(conn)
		for _, answer := range answers {
			if _, err := lines.ReadString('\n'); err != nil {
				return
			}
			for i := range len(answer) {
				_, _ = io.WriteString(conn, answer[i:i+1])
			}
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

func TestAnswersAreTakenApart(t *testing.T) {
	tests := []struct {
		name     string
		protocol *load.Protocol
		answer   string
		body     string
		err      error
	}{
		{"HTTP", load.HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", nil},
		{"HTTP refused", load.HTTP, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "", load.ErrRefused},
		{"HTTP without a length", load.HTTP, "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", "", load.ErrAnswer},
		{"Redis value", load.Redis, "$5\r\nhello\r\n", "hello", nil},
		{"Redis line", load.Redis, "+OK\r\n", "OK", nil},
		{"Redis number", load.Redis, ":17\r\n", "17", nil},
		{"Redis nothing", load.Redis, "$-1\r\n", "", load.ErrRefused},
		{"Redis error", load.Redis, "-ERR no\r\n", "", load.ErrRefused},
		{"Redis array", load.Redis, "*1\r\n", "", load.ErrAnswer},
		{"memcached value", load.Memcached, "VALUE key 0 5\r\nhello\r\nEND\r\n", "hello", nil},
		{"memcached stored", load.Memcached, "STORED\r\n", "STORED", nil},
		{"memcached nothing", load.Memcached, "END\r\n", "", load.ErrRefused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, err := load.Dial(context.Background(), test.protocol, serve(t, "", test.answer), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			check(t, conn, test.body, test.err)
		})
	}
}

func TestAnswersOfNATS(t *testing.T) {
	address := serve(t, "INFO {}\r\n",
		"", "", "PONG\r\n", // to CONNECT, SUB and PING
		"PING\r\nMSG _INBOX.3 1 5\r\nhello\r\n", "", // to a question, and to PONG
		"HMSG _INBOX.3 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", "HMSG _INBOX.3 1 16 16\r\nNATS/1.0 404\r\n\r\n\r\n")
	conn, err := load.Dial(context.Background(), load.NATS, address, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	check(t, conn, "hello", nil)
	check(t, conn, "hello", nil)
	check(t, conn, "", load.ErrRefused)
}

func check(t *testing.T, conn *load.Connection, want string, wantErr error) {
	t.Helper()
	if err := conn.Deadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	body, err := conn.Exchange([]byte("question\r\n"))
	if !errors.Is(err, wantErr) || string(body) != want {
		t.Errorf("got %q, %v; want %q, %v", body, err, want, wantErr)
	}
}

func TestLongAnswers(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	conn, err := load.Dial(context.Background(), load.Redis, serve(t, "", "$40960\r\n"+long+"\r\n"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	check(t, conn, long, nil)
}
