package node

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"xylem/client"
	"xylem/coordinator"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// unprovoked are the described answers that no test here brings about, and why.
var unprovoked = map[string]string{
	"POST /synchronize 503": "the disk of a node would have to fail",
	"POST /tree/join 413":   "as POST /tree/write",
	"POST /tree/leave 413":  "as POST /tree/write",
	"POST /tree/lookup 413": "as POST /tree/write",
	"POST /tree/state 413":  "as POST /tree/write",
	"POST /tree/ping 413":   "as POST /tree/write",
	"POST /tree/roll 413":   "as POST /tree/write",
	"POST /tree/gather 413": "as POST /tree/write",
	"POST /tree/gather 503": "the disk of a node would have to hang",
}

// exam holds answers against the documents and remembers which it has seen.
type exam struct {
	root, others *openapi3.T
	seen         map[string]bool // "METHOD /path status"
}

// described is the document that has to have an operation of a node: its own,
// and the root's for what only the root does.
func (e *exam) described(operation string, k int) *openapi3.T {
	if k == 1 || operations(e.others)[operation] == nil {
		return e.root
	}
	return e.others
}

// expect asks and wants an answer of that status, and of that slug if it is a
// problem, that is as the document says. path is the document's.
func (e *exam) expect(t *testing.T, path string, status int, slug string, q question) {
	t.Helper()
	if q.target == "" {
		q.target = path
	}
	resp, body := ask(t, q)
	if resp.StatusCode != status || slugOf(body) != slug {
		t.Errorf("%s %s answers %d %s, want %d %s", q.method, q.target, resp.StatusCode, body, status, slug)
	}
	operation := q.method + " " + path
	for _, discrepancy := range discrepancies(e.described(operation, q.to.k), operation, resp, body) {
		t.Errorf("%s %s answers %d %.300s: %s", q.method, q.target, resp.StatusCode, body, discrepancy)
	}
	e.seen[operation+" "+strconv.Itoa(resp.StatusCode)] = true
}

func TestOpenAPIDescribesTheAnswers(t *testing.T) {
	tr := startTree(t, 2)
	e := &exam{root: description(t, tr.nodes[0]), others: description(t, tr.nodes[1]), seen: map[string]bool{}}
	e.reads(t, tr)
	e.writes(t, tr)
	e.nodes(t, tr)
	e.tree(t, tr)
	e.documentation(t, tr)
	e.members(t, tr)
	e.forwards(t, tr)
	e.pushes(t, tr)
	e.queues(t)
	e.alone(t)
	e.adopting(t)
	e.lost(t)
	e.taken(t)
	e.elected(t)
	e.unelected(t)
	for name, operation := range operations(e.root) {
		for status := range operation.Responses.Map() {
			answer := name + " " + status
			if status != "default" && !e.seen[answer] && unprovoked[answer] == "" {
				t.Errorf("%s is described, and no question here brings it about", answer)
			}
		}
	}
}

func (e *exam) reads(t *testing.T, tr *tree) {
	const path = "/store/{key}"
	tr.put(3, "a/b", "world")
	for _, p := range tr.nodes {
		e.expect(t, path, 200, "", asking(p).get("/store/a%2Fb"))
		e.expect(t, path, 200, "", asking(p).get("/store/a/b"))
		e.expect(t, path, 304, "", asking(p).get("/store/a%2Fb").with(`If-None-Match: "1.1"`))
		e.expect(t, path, 404, "not-found", asking(p).get("/store/nothing"))
	}
	p := tr.nodes[1]
	e.expect(t, path, 400, "key", asking(p).get("/store/"))
	e.expect(t, path, 400, "key", asking(p).get("/store/"+strings.Repeat("k", 1025)))
	e.expect(t, path, 400, "min-version", asking(p).get("/store/a").with("Xylem-Min-Version: 43"))
	e.expect(t, path, 400, "max-lag", asking(p).get("/store/a").with("Xylem-Max-Lag-Ms: 1s"))
	e.expect(t, path, 400, "timeout", asking(p).get("/store/a").with("Xylem-Timeout-Ms: 0"))
	e.expect(t, path, 409, "version-abandoned", asking(p).get("/store/a").with("Xylem-Min-Version: 0.5"))
	e.expect(t, path, 504, "not-fresh", asking(p).get("/store/a").with("Xylem-Min-Version: 1.99\nXylem-Timeout-Ms: 10"))
	e.expect(t, path, 405, "method", asking(p).get("/store/a").using(http.MethodPatch))

	tr.awaitEqual()
	e.expect(t, "/store", 200, "", asking(p).get("/store?prefix=a&after=&limit=1"))
	e.expect(t, "/store", 200, "", asking(p).get(""))
	e.expect(t, "/store", 400, "limit", asking(p).get("/store?limit=0"))
	e.expect(t, "/store", 400, "query", asking(p).get("/store?lmit=1"))
	e.expect(t, "/store", 400, "key", asking(p).get("/store?after=%00"))
	e.expect(t, "/store", 400, "min-version", asking(p).get("").with("Xylem-Min-Version: x"))
	e.expect(t, "/store", 400, "max-lag", asking(p).get("").with("Xylem-Max-Lag-Ms: -1"))
	e.expect(t, "/store", 400, "timeout", asking(p).get("").with("Xylem-Timeout-Ms: 60001"))
	e.expect(t, "/store", 409, "version-abandoned", asking(p).get("").with("Xylem-Min-Version: 0.5"))
	e.expect(t, "/store", 504, "not-fresh", asking(p).get("").with("Xylem-Min-Version: 1.99\nXylem-Timeout-Ms: 10"))
	e.expect(t, "/store", 405, "method", asking(p).get("").using(http.MethodPatch))
}

func (e *exam) writes(t *testing.T, tr *tree) {
	const path = "/store/{key}"
	for _, p := range tr.nodes {
		e.expect(t, path, 200, "", asking(p).put("/store/k").saying(`{"value": {"n": 1.50}}`))
		e.expect(t, path, 412, "condition-not-met", asking(p).put("/store/k").with("If-None-Match: *").saying(`{"value": null}`))
		e.expect(t, path, 412, "condition-not-met", asking(p).put("/store/nothing").with("If-Match: *").saying(`{"value": null}`))
		e.expect(t, path, 412, "condition-not-met", asking(p).delete("/store/k").with(`If-Match: "1.99"`))
		e.expect(t, path, 200, "", asking(p).delete("/store/k"))
		e.expect(t, path, 200, "", asking(p).delete("/store/nothing"))
	}
	p := tr.nodes[2]
	e.expect(t, path, 400, "body", asking(p).put("/store/k").saying(`{"valu": 1}`))
	e.expect(t, path, 400, "condition", asking(p).put("/store/k").with("If-Match: 1.1").saying(`{"value": 1}`))
	e.expect(t, path, 400, "key", asking(p).put("/store/%00").saying(`{"value": 1}`))
	e.expect(t, path, 400, "condition", asking(p).delete("/store/k").with("If-None-Match: x"))
	e.expect(t, path, 400, "key", asking(p).delete("/store/%FF"))
	e.expect(t, path, 413, "too-large", asking(p).put("/store/k").saying(`{"value": "`+strings.Repeat("v", 1<<20)+`"}`))
	e.expect(t, path, 413, "too-large", asking(p).put("/store/k").saying(strings.Repeat(" ", 2<<20)))
}

func (e *exam) nodes(t *testing.T, tr *tree) {
	for _, p := range tr.nodes {
		for _, path := range []string{"/", "/healthz", "/readyz", "/synchronize", "/backup"} {
			e.expect(t, path, 200, "", asking(p).get(""))
		}
		e.expect(t, "/", 405, "method", asking(p).get("").using(http.MethodPut))
		e.expect(t, "/", 404, "no-such-path", asking(p).get("/no-such-path"))
	}
}

func (e *exam) tree(t *testing.T, tr *tree) {
	const above = "/nodes/parent/{node}"
	root, other := tr.nodes[0], tr.nodes[2]
	e.expect(t, "/nodes", 200, "", asking(root).get(""))
	e.expect(t, "/nodes/structure", 200, "", asking(root).get(""))
	e.expect(t, above, 200, "", asking(root).get("/nodes/parent/NODE-3"))
	e.expect(t, above, 200, "", asking(root).get("/nodes/parent/1"))
	e.expect(t, above, 400, "node", asking(root).get("/nodes/parent/six"))
	e.expect(t, above, 404, "no-such-node", asking(root).get("/nodes/parent/99"))
	e.expect(t, "/nodes", 403, "ask-the-root", asking(other).get(""))
	e.expect(t, "/nodes/structure", 403, "ask-the-root", asking(other).get(""))
	e.expect(t, above, 403, "ask-the-root", asking(other).get("/nodes/parent/1"))
}

func (e *exam) documentation(t *testing.T, tr *tree) {
	const path = "/docs/{asset}"
	for _, p := range tr.nodes {
		e.expect(t, "/openapi.json", 200, "", asking(p).get(""))
		e.expect(t, "/docs", 200, "", asking(p).get(""))
		e.expect(t, path, 200, "", asking(p).get("/docs/"))
		e.expect(t, path, 200, "", asking(p).get("/docs/favicon-32x32.png"))
		e.expect(t, path, 200, "", asking(p).get("/docs/swagger-ui.css"))
		e.expect(t, path, 200, "", asking(p).get("/docs/start.js").with("Accept-Encoding: identity"))
		e.expect(t, path, 404, "no-such-path", asking(p).get("/docs/no-such-asset.js"))
	}
}

// announcement is the body of a join by NODE-k, which has the state of a tree at
// epoch 1.
func announcement(k int, address, instance string, tree version.TreeID, seq uint64) string {
	in := joinDocument{Member: coordinator.Member{ID: k, Address: address, Instance: instance}, TreeID: tree.String(), Fanout: *fanout}
	if seq > 0 {
		in.Epoch, in.Version = 1, version.Version{Epoch: 1, Seq: seq}
	}
	body, _ := json.Marshal(in)
	return string(body)
}

// members are the requests by which nodes come and go.
func (e *exam) members(t *testing.T, tr *tree) {
	const join, leave = "/tree/join", "/tree/leave"
	root, other := tr.nodes[0], tr.nodes[1]
	self := other.node.self
	tree := root.node.store.Meta().Tree
	ninth, oak := stranger(t, tr, "NODE-9"), stranger(t, tr, "oak")

	for _, path := range []string{join, leave, pathWrite, pathLookup, pathPing, pathRoll, pathState, pathSynchronize} {
		e.expect(t, path, 401, "proof", asking(root).post(nil))
		e.expect(t, path, 401, "proof", asking(root).post(nil).with("Xylem-Proof: v1 nonsense"))
		e.expect(t, path, 400, "sender", asking(root).post(oak))
	}
	e.expect(t, join, 200, "", asking(root).post(other.node.peers).saying(announcement(2, self.Address, self.Instance, tree, 0)))
	e.expect(t, join, 400, "body", asking(root).post(other.node.peers).saying("{"))
	e.expect(t, join, 400, "incomplete", asking(root).post(other.node.peers).saying(announcement(2, "", "", tree, 0)))
	e.expect(t, join, 403, "sender", asking(root).post(other.node.peers).saying(announcement(3, "x", "y", tree, 0)))
	e.expect(t, join, 403, "outside-tree", asking(root).post(ninth).saying(announcement(9, "x", "y", tree, 0)))
	e.expect(t, join, 403, "ask-the-root", asking(other).post(root.node.peers))
	mixed := strings.Replace(announcement(2, self.Address, self.Instance, tree, 0), `"fanout":"`, `"fanout":"not `, 1)
	e.expect(t, join, 409, "other-fanout", asking(root).post(other.node.peers).saying(mixed))
	e.expect(t, join, 409, "name-taken", asking(root).post(other.node.peers).saying(announcement(2, "x", "y", tree, 0)))

	e.expect(t, leave, 400, "body", asking(root).post(other.node.peers).saying("{"))
	e.expect(t, leave, 403, "ask-the-root", asking(other).post(root.node.peers))
	e.expect(t, leave, 404, "no-such-node", asking(root).post(ninth).saying(announcement(9, "x", "y", tree, 0)))
	e.expect(t, leave, 200, "", asking(root).post(other.node.peers).saying(announcement(2, self.Address, self.Instance, tree, 0)))
}

// forwards are the requests that go up the tree.
func (e *exam) forwards(t *testing.T, tr *tree) {
	const write, lookup, ping, state = "/tree/write", "/tree/lookup", "/tree/ping", "/tree/state"
	root, child := tr.nodes[0], tr.nodes[1]
	meta := root.node.store.Meta()
	batch := func(tree version.TreeID) string {
		w := wire.Write{ID: version.WriteID{Node: 2, Counter: 1 << 50}, Key: "forwarded", Value: `"w"`}
		return string(wire.AppendBatch(nil, &wire.Batch{Tree: tree, Epoch: meta.Epoch, Writes: []wire.Write{w}}))
	}
	e.expect(t, write, 200, "", asking(root).post(child.node.peers).saying(batch(meta.Tree)))
	e.expect(t, write, 400, "malformed", asking(root).post(child.node.peers).saying("nonsense"))
	e.expect(t, write, 409, "other-tree", asking(root).post(child.node.peers).saying(batch(version.TreeID{1})))
	e.expect(t, write, 413, "too-large", asking(root).post(child.node.peers).saying(strings.Repeat("w", root.node.maxPieceBytes()+replica.MaxBatchBytes+1)))
	e.expect(t, lookup, 200, "", asking(root).post(child.node.peers).saying(string(keyQuestion("forwarded"))))
	e.expect(t, lookup, 200, "", asking(root).post(child.node.peers).saying(string(keyQuestion("nothing"))))
	ask := func(change func(*wire.Question)) string {
		q := wire.Question{Tree: meta.Tree, Epoch: meta.Epoch, Limit: 1, TimeLeft: 100}
		change(&q)
		return string(wire.AppendQuestion(nil, &q))
	}
	e.expect(t, lookup, 200, "", asking(root).post(child.node.peers).saying(ask(func(*wire.Question) {})))
	e.expect(t, lookup, 409, "other-tree", asking(root).post(child.node.peers).saying(ask(func(q *wire.Question) { q.Tree = version.TreeID{1} })))
	e.expect(t, lookup, 409, "version-abandoned", asking(root).post(child.node.peers).saying(ask(func(q *wire.Question) { q.Min.Seq = 1 })))
	e.expect(t, lookup, 504, "not-fresh", asking(root).post(child.node.peers).saying(ask(func(q *wire.Question) { q.Min.Epoch = meta.Epoch + 1 })))
	e.expect(t, lookup, 400, "malformed", asking(root).post(child.node.peers))
	e.expect(t, write, 503, "not-above", asking(child).post(root.node.peers).saying(batch(meta.Tree)))
	e.expect(t, lookup, 503, "not-above", asking(child).post(root.node.peers).saying(string(keyQuestion("forwarded"))))
	instance := child.node.verifier.Instance().String()
	e.expect(t, ping, 200, "", asking(root).post(child.node.peers).saying(`{"instance":"`+instance+`"}`))
	e.expect(t, ping, 400, "body", asking(root).post(child.node.peers).saying(`{"instance":"me"}`))
	const rolls = "/tree/roll"
	roll := func(k uint32) string {
		return string(wire.AppendRoll(nil, &wire.Roll{Nodes: []wire.Standing{{Node: k}}}))
	}
	e.expect(t, rolls, 200, "", asking(root).post(child.node.peers).saying(roll(2)))
	e.expect(t, rolls, 400, "malformed", asking(root).post(child.node.peers).saying("nonsense"))
	e.expect(t, rolls, 403, "sender", asking(root).post(child.node.peers).saying(roll(3)))
	e.expect(t, rolls, 503, "not-above", asking(child).post(root.node.peers).saying(roll(1)))
	e.expect(t, state, 200, "", asking(child).post(root.node.peers))
	e.expect(t, state, 403, "not-root", asking(root).post(child.node.peers))
}

// pushes are the requests that go down the tree.
func (e *exam) pushes(t *testing.T, tr *tree) {
	const path = "/synchronize"
	tr.awaitEqual()
	root, child := tr.nodes[0], tr.nodes[1]
	cut := root.node.store.Cut(version.Version{})
	piece := func(change func(*wire.Header)) string {
		h := wire.Header{
			Kind: wire.Heartbeat, Root: 1, Number: 1 << 40, Last: true, Meta: cut.Meta, From: cut.To, To: cut.To,
			Sent: time.Now().UnixMilli(), Digest: cut.Digest, Live: uint64(cut.Live),
		}
		change(&h)
		return string(wire.AppendPiece(nil, &h, wire.Body{}))
	}
	e.expect(t, path, 200, "", asking(child).post(root.node.peers).saying(piece(func(*wire.Header) {})))
	e.expect(t, path, 400, "malformed", asking(child).post(root.node.peers).saying("nonsense"))
	e.expect(t, path, 403, "not-root", asking(root).post(child.node.peers).saying(piece(func(*wire.Header) {})))
	e.expect(t, path, 409, "gap", asking(child).post(root.node.peers).saying(piece(func(h *wire.Header) { h.Piece = 7 })))
	e.expect(t, path, 409, "other-tree", asking(child).post(root.node.peers).saying(piece(func(h *wire.Header) { h.Meta.Tree = version.TreeID{1} })))
	e.expect(t, path, 413, "too-large", asking(child).post(root.node.peers).saying(strings.Repeat("p", root.node.maxPieceBytes()+replica.MaxBatchBytes+1)))
}

// alone is a node that never found its root.
func (e *exam) alone(t *testing.T) {
	tr := newTree(t, 2)
	tr.start(2)
	p := tr.nodes[1]
	e.expect(t, "/", 200, "", asking(p).get(""))
	e.expect(t, "/healthz", 200, "", asking(p).get(""))
	e.expect(t, "/synchronize", 200, "", asking(p).get(""))
	e.expect(t, "/readyz", 503, "not-ready", asking(p).get(""))
	e.expect(t, "/store", 503, "no-state", asking(p).get(""))
	e.expect(t, "/store/{key}", 503, "no-state", asking(p).get("/store/k"))
	e.expect(t, "/store/{key}", 503, "root-unreachable", asking(p).put("/store/k").with("If-None-Match: *").saying(`{"value": 1}`))
	e.expect(t, "/store/{key}", 202, "", asking(p).put("/store/k").saying(`{"value": 1}`))
	e.expect(t, "/tree/lookup", 503, "no-state", asking(p).post(stranger(t, tr, "NODE-3")).saying(string(keyQuestion("k"))))
	e.expect(t, "/backup", 503, "no-state", asking(p).get(""))
	e.expect(t, "/tree/state", 503, "no-state", asking(p).post(stranger(t, tr, "NODE-1")))
}

// queues is a node whose root is away, and which has little room for writes.
func (e *exam) queues(t *testing.T) {
	const path, writes = "/store/{key}", "/writes/{id}"
	tr := startTree(t, 2, queueRoom(1<<10))
	tr.put(3, "old", "before")
	ordered := tr.put(3, "older", "before")
	p, before := tr.nodes[2], tr.queue(3, "k", "v", client.RespondAsync())
	tr.awaitFate(3, before.WriteID, client.WriteOrdered)
	tr.awaitEqual()
	e.expect(t, writes, 200, "", asking(p).get(before.Location))
	e.expect(t, path, 202, "", asking(p).put("/store/k").with("Prefer: wait=1, respond-async").saying(`{"value": 1}`))
	e.expect(t, path, 202, "", asking(p).delete("/store/k").with("Prefer: respond-async"))
	tr.stop(1)
	waits := tr.queue(3, "k", "v")
	e.expect(t, writes, 200, "", asking(p).get(waits.Location))
	e.expect(t, writes, 400, "write-id", asking(p).get("/writes/six"))
	e.expect(t, writes, 404, "no-such-write", asking(p).get("/writes/3-1"))
	e.expect(t, writes, 404, "no-such-write", asking(p).get("/writes/2-1"))
	e.expect(t, writes, 404, "no-such-write", asking(tr.nodes[1]).get(waits.Location))
	e.expect(t, writes, 405, "method", asking(p).get(waits.Location).using(http.MethodPut))
	e.expect(t, path, 200, "", asking(p).get("/store/k"))
	e.expect(t, path, 200, "", asking(p).get("/store/k").with("If-None-Match: *"))
	e.expect(t, "/store", 200, "", asking(p).get(""))
	e.expect(t, path, 202, "", asking(p).delete("/store/old"))
	e.expect(t, path, 404, "not-found", asking(p).get("/store/old"))
	e.expect(t, path, 503, "root-unreachable", asking(p).put("/store/k").with("If-Match: *").saying(`{"value": 1}`))
	e.expect(t, path, 503, "root-unreachable", asking(p).delete("/store/older").with("If-Match: "+ordered.ETag))
	e.expect(t, path, 507, "queue-full", asking(p).put("/store/k").saying(`{"value": "`+strings.Repeat("v", 1<<10)+`"}`))
	e.expect(t, path, 507, "queue-full", asking(p).delete("/store/"+strings.Repeat("k", 1<<10)))
	e.expect(t, "/synchronize", 200, "", asking(p).get(""))
}

// adopting is a root that waits for what its members have.
func (e *exam) adopting(t *testing.T) {
	tr := newTree(t, 2, liveness(time.Minute))
	tr.start(1)
	root := tr.nodes[0]
	e.expect(t, "/readyz", 503, "not-ready", asking(root).get(""))
	e.expect(t, "/nodes", 200, "", asking(root).get(""))
	e.expect(t, "/synchronize", 200, "", asking(root).get(""))
	e.expect(t, "/tree/join", 503, "adopting", asking(root).post(stranger(t, tr, "NODE-2")).saying(announcement(2, "x", "y", version.TreeID{1}, 7)))
}

// lost is a node whose parent lets it join, and then gives no useful answer.
func (e *exam) lost(t *testing.T) {
	tr := newTree(t, 2)
	var parent *httptest.Server
	parent = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != pathJoin {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		root := coordinator.Member{ID: 1, Address: parent.URL, Instance: "root"}
		view := coordinator.View{Revision: 1, Epoch: 1, Root: root, Position: 2, Parent: &root, Ancestors: []coordinator.Member{root}}
		_ = json.NewDecoder(r.Body).Decode(&view.Self)
		_ = json.NewEncoder(w).Encode(view)
	}))
	t.Cleanup(parent.Close)
	tr.nodes[0].address = strings.TrimPrefix(parent.URL, "http://")
	for _, p := range tr.nodes[1:] { // each knows after one answer, and is then sure that nothing gets through
		tr.start(p.k)
		tr.await(coordinator.Name(p.k)+" has joined", func() error {
			if _, joined := p.node.parent(); !joined {
				return errors.New("it has not")
			}
			return nil
		})
	}
	put := asking(tr.nodes[1]).put("/store/k").with("If-None-Match: *").saying(`{"value": 1}`)
	e.expect(t, "/store/{key}", 504, "outcome-unknown", put)
	e.expect(t, "/store/{key}", 504, "outcome-unknown", asking(tr.nodes[2]).delete("/store/k").with("If-Match: *"))
}

// taken is a root that has ordered writes, and is asked by a node of another tree
// that has, too.
func (e *exam) taken(t *testing.T) {
	tr := startTree(t, 1)
	tr.put(1, "k", "v")
	question := asking(tr.nodes[0]).post(stranger(t, tr, "NODE-1")).saying(announcement(1, "x", "y", version.TreeID{1}, 7))
	e.expect(t, "/tree/join", 409, "other-tree", question)
}
