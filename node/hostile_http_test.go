package node

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// smuggled is a request that must never be taken for one when it comes as a body.
const smuggled = "PUT /store/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n" + `{"value":1}`

func TestABodyIsNeverTakenForARequest(t *testing.T) {
	nothingLeftOver(t)
	tr := startTree(t, 2, schedule("@every 1h"))
	p := tr.nodes[1]
	p.unchanged(t)
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(smuggled))
	const te = "Transfer-Encoding: chunked\r\n"
	const chunkedThenMore = "0\r\n\r\n" + smuggled
	cases := map[string]string{
		"GET":                       "GET /store/k HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"GET in chunks":             "GET /store/k HTTP/1.1\r\nHost: x\r\n" + te + "\r\n" + chunks,
		"GET of a listing":          "GET /store HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"HEAD":                      "HEAD /store/k HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"DELETE":                    "DELETE /store/absent%00 HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"no such path":              "POST /nowhere HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"no such method":            "BREW /store/k HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"no such method, in chunks": "BREW /store/k HTTP/1.1\r\nHost: x\r\n" + te + "\r\n" + chunks,
		"method not allowed":        "POST /store/k HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"a bad key":                 "PUT /store/%ff HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"a bad key, in chunks":      "PUT /store/%ff HTTP/1.1\r\nHost: x\r\n" + te + "\r\n" + chunks,
		"no proof":                  "POST /synchronize HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + smuggled,
		"a form":                    "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n" + length + "\r\n" + smuggled,
		"an expectation":            "GET /store/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + length + "\r\n" + smuggled,
		"two lengths":               "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n" + length + "\r\n" + `{"value":1}` + smuggled,
		"the same length twice":     "PUT /store/k HTTP/1.1\r\nHost: x\r\n" + length + length + "\r\n" + smuggled,
		"a list of lengths":         "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 0\r\n\r\n" + smuggled,
		"a signed length":           "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n" + smuggled,
		"a negative length":         "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + smuggled,
		"an overflowing length":     "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n" + smuggled,
		"an empty length":           "PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n" + smuggled,
		"length and chunks":         "PUT /store/k HTTP/1.1\r\nHost: x\r\n" + length + te + "\r\n" + chunkedThenMore,
		"chunks and length":         "PUT /store/k HTTP/1.1\r\nHost: x\r\n" + te + length + "\r\n" + chunkedThenMore,
		"GET, chunks and length":    "GET /store/k HTTP/1.1\r\nHost: x\r\n" + te + length + "\r\n" + chunkedThenMore,
		"a space before the colon":  "PUT /store/%ff HTTP/1.1\r\nHost: x\r\n" + strings.Replace(length, ":", " :", 1) + "\r\n" + smuggled,
		"a tab before the colon":    "PUT /store/%ff HTTP/1.1\r\nHost: x\r\n" + strings.Replace(length, ":", "\t:", 1) + "\r\n" + smuggled,
		"chunks with a space":       "PUT /store/%ff HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n" + chunks,
		"a folded header":           "PUT /store/%ff HTTP/1.1\r\nHost: x\r\nX: y\r\n " + length + "\r\n" + smuggled,
		"a header begun too late":   "PUT /store/%ff HTTP/1.1\r\n " + length + "Host: x\r\n\r\n" + smuggled,
		"a header begun with a tab": "PUT /store/%ff HTTP/1.1\r\n\t" + length + "Host: x\r\n\r\n" + smuggled,
		"a lone carriage return":    "PUT /store/%ff HTTP/1.1\r\nHost: x\r\nX: y\r" + length + "\r\n" + smuggled,
		"another coding":            "PUT /store/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunks,
		"an unknown coding":         "PUT /store/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + chunks,
		"two codings":               "PUT /store/%ff HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunks,
		"HTTP/1.0 in chunks":        "PUT /store/%ff HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n" + te + "\r\n" + chunkedThenMore,
		"no header's name":          "PUT /store/%ff HTTP/1.1\r\nHost: x\r\n: y\r\n" + length + "\r\n" + smuggled,
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			r := p.dial(t)
			r.say(text)
			method, _, _ := strings.Cut(text, " ")
			got := r.mustHear(method)
			for got.status == http.StatusContinue {
				got = r.mustHear(method)
			}
			if got.status < 400 && method != http.MethodGet {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			r.say("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
			if next, err := r.hear(http.MethodGet); err == nil && string(next.body) != `{"status":"alive"}` {
				t.Errorf("a body was taken for a request; it is answered %d %s", next.status, next.body)
			}
		})
	}
}

func TestRequestsInOneGoAreAnsweredOneAfterTheOther(t *testing.T) {
	tr := startTree(t, 2)
	p := tr.nodes[1]
	r := p.dial(t)
	var text strings.Builder
	const requests = 50
	for i := range requests {
		key := fmt.Sprintf("/store/k%d", i)
		text.WriteString(requestText(http.MethodPut, key, fmt.Sprintf(`{"value":%d}`, i)))
		text.WriteString(requestText(http.MethodGet, key, ""))
		text.WriteString(requestText(http.MethodPut, key, "[]"))
		text.WriteString("PUT " + key + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX-Trailer: y\r\n\r\n")
	}
	go r.say(text.String())
	for i := range requests {
		key := fmt.Sprintf("k%d", i)
		wantEntry(t, r.mustHear(http.MethodPut), key, fmt.Sprint(i))
		wantEntry(t, r.mustHear(http.MethodGet), key, fmt.Sprint(i))
		wantProblem(t, r.mustHear(http.MethodPut), http.StatusBadRequest, "body")
		wantProblem(t, r.mustHear(http.MethodPut), http.StatusBadRequest, "body")
	}
}

func TestOddButRightRequestsAreAnswered(t *testing.T) {
	tr := startTree(t, 1)
	p := tr.nodes[0]
	tr.put(1, "k", "v")
	for name, text := range map[string]string{
		"HTTP/1.0":            "GET /store/k HTTP/1.0\r\n\r\n",
		"HTTP/1.0 kept alive": "GET /store/k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"an absolute target":  "GET http://" + p.address + "/store/k HTTP/1.1\r\nHost: x\r\n\r\n",
		"an empty host":       "GET /store/k HTTP/1.1\r\nHost:\r\n\r\n",
		"empty lines before":  "\r\n\r\nGET /store/k HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		r := p.dial(t)
		r.say(text)
		got := r.mustHear(http.MethodGet)
		if v := wantEntry(t, got, "k", `"v"`); v == "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	r := p.dial(t)
	r.say("HEAD /store/k HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := r.mustHear(http.MethodHead); got.status != http.StatusOK || len(got.body) > 0 || got.header.Get(headerETag) == "" {
		t.Errorf("HEAD: %+v", got)
	}
}

func TestWhatIsNoRequestGetsAProblem(t *testing.T) {
	nothingLeftOver(t)
	tr := startTree(t, 1)
	p := tr.nodes[0]
	p.unchanged(t)
	const secretive = "a-word-that-must-not-come-back"
	for name, text := range map[string]string{
		"noise":              "\x16\x03\x01\x02\x00\x01\x00" + secretive + "\r\n\r\n",
		"no target":          "GET\r\n\r\n",
		"no version":         "GET /store/k\r\n\r\n",
		"another version":    "GET /store/k HTTP/3.14\r\nX: " + secretive + "\r\n\r\n",
		"a space in the key": "GET /store/a b HTTP/1.1\r\nX: " + secretive + "\r\n\r\n",
		"a control in it":    "GET /store/a\x01 HTTP/1.1\r\nX: " + secretive + "\r\n\r\n",
		"a bad method":       "G@T /store/k HTTP/1.1\r\nX: " + secretive + "\r\n\r\n",
		"a bad header":       "GET /store/k HTTP/1.1\r\nX" + secretive + "\r\n\r\n",
		"a bad length":       "GET /store/k HTTP/1.1\r\nContent-Length: " + secretive + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := p.dial(t)
			r.say(text)
			got := r.mustHear(http.MethodGet)
			wantProblem(t, got, http.StatusBadRequest, "bad-request")
			wantFreshness(t, got)
			if strings.Contains(string(got.body), secretive) {
				t.Errorf("it repeats what it was sent: %s", got.body)
			}
			if err := r.closed(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHeadersThatAreTooLargeAreRefused(t *testing.T) {
	tr := startTree(t, 1)
	p := tr.nodes[0]
	p.unchanged(t)
	fits := requestText(http.MethodGet, "/healthz", "", "X: "+strings.Repeat("x", 15<<10))
	if got := p.ask(t, fits); got.status != http.StatusOK {
		t.Errorf("15 KiB of headers: %d %s", got.status, got.body)
	}
	for _, text := range []string{
		requestText(http.MethodPut, "/store/k", `{"value":1}`, "X: "+strings.Repeat("x", 20<<10)),
		requestText(http.MethodPut, "/store/k", `{"value":1}`, strings.Split(strings.Repeat("X: y\n", 4<<10), "\n")[:4<<10]...),
		requestText(http.MethodGet, "/store/"+strings.Repeat("k", 20<<10), ""),
	} {
		got := p.ask(t, text)
		wantProblem(t, got, http.StatusRequestHeaderFieldsTooLarge, "header-too-large")
		wantFreshness(t, got)
	}
}

func TestAMethodThatAPathDoesNotTakeIsRefused(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"))
	p := tr.nodes[1]
	p.unchanged(t)
	for target, allowed := range map[string]string{
		"/store/k": "GET, HEAD, PUT, DELETE", "/store": "GET, HEAD", "/synchronize": "GET, HEAD, POST", "/tree/write": "POST", "/": "GET, HEAD",
		"/healthz": "GET, HEAD", "/nodes": "GET, HEAD",
	} {
		for _, method := range []string{"PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get", "PROPFIND"} {
			got := p.ask(t, requestText(method, target, ""))
			wantProblem(t, got, http.StatusMethodNotAllowed, "method")
			if allow := got.header.Get("Allow"); allow != allowed {
				t.Errorf("%s %s allows %q, want %q", method, target, allow, allowed)
			}
			if strings.HasPrefix(target, "/store") {
				wantFreshness(t, got)
			}
		}
	}
}
