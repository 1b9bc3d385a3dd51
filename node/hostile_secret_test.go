package node

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"xylem/configs"
)

func TestTheSecretIsShownNowhere(t *testing.T) {
	const secret = "a very well known secret #17"
	tr := newTree(t, 2)
	tr.secret = []byte(secret)
	for k := 1; k <= 3; k++ {
		tr.start(k)
		tr.awaitReady(k)
	}
	tr.put(3, "k", "v")
	tr.awaitEqual()
	var said strings.Builder
	for _, p := range tr.nodes {
		for _, target := range []string{"/", "/synchronize", "/nodes", "/store", "/store/k", "/openapi.json", "/docs", "/nowhere"} {
			got := p.get(t, target)
			fmt.Fprintln(&said, got.header, string(got.body))
		}
		for _, path := range []string{pathSynchronize, pathWrite, pathJoin, pathState} {
			wrong := play(t, []byte(secret+"."), 1, p).post(path, []byte("x"))
			noise := play(t, []byte(secret), 1, p).post(path, []byte("x"))
			fmt.Fprintln(&said, wrong.header, string(wrong.body), noise.header, string(noise.body))
		}
	}
	tr.stop(1)
	unreached, err := tr.client(3).Put(t.Context(), "k", []byte("1"))
	fmt.Fprintln(&said, unreached, err)
	for _, length := range []int{0, 1, 15} {
		_, err := New(Options{ID: 1, Config: tr.cfg, DataDir: t.TempDir(), Secret: []byte(secret)[:length], Logger: discarded(), Advertise: "http://x"})
		if err == nil || length > 0 && strings.Contains(err.Error(), secret[:length]) && length > 1 {
			t.Errorf("a secret of %d bytes: %v", length, err)
		}
	}
	tr.cfg.Auth.ClusterSecret = configs.Secret(secret)
	fmt.Fprintf(&said, "%v %+v %#v\n", tr.cfg, tr.cfg, tr.cfg)
	for _, p := range tr.nodes {
		tr.stop(p.k) // while it runs, requests change what is printed here
		fmt.Fprintf(&said, "%v %+v\n", p.node.peers.signer, p.node.verifier)
		said.WriteString(p.log.String())
	}
	for name, form := range forms(secret) {
		if at := strings.Index(said.String(), form); at >= 0 {
			t.Errorf("the secret came out (%s): ...%.300s", name, said.String()[max(0, at-200):])
		}
	}
}

// forms are the ways in which a secret may come out.
func forms(secret string) map[string]string {
	return map[string]string{
		"plain": secret, "its middle": secret[4:20], "hex": hex.EncodeToString([]byte(secret)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"base64": base64.RawStdEncoding.EncodeToString([]byte(secret))[:32], "base64url": base64.RawURLEncoding.EncodeToString([]byte(secret))[:32],
		"numbers": strings.Trim(fmt.Sprint([]byte(secret)), "[]"), "quoted": strings.Trim(fmt.Sprintf("%x", secret), " "),
	}
}

// What goes over the network to another node proves the secret and does not tell
// it: here everything that a member sends to its root.
func TestTheSecretDoesNotTravel(t *testing.T) {
	const secret = "a very well known secret #17"
	var mu sync.Mutex
	var seen strings.Builder
	asked := make(chan struct{}, 100)
	root := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		fmt.Fprintln(&seen, r.RequestURI, r.Header, string(body))
		mu.Unlock()
		w.Header().Set("Xylem-Instance", "000102030405060708090a0b0c0d0e0f")
		w.WriteHeader(http.StatusUnauthorized)
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer root.Close()
	tr := newTree(t, 2)
	tr.secret = []byte(secret)
	tr.nodes[0].address = strings.TrimPrefix(root.URL, "http://")
	tr.start(2)
	for range 4 {
		<-asked
	}
	tr.stop(2)
	mu.Lock()
	defer mu.Unlock()
	seen.WriteString(tr.nodes[1].log.String())
	for name, form := range forms(secret) {
		if strings.Contains(seen.String(), form) {
			t.Errorf("the secret came out (%s)", name)
		}
	}
}
