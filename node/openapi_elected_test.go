package node

import (
	"errors"
	"strings"
	"testing"

	"xylem/coordinator"
	"xylem/sync/version"
)

// elected is a tree whose root is elected, and moved.
func (e *exam) elected(t *testing.T) {
	const path, gather = "/nodes/root", "/tree/gather"
	tr := startElected(t, 2)
	root, other := tr.nodes[0], tr.nodes[1]
	for _, p := range tr.nodes {
		for _, path := range []string{"/", "/synchronize", "/openapi.json"} {
			e.expect(t, path, 200, "", asking(p).get(""))
		}
	}
	e.expect(t, "/nodes", 200, "", asking(root).get(""))
	moveTo := func(p *process, body string) question { return asking(p).post(nil).saying(body) }
	e.expect(t, path, 400, "body", moveTo(root, `NODE-2`))
	e.expect(t, path, 400, "node", moveTo(root, `{"node": "six"}`))
	e.expect(t, path, 404, "no-such-node", moveTo(root, `{"node": "NODE-9"}`))
	e.expect(t, path, 413, "too-large", moveTo(root, strings.Repeat(" ", 1<<20)))
	e.expect(t, path, 403, "ask-the-root", moveTo(other, `{"node": "NODE-2"}`))
	e.expect(t, path, 200, "", moveTo(root, `{"node": "NODE-1"}`))
	ask := `{"epoch": 1, "tree_id": "` + version.TreeID{}.String() + `"}`
	e.expect(t, gather, 200, "", asking(other).post(stranger(t, tr, "NODE-3")).saying(ask))
	e.expect(t, gather, 400, "body", asking(other).post(stranger(t, tr, "NODE-3")).saying(`{"epoch": -1}`))
	e.expect(t, gather, 401, "proof", asking(other).post(nil).saying(ask))
	tr.stop(3)
	e.expect(t, path, 409, "not-alive", moveTo(root, `{"node": "NODE-3"}`))
	election := root.node.election
	under := func(m *move) {
		election.mu.Lock()
		defer election.mu.Unlock()
		election.candidacy.moving = m
	}
	under(&move{to: 3})
	e.expect(t, path, 409, "moving", moveTo(root, `{"node": "NODE-2"}`))
	under(nil)
	tr.council.change(func() { tr.council.refusing = errors.New("no ZooKeeper today") })
	e.expect(t, path, 504, "not-moved", moveTo(root, `{"node": "NODE-2"}`))
	tr.council.change(func() { tr.council.refusing = nil })
	tr.awaitElected()

	embedded := startTree(t, 1)
	p := embedded.nodes[0]
	e.expect(t, path, 409, "embedded", moveTo(p, `{"node": "NODE-1"}`))
	e.expect(t, gather, 409, "embedded", asking(p).post(stranger(t, embedded, "NODE-1")).saying(ask))
}

// unelected is a tree in which nobody is the root yet.
func (e *exam) unelected(t *testing.T) {
	tr := newElectedTree(t, 2, 3)
	tr.start(2)
	p := tr.nodes[1]
	tr.await(coordinator.Name(2)+" serves", func() error {
		_, err := p.client.Status(t.Context())
		return err
	})
	for _, path := range []string{"/nodes", "/nodes/structure"} {
		e.expect(t, path, 503, "no-root", asking(p).get(""))
	}
	e.expect(t, "/nodes/parent/{node}", 503, "no-root", asking(p).get("/nodes/parent/1"))
	e.expect(t, "/nodes/root", 503, "no-root", asking(p).post(nil).saying(`{"node": "NODE-2"}`))
	for _, path := range []string{"/tree/join", "/tree/leave"} {
		e.expect(t, path, 503, "no-root", asking(p).post(stranger(t, tr, "NODE-3")).saying(announcement(3, "x", "y", version.TreeID{}, 0)))
	}
}
