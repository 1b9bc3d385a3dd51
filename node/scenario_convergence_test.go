package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"xylem/client"
	"xylem/coordinator"
	"xylem/store"
	"xylem/sync/version"
)

// weirdKeys are keys that a careless hop would change, confuse or refuse.
var weirdKeys = []string{
	"a/b", "a%2Fb", "..", ".", "../..", "a/../b", "/", "//", "%", "%00", "?x", "x?y=z&w", "#", "a#b", " ", "  a ", "+", "a+b",
	"ключ", "鍵", "🌳", "e\u0301", "\u00e9", `"`, `\`, `\u0041`, "'", "{}", "\u0001", "\n", "\t", "\r\n", "\x7f", "\u2028", "<&>",
	"null", "*", ";", ":", "@", "=", "~", "store", strings.Repeat("k", 1024), strings.Repeat("я", 512),
}

// storm is many clients that write and read at all nodes at once.
type storm struct {
	tr      *tree
	keys    []string
	clients int
	perNode int // operations at every node
	http    fasthttp.Client

	mu   sync.Mutex
	last map[string]acknowledged // by key: the latest write of those that were answered
}

// acknowledged is a write that was answered with 200; value is empty for a delete.
type acknowledged struct {
	version version.Version
	value   string
}

func newStorm(tr *tree, perNode int) *storm {
	s := &storm{tr: tr, clients: 16, perNode: perNode, keys: weirdKeys, last: map[string]acknowledged{}}
	for i := len(s.keys); i < 500; i++ {
		s.keys = append(s.keys, fmt.Sprintf("key-%d", i))
	}
	s.http = fasthttp.Client{
		NoDefaultUserAgentHeader: true, MaxConnsPerHost: s.clients, MaxIdemponentCallAttempts: 1,
		ReadTimeout: patience, WriteTimeout: patience, DisablePathNormalizing: true,
	}
	return s
}

// rage carries out all operations. Each node has a seed of its own, and the
// clients deal its operations out among them in turn.
func (s *storm) rage() {
	var clients sync.WaitGroup
	for c := range s.clients {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(c)))
			saw := map[string]version.Version{} // by node and key: my own writes there
			for i := c; i < s.perNode; i += s.clients {
				for _, at := range random.Perm(len(s.tr.nodes)) {
					if err := s.operate(at+1, i, saw); err != nil {
						s.tr.t.Errorf("operation %d at %s: %v", i, coordinator.Name(at+1), err)
						return
					}
				}
			}
		})
	}
	clients.Wait()
}

// operate carries out the i-th operation at NODE-k.
func (s *storm) operate(k, i int, saw map[string]version.Version) error {
	random := rand.New(rand.NewPCG(uint64(k), uint64(i)))
	key := s.keys[random.IntN(len(s.keys))]
	mine := fmt.Sprint(k, " ", key)
	switch roll := random.IntN(100); {
	case roll < 40:
		return s.read(k, key, saw[mine])
	case roll < 42:
		status, _, body, err := s.send(k, http.MethodGet, fmt.Sprint("/store?limit=20&after=", url.QueryEscape(key)), "")
		if err == nil && (status != http.StatusOK || !json.Valid(body)) {
			err = fmt.Errorf("the listing after %q: %d %s", key, status, body)
		}
		return err
	case roll < 88:
		return s.write(k, key, randomValue(random), saw, mine)
	default:
		return s.write(k, key, "", saw, mine)
	}
}

// read wants an answer as of the client's own last write there, or later.
func (s *storm) read(k int, key string, wrote version.Version) error {
	status, header, body, err := s.send(k, http.MethodGet, pathStore+client.EscapeKey(key), "")
	if err != nil {
		return err
	}
	want := append(appendString([]byte(`{"key":`), key), `,"value":`...)
	if status != http.StatusNotFound && (status != http.StatusOK || !bytes.HasPrefix(body, want)) {
		return fmt.Errorf("get %q: %d %s", key, status, body)
	}
	asOf, err := version.Parse(string(header.Peek(headerVersion)))
	if err == nil && asOf.Before(wrote) {
		err = fmt.Errorf("%q is answered as of %v, after this client wrote it there at %v", key, asOf, wrote)
	}
	return err
}

// write puts a value, or deletes the key where it is empty, and remembers what was
// acknowledged.
func (s *storm) write(k int, key, value string, saw map[string]version.Version, mine string) error {
	method, request := http.MethodDelete, ""
	if value != "" {
		method, request = http.MethodPut, `{"value":`+value+`}`
	}
	status, header, body, err := s.send(k, method, pathStore+client.EscapeKey(key), request)
	if err != nil {
		return err
	}
	v, err := version.Parse(strings.Trim(string(header.Peek(headerETag)), `"`))
	want := appendEntry(nil, &store.Entry{Key: key, Value: value, Version: v})
	if err != nil || status != http.StatusOK || !bytes.Equal(body, want) {
		return fmt.Errorf("%s %q: %d %s %w", method, key, status, body, err)
	}
	saw[mine] = v
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last[key].version.Before(v) {
		s.last[key] = acknowledged{v, value}
	}
	return nil
}

// send is a request with as little work as can be, for the race detector makes
// all work slow.
func (s *storm) send(k int, method, path, body string) (int, *fasthttp.ResponseHeader, []byte, error) {
	var req fasthttp.Request
	var resp fasthttp.Response
	req.Header.SetMethod(method)
	req.URI().DisablePathNormalizing = true
	req.SetRequestURI("http://" + s.tr.nodes[k-1].address + path)
	req.SetBodyString(body)
	err := s.http.Do(&req, &resp)
	return resp.StatusCode(), &resp.Header, resp.Body(), err
}

// randomValue is compact JSON, which is kept as it is.
func randomValue(random *rand.Rand) string {
	switch random.IntN(4) {
	case 0:
		return fmt.Sprintf("%d.%018de-%d", random.IntN(1000), random.Uint64N(1e18), random.IntN(400))
	case 1:
		return fmt.Sprintf(`{"n":%d,"list":[null,true,"\u00e9 <&> \\ \" я"]}`, random.Uint64())
	case 2:
		return `"` + strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(400)) + `"`
	default:
		return "null"
	}
}

// bodies is a node's whole listing: the bodies of its pages, one after the other.
func (tr *tree) bodies(k int) []byte {
	tr.t.Helper()
	var all []byte
	for after := ""; ; {
		resp, err := http.Get(fmt.Sprintf("http://%s/store?limit=97&after=%s", tr.nodes[k-1].address, url.QueryEscape(after)))
		if err != nil {
			tr.t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var page struct{ Next *string }
		if err = errors.Join(err, json.Unmarshal(body, &page)); err != nil || resp.StatusCode != http.StatusOK {
			tr.t.Fatalf("the listing of %s after %q: %d %s %v", coordinator.Name(k), after, resp.StatusCode, body, err)
		}
		all = append(all, body...)
		if page.Next == nil {
			return all
		}
		after = *page.Next
	}
}

// wantLast wants of every key, at every node, the latest write that was acknowledged.
func (s *storm) wantLast() {
	t := s.tr.t
	for k := range s.tr.nodes {
		found := map[string]client.Entry{}
		for entry, err := range s.tr.client(k+1).All(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			found[entry.Key] = entry
		}
		for key, want := range s.last {
			got, there := found[key]
			delete(found, key)
			if there != (want.value != "") || there && (got.Version != want.version || string(got.Value) != want.value) {
				t.Errorf("%s has %q = %.80s at %v; acknowledged last was %.80s at %v",
					coordinator.Name(k+1), key, got.Value, got.Version, want.value, want.version)
			}
		}
		if len(found) > 0 {
			t.Errorf("%s has keys that nobody wrote: %v", coordinator.Name(k+1), found)
		}
	}
}

func TestAllNodesBecomeEqualAfterAStorm(t *testing.T) {
	for _, test := range []struct {
		name    string
		perNode int
		pushes  []option
	}{
		{"pushed eagerly", 500, []option{eager(true)}},
		{"pushed eagerly at intervals", 10_000, []option{eager(true), minInterval(20 * time.Millisecond)}},
		{"pushed by the schedule", 500, []option{eager(false)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := startTree(t, 3, append(test.pushes, liveness(2*time.Second), schedule("@every 500ms"))...)
			if testing.Short() {
				test.perNode /= 50
			}
			s := newStorm(tr, test.perNode)
			began := time.Now()
			s.rage()
			s.http.CloseIdleConnections()
			t.Logf("%d operations at each of %d nodes in %v", test.perNode, len(tr.nodes), time.Since(began).Round(time.Millisecond))
			stopped := time.Now()
			tr.awaitEqual()
			t.Logf("equal after %v", time.Since(stopped).Round(time.Millisecond))
			tr.wantOneState()
			want := tr.bodies(1)
			for k := range tr.nodes {
				if got := tr.bodies(k + 1); !bytes.Equal(got, want) {
					t.Errorf("the listing of %s differs from the root's:\n%.2000s\n%.2000s", coordinator.Name(k+1), got, want)
				}
			}
			s.wantLast()
		})
	}
}
