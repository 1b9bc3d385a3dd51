package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"xylem/configs"
	"xylem/node/proof"
	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

const fuzzSecret = "a secret of the fuzz tests"

// fuzzed is a node that is asked without a network, through its real handlers.
type fuzzed struct {
	*Node
	app *fiber.App
}

// startFuzzed starts NODE-k. A member's root is where nobody listens.
func startFuzzed(f *testing.F, k int) *fuzzed {
	f.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	cfg := configs.Default()
	cfg.Tree.Depth, cfg.Data.Fsync, cfg.Sync.Schedule = 2, configs.FsyncNever, "@every 1h"
	n, err := New(Options{
		ID: k, Config: cfg, Listener: listener, Advertise: "http://" + listener.Addr().String(), RootURL: "http://127.0.0.1:1",
		DataDir: f.TempDir(), Secret: []byte(fuzzSecret), Logger: discarded(),
	})
	if err != nil {
		f.Fatal(err)
	}
	ctx, stop := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	f.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			f.Errorf("the node did not stop gracefully: %v", err)
		}
	})
	n.loop.query(func(*replica.Replica) {}) // it runs, then
	return &fuzzed{Node: n, app: n.newApp()}
}

// ask sends a request whose target is exactly the given bytes.
func (z *fuzzed) ask(t testing.TB, method, target string, body []byte, header ...string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://x/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.RequestURI = target
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := z.app.Test(req, -1)
	if err != nil {
		t.Fatalf("%s %q: %v", method, target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusInternalServerError {
		t.Fatalf("%s %q ended inside: %s", method, target, answer)
	}
	return resp.StatusCode, answer
}

// FuzzPushPiece sends pieces to POST /synchronize as the root would: bytes as they
// are, or, framed, as a block of entries behind a right header, around the version
// at which the node is. Whatever is refused changes nothing.
func FuzzPushPiece(f *testing.F) {
	z := startFuzzed(f, 2)
	instance, _ := proof.NewInstance()
	signer, err := proof.NewSigner([]byte(fuzzSecret), "NODE-1", instance)
	if err != nil {
		f.Fatal(err)
	}
	root := store.New()
	root.SetMeta(store.Meta{Tree: version.TreeID{7}, Epoch: 3, History: version.History{{Epoch: 1, Seq: 1}}})
	l := &lone{root: root}
	addPieces(f, l)
	f.Fuzz(func(t *testing.T, body []byte, framed bool, kind, piece, from, to byte, last bool) {
		before, digest := z.store.Digest()
		meta, counts := z.store.Meta(), z.store.Counts()
		if framed {
			around := func(by byte) version.Version { return l.at(max(3, before.Seq) + uint64(by%8) - 3) }
			h := l.header(wire.Kind(kind%3+1), root.Cut(version.Version{}))
			h.Number, h.Piece, h.Last, h.From, h.To, h.Digest = 1, uint32(piece%3), last, around(from), around(to), digest
			if h.Kind == wire.Snapshot {
				h.From = version.Version{}
			}
			body = wire.AppendPiece(nil, h, wire.NewBody(body, 1))
		}
		made := signer.Header(z.verifier.Instance(), http.MethodPost, pathSynchronize, body)
		status, answer := z.ask(t, http.MethodPost, pathSynchronize, body, proof.HeaderName, made)
		after, digestAfter := z.store.Digest()
		if status == http.StatusOK {
			if after.Seq < before.Seq {
				t.Fatalf("from %v back to %v", before, after)
			}
			return
		}
		if status != http.StatusBadRequest && status != http.StatusForbidden && status != http.StatusConflict {
			t.Fatalf("answered %d %s", status, answer)
		}
		if after != before || digestAfter != digest || !reflect.DeepEqual(meta, z.store.Meta()) || counts != z.store.Counts() {
			t.Fatalf("refused with %d %s, and yet the state went from %v to %v", status, answer, before, after)
		}
	})
}

// addPieces seeds with pushes of some entries.
func addPieces(f *testing.F, l *lone) {
	for i := range 5 {
		l.order(fmt.Sprint("key-", i), `"a value that is the same as all the others"`)
	}
	l.order("key-1", "")
	for _, make := range []func() (*wire.Header, wire.Body){
		l.snapshot, l.heartbeat, func() (*wire.Header, wire.Body) { return l.delta(version.Version{}) },
		func() (*wire.Header, wire.Body) { return l.delta(l.at(4)) },
	} {
		h, body := make()
		f.Add(wire.AppendPiece(nil, h, body), false, byte(0), byte(0), byte(0), byte(0), false)
		h.Last = false
		f.Add(wire.AppendPiece(nil, h, body), false, byte(0), byte(0), byte(0), byte(0), false)
	}
	f.Add([]byte{}, false, byte(0), byte(0), byte(0), byte(0), false)
	f.Add([]byte("XYL\x01\x00\x00"), false, byte(0), byte(0), byte(0), byte(0), false)
	var enc store.BlockEncoder
	block := enc.Append(nil, &store.Entry{Key: "k", Value: "1", Version: l.at(7), Stamp: 1, Write: version.WriteID{Node: 1, Counter: 1}})
	block = enc.Append(block, &store.Entry{Key: "d", Version: l.at(8), Stamp: 2, Write: version.WriteID{Node: 1, Counter: 2}})
	for kind := range byte(3) {
		f.Add(block, true, kind, byte(0), byte(2), byte(6), true)
		f.Add(block, true, kind, byte(0), byte(3), byte(5), false)
		f.Add(block, true, kind, byte(1), byte(3), byte(5), true)
		f.Add([]byte{}, true, kind, byte(0), byte(3), byte(3), true)
	}
}

// FuzzPathKey writes under a key given as raw bytes of the path: it is refused, or
// the key that comes back is exactly what was meant.
func FuzzPathKey(f *testing.F) {
	z := startFuzzed(f, 1)
	for _, key := range []string{
		"", "a", "a/b", "a%2Fb", "a%2fb", "%", "%zz", "%2", "%00", "%ff", "%25", "..", "../x", "%2e%2e/", "//", "a+b", "a%20b", "ключ",
		"%d0%ba", "a?b", "a#b", "a?b#c", "a%23b%3f", "?", ";", "\xff", "http://x/y", "*", ":k", strings.Repeat("k", 1024), strings.Repeat("%6b", 1025),
	} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		if strings.ContainsFunc(escaped, func(r rune) bool { return r <= ' ' || r == 0x7f }) || len(escaped) > 8<<10 {
			t.Skip("no request line has these, or so many")
		}
		status, answer := z.ask(t, http.MethodPut, "/store/"+escaped, []byte(`{"value":1}`))
		want, err := url.PathUnescape(escaped)
		if err == nil {
			err = store.CheckKey(want)
		}
		var got struct{ Key string }
		switch {
		case status == http.StatusOK, status == http.StatusAccepted: // at first it waits for members
			if unreadable := json.Unmarshal(answer, &got); unreadable != nil || err != nil || got.Key != want || strings.ContainsAny(escaped, "?#") {
				t.Fatalf("%q was taken as %s; meant was %q (%v)", escaped, answer, want, err)
			}
		case status != http.StatusBadRequest:
			t.Fatalf("%q is answered %d %s", escaped, status, answer)
		case err == nil && !strings.ContainsAny(escaped, "?#"):
			t.Fatalf("%q is a right key, and was refused: %s", escaped, answer)
		}
	})
}

// FuzzPutBody reads bodies of PUT requests: what is taken is compact JSON that says
// the same as the body's value.
func FuzzPutBody(f *testing.F) {
	for _, body := range []string{
		``, `{"value":1}`, ` { "value" : [ 1 , 2.50 , "a b" , { } ] } `, `{"Value":1}`, `{"value":1,"value":2}`, `{"value":1,"x":2}`, `{}`, `[]`, `null`, `1`,
		`{"val\u0075e":1}`, `{"value":"\ud800"}`, `{"value":"<\u2028>"}`, `{"value":1e999}`, `{"value":{"value":1}}`, `{"value":}`, `{"value":1}}`, `{":":1}`,
		`{"":1}`, "\xff", `{"value":"` + "\xff" + `"}`, strings.Repeat("[", 10_001), `{"value":123456789012345678901234567890}`, `{"value":-0}`, `{"value" :"}"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const limit = 1 << 10
		value, err := parseValue(bytes.Clone(body), limit) // it may change what it reads
		if err != nil {
			if p := asProblem(err); p.status != http.StatusBadRequest && p.status != http.StatusRequestEntityTooLarge {
				t.Fatalf("%q is answered %d %s", body, p.status, p.detail)
			}
			return
		}
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(value)) != nil || compact.String() != value || len(value) > limit || !utf8.ValidString(value) {
			t.Fatalf("%q is taken as %q, which is not compact JSON", body, value)
		}
		meant, _ := decoded(t, body).(map[string]any)
		if len(meant) != 1 || !reflect.DeepEqual(meant["value"], decoded(t, []byte(value))) {
			t.Fatalf("%q is taken as %q", body, value)
		}
	})
}

// decoded is what JSON says, numbers with their digits.
func decoded(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var said any
	if err := decoder.Decode(&said); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return said
}
