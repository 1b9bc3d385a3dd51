package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"xylem/configs"
)

// valuesUpTo sets the limit of values.
func valuesUpTo(bytes int) option { return func(c *configs.Config) { c.API.MaxValueBytes = bytes } }

// impatient gives clients 200 ms to send a request.
func impatient() option {
	return func(c *configs.Config) { c.API.ReadTimeout = 200 * time.Millisecond }
}

func TestABodyThatIsNoValueIsRefusedAndChangesNothing(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"))
	tr.put(1, "k", "before")
	tr.awaitEqual()
	bodies := map[string]string{
		"nothing":              "",
		"no JSON":              "hello",
		"cut short":            `{"value":`,
		"two documents":        `{"value":1}{"value":2}`,
		"an array":             `[{"value":1}]`,
		"a string":             `"value"`,
		"a number":             `17`,
		"null":                 `null`,
		"true":                 `true`,
		"no member":            `{}`,
		"another member":       `{"val":1}`,
		"a member too many":    `{"value":1,"ttl":5}`,
		"another case":         `{"Value":1}`,
		"both cases":           `{"value":1,"Value":2}`,
		"value twice":          `{"value":1,"value":2}`,
		"value twice, escaped": `{"value":1,"val\u0075e":2}`,
		"a lone surrogate":     `{"value":1,"\ud800":2}`,
		"a comment":            `{"value":1/**/}`,
		"a comma too many":     `{"value":1,}`,
		"not a number":         `{"value":NaN}`,
		"a leading zero":       `{"value":01}`,
		"single quotes":        `{'value':1}`,
		"a control character":  "{\"value\":\"a\nb\"}",
		"a NUL":                "{\"value\":\"a\x00b\"}",
		"a byte order mark":    "\xef\xbb\xbf" + `{"value":1}`,
		"invalid UTF-8":        "{\"value\":\"\xff\"}",
		"a surrogate in UTF-8": "{\"value\":\"\xed\xa0\x80\"}",
		"UTF-16":               "\xff\xfe{\x00\"\x00v\x00",
		"20,000 levels":        `{"value":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		"20,000 open brackets": `{"value":` + strings.Repeat("[", 20_000),
		"20,000 levels around": strings.Repeat(`{"value":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	}
	for _, k := range []int{1, 3} {
		p := tr.nodes[k-1]
		for name, body := range bodies {
			t.Run(fmt.Sprintf("%s at NODE-%d", name, k), func(t *testing.T) {
				p.unchanged(t)
				got := p.ask(t, requestText(http.MethodPut, "/store/k", body))
				wantProblem(t, got, http.StatusBadRequest, "body")
				wantFreshness(t, got)
			})
		}
	}
}

func TestAnyJSONValueComesBackAsItWas(t *testing.T) {
	tr := startTree(t, 1)
	p := tr.nodes[0]
	values := []string{
		`null`, `false`, `""`, `{}`, `[]`, `0`, `-0`, `1e400`, `1E-400`, `123456789012345678901234567890.10`, `"\ud800"`, `"\u0000"`,
		`"<>&"`, "\"\u2028\"", `"ключ"`, `{"value":{"value":1}}`, `{"a":1,"a":2}`, `{"Value":1}`,
		strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
	}
	for _, value := range values {
		got := p.ask(t, requestText(http.MethodPut, "/store/k", " {\t\"value\" :\n"+value+" }\r\n"))
		if got.status != http.StatusOK {
			t.Errorf("%.60s is refused: %d %s", value, got.status, got.body)
			continue
		}
		var back struct{ Value json.RawMessage }
		if got = p.get(t, "/store/k"); json.Unmarshal(got.body, &back) != nil || string(back.Value) != value {
			t.Errorf("%.60s comes back as %.100s", value, got.body)
		}
		wantFreshness(t, got)
	}
}

func TestAValueMayBeAsLargeAsTheLimitAndNoLarger(t *testing.T) {
	const limit = 1000
	tr := startTree(t, 2, valuesUpTo(limit), schedule("@every 1h"))
	p := tr.nodes[2]
	largest := `"` + strings.Repeat("x", limit-2) + `"`
	if got := p.ask(t, requestText(http.MethodPut, "/store/k", `{"value": `+largest+`}`)); got.status != http.StatusOK {
		t.Fatalf("a value of the largest size: %d %s", got.status, got.body)
	}
	if got := p.ask(t, requestText(http.MethodPut, "/store/k", `{"value": [`+strings.Repeat(" ", 10_000)+`]}`)); got.status != http.StatusOK {
		t.Fatalf("white space counts: %d %s", got.status, got.body)
	}
	tr.awaitEqual()
	p.unchanged(t)
	tooLarge := `{"value": "` + strings.Repeat("x", limit-1) + `"}`
	got := p.ask(t, requestText(http.MethodPut, "/store/k", tooLarge))
	wantProblem(t, got, http.StatusRequestEntityTooLarge, "too-large")
	wantFreshness(t, got)
}

func TestABodyThatIsFarTooLargeIsToldSo(t *testing.T) {
	nothingLeftOver(t)
	tr := startTree(t, 2, schedule("@every 1h"))
	p := tr.nodes[1]
	p.unchanged(t)
	huge := strings.Repeat("x", 5<<20)
	t.Run("over net/http", func(t *testing.T) {
		for range 5 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+p.address+"/store/k", strings.NewReader(huge))
			if err != nil {
				t.Fatal(err)
			}
			wantTooLarge(t, do(t, req))
		}
	})
	t.Run("over net/http in chunks", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+p.address+"/store/k", struct{ *strings.Reader }{strings.NewReader(huge)})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = -1
		wantTooLarge(t, do(t, req))
	})
	t.Run("from a socket", func(t *testing.T) {
		wantTooLarge(t, p.ask(t, requestText(http.MethodPut, "/store/k", huge)))
	})
	t.Run("after 100-continue", func(t *testing.T) {
		r := p.dial(t)
		r.say("PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5242880\r\nExpect: 100-continue\r\n\r\n")
		if first := r.mustHear(http.MethodPut); first.status == http.StatusContinue {
			r.say(huge)
			wantTooLarge(t, r.mustHear(http.MethodPut))
		} else {
			wantTooLarge(t, first)
		}
	})
	t.Run("from a socket that keeps sending", func(t *testing.T) {
		r := p.dial(t)
		r.say("PUT /store/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		piece := []byte("10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n")
		for err := error(nil); err == nil; {
			_, err = r.conn.Write(piece)
		}
		wantTooLarge(t, r.mustHear(http.MethodPut))
	})
}

func wantTooLarge(t *testing.T, got reply) {
	t.Helper()
	wantProblem(t, got, http.StatusRequestEntityTooLarge, "too-large")
	wantFreshness(t, got)
}

// do sends a request with net/http.
func do(t *testing.T, req *http.Request) reply {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body.Bytes(), closes: resp.Close}
}

func TestABodyThatEndsEarlyIsRefused(t *testing.T) {
	nothingLeftOver(t)
	tr := startTree(t, 2, schedule("@every 1h"))
	p := tr.nodes[2]
	p.unchanged(t)
	long := strings.Repeat("x", 20_000)
	cases := map[string]string{
		"no body at all":           "Content-Length: 13\r\n\r\n",
		"a short body":             "Content-Length: 14\r\n\r\n" + `{"value": 17}`,
		"a long body":              "Content-Length: 30000\r\n\r\n" + `{"value": "` + long,
		"a chunk's body":           "Transfer-Encoding: chunked\r\n\r\n" + "20\r\n" + `{"value": 17}`,
		"a chunk's line":           "Transfer-Encoding: chunked\r\n\r\n" + "d",
		"a chunk of two":           "Transfer-Encoding: chunked\r\n\r\n" + "8\r\n" + `{"value"` + "\r\n5\r\n: ",
		"the end of the last line": "Transfer-Encoding: chunked\r\n\r\n" + "d\r\n" + `{"value": 17}` + "\r\n0",
	}
	for name, rest := range cases {
		t.Run(name, func(t *testing.T) {
			r := p.dial(t)
			r.say("PUT /store/k HTTP/1.1\r\nHost: x\r\n" + rest)
			if err := r.conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got := r.mustHear(http.MethodPut)
			wantProblem(t, got, http.StatusBadRequest, "body-cut-short")
			wantFreshness(t, got)
			if err := r.closed(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A body of which nothing but the last, empty chunk is missing was cut short, too,
// though the HTTP server takes the end of the connection for that chunk.
func TestAChunkedBodyWithoutItsEndIsRefused(t *testing.T) {
	tr := startTree(t, 1)
	p := tr.nodes[0]
	for _, body := range []string{`{"value":1}`, `{"value":1`} {
		r := p.dial(t)
		r.say(fmt.Sprintf("PUT /store/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body))
		_ = r.conn.(*net.TCPConn).CloseWrite()
		if got := r.mustHear(http.MethodPut); got.status != http.StatusBadRequest {
			t.Errorf("%s without the last chunk: %d %s", body, got.status, got.body)
		}
	}
}

func TestABadlyChunkedBodyIsRefused(t *testing.T) {
	tr := startTree(t, 1)
	p := tr.nodes[0]
	p.unchanged(t)
	for _, chunks := range []string{
		"zz\r\n{}\r\n0\r\n\r\n", "-1\r\n{}\r\n0\r\n\r\n", "d\r\n" + `{"value": 17}` + "x\r\n0\r\n\r\n",
		"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n", "7fffffffffffffff\r\n{}\r\n", "0x0d\r\n" + `{"value": 17}` + "\r\n0\r\n\r\n", "\r\n\r\n",
	} {
		r := p.dial(t)
		r.say("PUT /store/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
		_ = r.conn.(*net.TCPConn).CloseWrite()
		got := r.mustHear(http.MethodPut)
		wantProblem(t, got, http.StatusBadRequest, "body-cut-short")
		if err := r.closed(); err != nil {
			t.Errorf("%q: %v", chunks, err)
		}
	}
}

func TestWhoSendsTooSlowlyHoldsNothing(t *testing.T) {
	nothingLeftOver(t)
	tr := startTree(t, 1, impatient())
	p := tr.nodes[0]
	p.unchanged(t)
	cases := map[string]string{
		"the request line": "PU",
		"the headers":      "PUT /store/k HTTP/1.1\r\nHost: x\r\nX-A: b\r\n",
		"a short body":     "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{",
		"a long body":      "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n" + strings.Repeat(" ", 20_000),
		"a too long body":  "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(1<<40) + "\r\n\r\n" + strings.Repeat(" ", 20_000),
		"chunks":           "PUT /store/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			r := p.dial(t)
			r.say(text)
			switch got := r.mustHear(http.MethodPut); got.status {
			case http.StatusRequestEntityTooLarge:
				wantProblem(t, got, http.StatusRequestEntityTooLarge, "too-large")
			default:
				wantProblem(t, got, http.StatusRequestTimeout, "slow-request")
			}
			if err := r.closed(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a byte at a time", func(t *testing.T) {
		r, tick := p.dial(t), time.NewTicker(20*time.Millisecond)
		defer tick.Stop()
		for err := error(nil); err == nil; <-tick.C {
			_, err = r.conn.Write([]byte("x"))
		}
	})
}
