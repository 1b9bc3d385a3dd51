package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGetAsksForFreshness(t *testing.T) {
	var last http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = r.Header
		_, _ = w.Write([]byte(helloAnswer))
	}))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		flags []string
		want  [3]string // Xylem-Min-Version, Xylem-Max-Lag-Ms, Xylem-Timeout-Ms
	}{
		{nil, [3]string{}},
		{[]string{"--min-version", "1.43"}, [3]string{"1.43"}},
		{[]string{"--max-lag", "0s"}, [3]string{"", "0"}},
		{[]string{"--max-lag=1.5s", "--min-version=2.7", "--fresh-within", "3s"}, [3]string{"2.7", "1500", "3000"}},
	} {
		got := xylem(t, nil, append([]string{"get", server.URL, "hello"}, c.flags...)...)
		got.want(t, 0, "200 "+helloAnswer+"\n", "")
		if asked := [3]string{last.Get("Xylem-Min-Version"), last.Get("Xylem-Max-Lag-Ms"), last.Get("Xylem-Timeout-Ms")}; asked != c.want {
			t.Errorf("%q asks %q, want %q", c.flags, asked, c.want)
		}
	}
	last = nil
	for _, c := range [][]string{
		{"--min-version", "43"},
		{"--min-version", ""},
		{"--max-lag", "-1s"},
		{"--max-lag", "500"},
		{"--max-lag", "1.5ms"},
		{"--fresh-within", "0s"},
		{"--fresh-within", "2m"},
		{"--fresh-within", "10s"}, // --timeout is as long
		{"--fresh-within", "2s", "--timeout", "1s"},
	} {
		xylem(t, nil, append([]string{"get", server.URL, "hello"}, c...)...).wantError(t, 2, c[0])
	}
	if last != nil {
		t.Error("a request was sent in spite of wrong usage")
	}
}
