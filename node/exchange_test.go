package node

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyAPlainAddressIsWrittenIntoAHead(t *testing.T) {
	for address, want := range map[string]string{
		"http://10.0.1.67:5000":        "10.0.1.67:5000",
		"http://NODE-1:5000":           "NODE-1:5000",
		"http://[::1]:5000":            "[::1]:5000",
		"https://NODE-1:5000":          "",
		"http://NODE-1":                "",
		"http://NODE-1:":               "",
		"http://:5000":                 "",
		"http://NODE-1:5000/":          "",
		"http://me@NODE-1:5000":        "",
		"http://NODE-1\r\nX: y\r\n:80": "",
		"http://[fe80::1%25eth0]:80":   "",
		"":                             "",
	} {
		host, plain := plainHost(address)
		if plain != (want != "") || plain && host != want {
			t.Errorf("%q: %q, %v", address, host, plain)
		}
	}
}

// FuzzAnswer offers anything as an answer: what is read as one adds up, and leaves what follows it.
func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
	f.Add("HTTP/1.1 401\nxylem-instance:x\ncontent-length: 0\nConnection: Close\n\n")
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		const behind = "HTTP/1.1 500"
		in := bufio.NewReaderSize(strings.NewReader(text+behind), maxAnswerLine)
		answer, _, err := readPeerAnswer(in)
		if err != nil {
			if !errors.Is(err, errNoNode) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%q is refused for no known reason: %v", text, err)
			}
			return
		}
		if answer.status < http.StatusOK || answer.status > 999 {
			t.Fatalf("%q is read as an answer with status %d", text, answer.status)
		}
		rest, err := io.ReadAll(in)
		if err != nil || !strings.HasSuffix(text+behind, string(answer.body)+string(rest)) {
			t.Fatalf("%q is read as %q with %q behind it: %v", text, answer.body, rest, err)
		}
	})
}
