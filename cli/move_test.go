package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRootMove(t *testing.T) {
	root := newFakeNode(t, map[string]string{"POST /nodes/root": `200 {"root":"NODE-3","address":"http://h:5003","epoch":7}`})
	other := newFakeNode(t, map[string]string{
		"POST /nodes/root": `403 {"detail":"not the root","root":"NODE-2","address":"` + root.url + `"}`,
	})
	xylem(t, root.env(), "root", "move", "3").want(t, 0, "the root is NODE-3 at http://h:5003, epoch 7\n", "")
	if want := `POST /nodes/root {"node":"NODE-3"}`; root.last() != want {
		t.Errorf("the root heard %q, want %q", root.last(), want)
	}
	xylem(t, other.env(), "root", "move", "node-3", "-o", "json").want(t, 0, `{"root":"NODE-3","address":"http://h:5003","epoch":7}`+"\n", "")

	embedded := newFakeNode(t, map[string]string{"POST /nodes/root": `409 {"type":"urn:xylem:problem:embedded","detail":"it is embedded"}`})
	xylem(t, embedded.env(), "root", "move", "NODE-3").want(t, 1, "", "409 it is embedded\n")
	xylem(t, root.env(), "root", "move", "NODE-9").wantError(t, 2, "NODE-7")
	xylem(t, root.env(), "root", "move").wantError(t, 2, "NODE", "0 given")
	xylem(t, root.env(), "root", "mvoe", "3").wantError(t, 2, "mvoe", "the commands are move")
	if got := xylem(t, nil, "root", "move", "--help"); got.status != 0 || !strings.Contains(got.out, "Examples:\n  xylem root move NODE-3") {
		t.Errorf("help: %+v", got)
	}
}

func TestRootMoveSaysWhenNoAnswerCame(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else nobody notices that the client goes away
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	env := []string{"XYLEM_CLIENT_URL=" + silent.URL, "XYLEM_TREE_DEPTH=1"}
	xylem(t, env, "root", "move", "1", "--timeout", "50ms").wantError(t, 3, "may be moved", "xylem nodes")
}

// When the configured root is away, whoever says that it is the root by now is asked.
func TestNodesFindsTheRootThatReplacedAnother(t *testing.T) {
	third := newFakeNode(t, map[string]string{
		"GET /synchronize": `200 {"node":"NODE-3","role":"root","tree_id":"t","version":"2.5","digest":"d"}`,
		"GET /nodes":       `200 {"nodes":[]}`,
	})
	base := freePorts(t, 3)
	address := fmt.Sprintf("127.0.0.1:%d", base+3)
	door := &proxy{k: 3, links: newLinks(), address: address, target: strings.TrimPrefix(third.url, "http://")}
	if err := door.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(door.close)
	env := []string{"XYLEM_CLIENT_URL=http://127.0.0.1:{host_port}", fmt.Sprint("XYLEM_API_HOST_PORT_BASE=", base), "XYLEM_TREE_DEPTH=2"}
	xylem(t, env, "nodes", "-o", "json").want(t, 0, `{"nodes":[]}`+"\n", "")
	xylem(t, env, "nodes", "--node", "NODE-1").wantError(t, 3, "NODE-1", "xylem up")
}
