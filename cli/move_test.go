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
	xylem(t, root.env(), "root", "NODE-3").wantError(t, 2, "did you mean xylem root move NODE-3?")
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
	env := onlyAt3(t, third)
	xylem(t, env, "nodes", "-o", "json").want(t, 0, `{"nodes":[]}`+"\n", "")
	xylem(t, env, "nodes", "--node", "NODE-1").wantError(t, 3, "NODE-1", "xylem up")
}

// onlyAt3 makes the command line find a fake where NODE-3 of three would be, and nobody else.
func onlyAt3(t *testing.T, f *fakeNode) []string {
	t.Helper()
	base := freePorts(t, 3)
	address := fmt.Sprintf("127.0.0.1:%d", base+3)
	door := &proxy{k: 3, links: newLinks(), address: address, target: strings.TrimPrefix(f.url, "http://")}
	if err := door.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(door.close)
	return []string{"XYLEM_CLIENT_URL=http://127.0.0.1:{host_port}", fmt.Sprint("XYLEM_API_HOST_PORT_BASE=", base), "XYLEM_TREE_DEPTH=2"}
}

// A member knows the root at another address than client.url says; or one that is away, or none.
func TestNodesAsksAMemberWhenTheRootIsAway(t *testing.T) {
	root := newFakeNode(t, map[string]string{"GET /nodes": `200 {"nodes":[]}`})
	script := map[string]string{
		"GET /synchronize": `200 {"node":"NODE-3","role":"node","tree_id":"t","version":"2.5","digest":"d"}`,
		"GET /nodes":       `403 {"detail":"not the root","root":"NODE-1","address":"` + root.url + `"}`,
	}
	xylem(t, onlyAt3(t, newFakeNode(t, script)), "nodes", "-o", "json").want(t, 0, `{"nodes":[]}`+"\n", "")

	script["GET /nodes"] = `403 {"detail":"not the root","root":"NODE-1","address":"http://127.0.0.1:1"}`
	xylem(t, onlyAt3(t, newFakeNode(t, script)), "nodes").wantError(t, 3, "NODE-1", "NODE-3 knows", "ask again in some seconds")

	script["GET /nodes"] = `503 {"detail":"no root is known"}`
	xylem(t, onlyAt3(t, newFakeNode(t, script)), "nodes").want(t, 1, "", "503 no root is known\n")
}

// A node that is not where client.url says is asked where the root knows it. A root that does not order says so.
func TestStatusAsksTheRootForAddresses(t *testing.T) {
	moved := newFakeNode(t, map[string]string{
		"GET /synchronize": `200 {"node":"NODE-2","role":"node","tree_id":"t","version":"2.5","digest":"d"}`,
	})
	root := newFakeNode(t, map[string]string{
		"GET /synchronize": `200 {"node":"NODE-3","role":"root","tree_id":"t","version":"2.5","digest":"d","state":"paused"}`,
		"GET /nodes":       `200 {"nodes":[{"node":"NODE-1","address":""},{"node":"NODE-2","address":"` + moved.url + `"}]}`,
	})
	got := xylem(t, onlyAt3(t, root), "status")
	for _, part := range []string{"NODE-2  node  up", "NODE-3  root  paused", "NODE-1  -     unreachable", "2 of 3 nodes are equal"} {
		if !strings.Contains(got.out, part) || got.status != 0 {
			t.Errorf("status %d, it says\n%s, not %q", got.status, got.out, part)
		}
	}
}
