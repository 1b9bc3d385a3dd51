package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"xylem/store"
)

// percentEncoded writes every byte of a key as %xx: three for one.
func percentEncoded(key string) string {
	var b strings.Builder
	for i := range len(key) {
		fmt.Fprintf(&b, "%%%02x", key[i])
	}
	return b.String()
}

func TestEveryKeyComesBackAsItWas(t *testing.T) {
	tr := startTree(t, 2)
	keys := []string{
		"a/b", "a%2Fb", "a%252Fb", "/", "//", "/a", "a/", "a//b", ".", "..", "../..", "a/../b", "./a", "%", "%%", "%zz", "?", "a?b=c", "#",
		"a#b", "+", "a+b", " ", "  a ", "ключ", "キー", "\u202e", "\ufeff", "\U0010ffff", "\x01\x1f\x7f", "\r\n", "\t", "\\", `"`, "&", "=", ";",
		":", "http://x/store/a", "*", ":key", "{key}", "<script>", "'", "null", "0", strings.Repeat("k", store.MaxKeyBytes),
		strings.Repeat("к", store.MaxKeyBytes/2), "é", "e\u0301",
	}
	version := map[string]string{}
	for i, key := range keys {
		for k, encode := range map[int]func(string) string{1: url.PathEscape, 3: percentEncoded} {
			got := tr.nodes[k-1].ask(t, requestText(http.MethodPut, "/store/"+encode(key), fmt.Sprintf(`{"value":%d}`, i)))
			version[key] = wantEntry(t, got, key, fmt.Sprint(i))
		}
	}
	tr.awaitEqual()
	for i, key := range keys {
		for _, target := range []string{url.PathEscape(key), percentEncoded(key), strings.ToUpper(percentEncoded(key))} {
			got := tr.nodes[1].get(t, "/store/"+target)
			if v := wantEntry(t, got, key, fmt.Sprint(i)); v != version[key] {
				t.Errorf("%q is at version %s, want %s: another key was written", key, v, version[key])
			}
		}
		next := tr.nodes[2].get(t, "/store?limit=1&prefix="+url.QueryEscape(key))
		var page struct{ Entries []struct{ Key string } }
		if json.Unmarshal(next.body, &page) != nil || len(page.Entries) != 1 || page.Entries[0].Key != key {
			t.Errorf("the listing with prefix %.40q begins with %.200s", key, next.body)
		}
	}
	for _, key := range keys {
		wantEntry(t, tr.nodes[2].ask(t, requestText(http.MethodDelete, "/store/"+percentEncoded(key), "")), key, "")
		if got := tr.nodes[2].get(t, "/store/"+percentEncoded(key)); got.status != http.StatusNotFound {
			t.Errorf("%.40q is there after its delete: %d", key, got.status)
		}
	}
}

// wantEntry holds an answer about a key; it returns the version.
func wantEntry(t *testing.T, got reply, key, value string) string {
	t.Helper()
	var entry struct {
		Key, Version string
		Value        json.RawMessage
	}
	if got.status != http.StatusOK || json.Unmarshal(got.body, &entry) != nil || entry.Key != key || string(entry.Value) != value {
		t.Errorf("for key %.40q came %d %.200s, want value %s", key, got.status, got.body, value)
	}
	wantFreshness(t, got)
	return entry.Version
}

func TestAKeyOutOfBoundsIsRefusedByEveryMethod(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"))
	long := strings.Repeat("k", store.MaxKeyBytes+1)
	targets := map[string]string{
		"empty":                    "/store/",
		"1,025 bytes":              "/store/" + long,
		"1,025 bytes, encoded":     "/store/" + percentEncoded(long),
		"1,025 bytes of two each":  "/store/k" + url.PathEscape(strings.Repeat("к", store.MaxKeyBytes/2)),
		"NUL":                      "/store/a%00b",
		"invalid UTF-8":            "/store/%ff",
		"cut UTF-8":                "/store/%d0",
		"overlong UTF-8":           "/store/%c0%af",
		"surrogate":                "/store/%ed%a0%80",
		"raw invalid UTF-8":        "/store/\xff",
		"no hexadecimal":           "/store/%zz",
		"a percent sign":           "/store/%",
		"a percent sign at an end": "/store/100%",
		"half an escape":           "/store/a%2",
		"another escape":           "/store/%u0041",
		"a fragment":               "/store/a#b",
		"an empty fragment":        "/store/a#",
	}
	for _, k := range []int{1, 2} {
		p := tr.nodes[k-1]
		p.unchanged(t)
		for name, target := range targets {
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
				t.Run(fmt.Sprintf("%s %s at NODE-%d", method, name, k), func(t *testing.T) {
					body := ""
					if method == http.MethodPut {
						body = `{"value":1}`
					}
					got := p.ask(t, requestText(method, target, body))
					wantProblem(t, got, http.StatusBadRequest, "key")
					wantFreshness(t, got)
				})
			}
		}
	}
}

func TestAListingThatCannotBeIsRefused(t *testing.T) {
	tr := startTree(t, 2)
	tr.put(1, "a b", "x")
	tr.awaitEqual()
	for query, slug := range map[string]string{
		"limit=0": "limit", "limit=1001": "limit", "limit=abc": "limit", "limit=": "limit", "limit=-1": "limit", "limit=1e2": "limit",
		"limit=99999999999999999999": "limit", "limit=1%00": "limit", "limit": "limit", "limit=5&limit=0": "query", "limit=5&limit=6": "query",
		"prefix=%ff": "key", "after=%ff": "key", "prefix=%00": "key", "after=" + strings.Repeat("k", 1025): "key", "prefix=%zz": "query", "after=%": "query",
		"prefix=a&prefix=b": "query", "prefx=a": "query", "Prefix=a": "query", "=a": "query", "%zz": "query", "limit=1;after=a": "limit",
		"x=" + strings.Repeat("y", 8000): "query", strings.Repeat("y", 8000): "query",
	} {
		got := tr.nodes[1].get(t, "/store?"+query)
		wantProblem(t, got, http.StatusBadRequest, slug)
		wantFreshness(t, got)
		if len(got.body) > 1000 {
			t.Errorf("%.40q is answered with %d bytes", query, len(got.body))
		}
	}
	for query, entries := range map[string]int{
		"": 1, "&&": 1, "prefix=": 1, "prefix=a+b": 1, "prefix=a%20b": 1, "prefix=a%2Bb": 0, "after=a": 1, "after=a+b": 0, "prefix=b": 0,
		"prefix=a&after=b": 0, "prefix=b&after=a": 0, "limit=1000": 1, "%70refix=a": 1, "prefix=%F4%8F%BF%BF": 0, "limit=007": 1,
	} {
		got := tr.nodes[1].get(t, "/store?"+query)
		var page struct{ Entries []any }
		if got.status != http.StatusOK || json.Unmarshal(got.body, &page) != nil || len(page.Entries) != entries {
			t.Errorf("%q: %d %s, want %d entries", query, got.status, got.body, entries)
		}
		wantFreshness(t, got)
	}
}

func TestACollectionIsNoKey(t *testing.T) {
	tr := startTree(t, 1)
	p := tr.nodes[0]
	p.unchanged(t)
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPost, http.MethodPatch} {
		got := p.ask(t, requestText(method, "/store", `{"value":1}`))
		wantProblem(t, got, http.StatusMethodNotAllowed, "method")
		wantFreshness(t, got)
		if allow := got.header.Get("Allow"); allow != "GET, HEAD" {
			t.Errorf("%s /store allows %q", method, allow)
		}
	}
	for _, target := range []string{"/Store/k", "/store2", "/storek", "/stor", "//store/k", "/./store/k", "/x/../store/k", "/%73tore/k"} {
		wantProblem(t, p.ask(t, requestText(http.MethodPut, target, `{"value":1}`)), http.StatusNotFound, "no-such-path")
	}
}

func TestDemandsAndConditionsThatMakeNoSenseAreRefused(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"))
	tr.put(1, "k", "x")
	tr.awaitEqual()
	p := tr.nodes[1]
	p.unchanged(t)
	for header, slug := range map[string]string{
		"Xylem-Min-Version: x": "min-version", "Xylem-Min-Version: 1": "min-version", "Xylem-Min-Version: 1.-1": "min-version",
		"Xylem-Min-Version: 99999999999999999999.1": "min-version", "Xylem-Max-Lag-Ms: soon": "max-lag", "Xylem-Max-Lag-Ms: -1": "max-lag",
		"Xylem-Timeout-Ms: 0": "timeout", "Xylem-Timeout-Ms: 60001": "timeout", "Xylem-Timeout-Ms: 1s": "timeout", "Xylem-Timeout-Ms: -5": "timeout",
	} {
		for _, target := range []string{"/store/k", "/store"} {
			got := p.ask(t, requestText(http.MethodGet, target, "", header))
			wantProblem(t, got, http.StatusBadRequest, slug)
			wantFreshness(t, got)
		}
	}
	for _, header := range []string{
		`If-Match: 1.1`, `If-Match: "1.1", "1.2"`, `If-Match: W/"1.1"`, `If-Match: "x"`, `If-Match: "1.1`, `If-None-Match: "1.1"`, "If-Match: *\r\nIf-None-Match: *",
	} {
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			body := map[string]string{http.MethodPut: `{"value":1}`}[method]
			got := p.ask(t, requestText(method, "/store/k", body, header))
			wantProblem(t, got, http.StatusBadRequest, "condition")
			wantFreshness(t, got)
		}
	}
}
