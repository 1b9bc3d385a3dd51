package main

import (
	"strings"
	"testing"
	"time"
)

func TestNodesShowsATable(t *testing.T) {
	body := `{"nodes":[
		{"node":"NODE-3","address":"http://localhost:5003","position":2,"parent":"NODE-1","children":[],"state":"down","since":"","version":"1.40","lag_ms":12345,"stand_in":"NODE-1"},
		{"node":"NODE-2","position":null,"state":"absent","parent":null,"children":null},
		{"node":"NODE-1","address":"http://localhost:5001","position":1,"parent":null,"children":["NODE-3"],"state":"alive","since":"soon","version":"1.42","lag_ms":0}]}`
	f := newFakeNode(t, map[string]string{"GET /nodes": "200 " + body})
	xylem(t, f.env(), "nodes").want(t, 0, ""+
		"NODE    POSITION  PARENT  CHILDREN  STATE                   SINCE  VERSION  LAG     ADDRESS\n"+
		"NODE-1  1         -       NODE-3    alive                   soon   1.42     0.0 ms  http://localhost:5001\n"+
		"NODE-3  2         NODE-1  -         down, NODE-1 stands in  -      1.40     12s     http://localhost:5003\n"+
		"NODE-2  -         -       -         absent                  -      -        -       -\n", "")
	got := xylem(t, f.env(), "nodes", "--output", "json")
	if got.status != 0 || !strings.HasPrefix(got.out, `{"nodes":[{"node":"NODE-3",`) || strings.Count(got.out, "\n") != 1 {
		t.Errorf("json: %+v", got)
	}
}

func TestNodesFollowsToTheRootOnce(t *testing.T) {
	root := newFakeNode(t, map[string]string{"GET /nodes": `200 {"nodes":[]}`})
	other := newFakeNode(t, map[string]string{
		"GET /nodes": `403 {"detail":"not the root","root":"NODE-2","address":"` + root.url + `"}`,
	})
	if got := xylem(t, other.env(), "nodes", "--node", "NODE-3"); got.status != 0 || root.last() != "GET /nodes" {
		t.Errorf("%+v, the root heard %q", got, root.last())
	}
	again := newFakeNode(t, map[string]string{
		"GET /nodes": `403 {"detail":"not I either","root":"NODE-2","address":"` + other.url + `"}`,
	})
	before := len(root.requests())
	xylem(t, again.env(), "nodes").want(t, 1, "", "403 not the root\n")
	if len(root.requests()) != before {
		t.Error("followed twice")
	}
	refusing := newFakeNode(t, map[string]string{"GET /nodes": `403 {"detail":"no"}`})
	xylem(t, refusing.env(), "nodes").want(t, 1, "", "403 no\n")
}

// syncNode is a node that answers GET /synchronize.
func syncNode(t *testing.T, name, role, version, digest string) *fakeNode {
	t.Helper()
	return newFakeNode(t, map[string]string{"GET /synchronize": `200 {"node":"` + name + `","role":"` + role + `","tree_id":"t",
		"version":"` + version + `","digest":"` + digest + `","lag_ms":null,"pending":0,"last_push":{"kind":"delta","when":"-","entries":2,"bytes":90}}`})
}

func report3(t *testing.T, nodes ...*fakeNode) []report {
	t.Helper()
	var reports []report
	for i, f := range nodes {
		to := newTarget("NODE-"+string(rune('1'+i)), f.url, time.Second)
		doc, err := to.client.Synchronization(t.Context())
		reports = append(reports, report{name: to.name, url: to.url, sync: doc, err: err})
	}
	return reports
}

func TestStatusSaysWhetherAllAreEqual(t *testing.T) {
	f := syncNode(t, "NODE-1", "root", "1.42", "0123456789abcdef")
	xylem(t, f.env(), "status", "--depth", "2").want(t, 0, ""+
		"NODE    ROLE  STATE  VERSION  LAG  DIGEST        PENDING  LAST PUSH\n"+
		"NODE-1  root  up     1.42     -    0123456789ab  0        delta of 2, 90 B -\n"+
		"NODE-2  root  up     1.42     -    0123456789ab  0        delta of 2, 90 B -\n"+
		"NODE-3  root  up     1.42     -    0123456789ab  0        delta of 2, 90 B -\n"+
		"all 3 nodes are equal: version 1.42, digest 0123456789ab\n", "")
	got := xylem(t, f.env(), "status", "--depth", "1", "-o", "json")
	if !strings.HasPrefix(got.out, `{"equal":true,"answered":1,"nodes":[{"node":"NODE-1","url":"`+f.url+`","state":"up","synchronization":{"node":"NODE-1",`) {
		t.Errorf("json: %+v", got)
	}
}

func TestVerdict(t *testing.T) {
	root := syncNode(t, "NODE-1", "root", "1.42", "aa")
	same := syncNode(t, "NODE-2", "node", "1.42", "aa")
	behind := syncNode(t, "NODE-3", "node", "1.40", "bb")
	wrong := syncNode(t, "NODE-3", "node", "1.42", "bb")
	gone := newFakeNode(t, nil)
	deep := newFakeNode(t, map[string]string{"GET /synchronize": `200 {"node":"NODE-1","role":"root","tree_id":"t","version":"1.42","digest":"aa","nodes":[{},{},{}]}`})
	for _, c := range []struct {
		nodes []*fakeNode
		want  string
	}{
		{[]*fakeNode{root, same}, "all 2 nodes are equal: version 1.42, digest aa"},
		{[]*fakeNode{behind, same, root}, "2 of 3 nodes are equal: version 1.42, digest aa; different: NODE-1 (at 1.40)"},
		{[]*fakeNode{behind, same}, "1 of 2 nodes are equal: version 1.42, digest aa; different: NODE-1 (at 1.40)"},
		{[]*fakeNode{root, wrong, gone}, "1 of 3 nodes are equal: version 1.42, digest aa; different: NODE-2 (digest bb); unreachable: NODE-3"},
		{[]*fakeNode{gone}, "none of the 1 nodes answered"},
		{[]*fakeNode{deep}, "1 of 1 nodes are equal: version 1.42, digest aa; the tree has 3: see tree.depth and --depth"},
	} {
		reports := report3(t, c.nodes...)
		if got := compare(reports).text(len(reports)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestStatusWhenNobodyAnswers(t *testing.T) {
	got := xylem(t, []string{"XYLEM_CLIENT_URL=http://127.0.0.1:1"}, "status", "--depth", "2")
	if got.status != 3 || strings.Count(got.out, "unreachable") != 3 || !strings.Contains(got.stderr, "xylem up") {
		t.Errorf("%+v", got)
	}
}

func TestHelpHasExamples(t *testing.T) {
	root := newApp(nil, nil, nil, nil).rootCommand()
	for _, cmd := range root.Commands() {
		got := xylem(t, nil, cmd.Name(), "--help")
		if got.status != 0 || !strings.Contains(got.out, "Examples:\n  ") || !strings.Contains(got.out, "xylem "+cmd.Name()) {
			t.Errorf("%s --help: status %d, %s", cmd.Name(), got.status, got.out)
		}
	}
	if got := xylem(t, nil); got.status != 0 || !strings.Contains(got.out, "Exit status") {
		t.Errorf("xylem alone: %+v", got)
	}
}

func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"get", "node-"}, "NODE-1\nNODE-2\nNODE-3\n:4\n"},
		{[]string{"PUT", "NODE-2"}, "NODE-2\n:4\n"},
		{[]string{"delete", "NODE-1", ""}, ":4\n"},
		{[]string{"nodes", "--node", "NODE-3"}, "NODE-3\n:4\n"},
		{[]string{"status", "--output", ""}, "text\njson\n:4\n"},
	} {
		got := xylem(t, []string{"XYLEM_TREE_DEPTH=2"}, append([]string{"__complete"}, c.args...)...)
		if got.status != 0 || got.out != c.want {
			t.Errorf("%q completes to %q, want %q", c.args, got.out, c.want)
		}
	}
	if got := xylem(t, nil, "completion", "bash"); got.status != 0 || !strings.Contains(got.out, "__complete") {
		t.Errorf("completion bash: status %d", got.status)
	}
}

func TestVersion(t *testing.T) {
	if got := xylem(t, nil, "version"); got.status != 0 || !strings.HasPrefix(got.out, "xylem dev") {
		t.Errorf("%+v", got)
	}
	if got := xylem(t, nil, "version", "-o", "json"); got.status != 0 || !strings.HasPrefix(got.out, `{"version":"dev"`) {
		t.Errorf("%+v", got)
	}
}
