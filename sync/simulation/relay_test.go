package simulation

import (
	"slices"
	"testing"
	"time"

	"xylem/sync/version"
)

// relaying is a tree that relays, on a good network, all of whose nodes report to their
// parents and hold one write.
func relaying(t *testing.T, depth int) (*Tree, *session) {
	t.Helper()
	tree := NewTree(1, depth, nil)
	tree.relay, tree.eager, tree.schedule = true, true, time.Hour
	clients := &session{tree: tree}
	tree.startAll()
	tree.world.Run(5 * time.Second)
	tree.writeAtRoot(clients)
	tree.world.Run(tree.world.Now() + 5*time.Second)
	if !tree.equal() || tree.failure != nil {
		t.Fatalf("a good network, and not equal after ten seconds: %v", tree.failure)
	}
	return tree, clients
}

func (t *Tree) writeAtRoot(s *session) { t.root().do(func() { s.write(10) }) }

// caughtUp lets time pass until all living nodes hold the root's version, and fails if
// that takes longer than so long.
func (t *Tree) caughtUp(tb testing.TB, within time.Duration) {
	tb.Helper()
	for end := t.world.Now() + within; ; t.world.Run(t.world.Now() + 5*time.Millisecond) {
		behind := slices.ContainsFunc(t.nodes, func(n *Node) bool { return n.up() && n.store.Applied() != t.root().store.Applied() })
		switch {
		case t.failure != nil:
			tb.Fatal(t.failure)
		case !behind:
			return
		case t.world.Now() > end:
			tb.Fatalf("not at %v after %v", t.root().store.Applied(), within)
		}
	}
}

// What one write costs the root is the same in a tree of three nodes and of 255: a push
// to each child, and a report of each that all below it hold the write.
func TestTheRootsCostForAWriteDoesNotDependOnTheNumberOfNodes(t *testing.T) {
	const writes = 20
	bytesOfOne := 0
	for depth := 2; depth <= 8; depth += 3 {
		tree, clients := relaying(t, depth)
		root := tree.root()
		pushes, bytes, reports, began, from := root.pushes, root.pushedBytes, root.reports, tree.world.Now(), root.store.Applied().Seq
		for range writes {
			tree.writeAtRoot(clients)
			tree.caughtUp(t, time.Second)
			tree.world.Run(tree.world.Now() + 50*time.Millisecond)
		}
		ordered := int(root.store.Applied().Seq - from) // some had a condition that did not hold
		pushes, bytes, reports = root.pushes-pushes, (root.pushedBytes-bytes)/ordered, root.reports-reports
		if bytesOfOne == 0 {
			bytesOfOne = bytes
		}
		if pushes != 2*ordered || bytes > bytesOfOne*11/10 {
			t.Errorf("%d writes cost the root of %d nodes %d pushes, each write %d bytes, and %d in a tree of 3", ordered, len(tree.nodes), pushes, bytes, bytesOfOne)
		}
		if signs := 2 * (1 + int((tree.world.Now()-began)/(callTimeout/3))); reports > 2*ordered+signs {
			t.Errorf("%d writes cost the root of %d nodes %d reports, of which %d signs of life", ordered, len(tree.nodes), reports, signs)
		}
		for _, report := range root.replica.Reports() {
			if report.Confirmed != root.store.Applied() || !report.Matches {
				t.Errorf("the root does not know that NODE-%d is at its version: %+v", report.Node, report)
			}
		}
		if n := len(root.replica.Reports()); n != len(tree.nodes)-1 {
			t.Errorf("the root tells of %d of %d nodes", n, len(tree.nodes)-1)
		}
	}
}

// A node in the middle that dies, or hangs, costs those below it the time until they
// find out, and one push: no snapshot, and nobody else anything.
func TestTheSubtreeOfADeadNodeIsServedByTheNextAncestor(t *testing.T) {
	for name, end := range map[string]func(n *Node){
		"killed": func(n *Node) { n.stop(false) },
		"frozen": func(n *Node) { n.freeze(20 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			tree, clients := relaying(t, 5)
			middle := tree.node(2)
			snapshots := tree.Stats.Snapshots
			end(middle)
			tree.writeAtRoot(clients)
			at := tree.root().store.Applied()
			for end := tree.world.Now() + 4*callTimeout; tree.world.Now() < end; {
				tree.world.Run(tree.world.Now() + 10*time.Millisecond)
			}
			for _, n := range tree.nodes {
				if n != middle && n.store.Applied().Before(version.Max(at, tree.root().store.Applied())) {
					t.Errorf("NODE-%d is at %v", n.id, n.store.Applied())
				}
			}
			if tree.Stats.Snapshots != snapshots || tree.failure != nil {
				t.Errorf("it took %d snapshots; %v", tree.Stats.Snapshots-snapshots, tree.failure)
			}
			if !middle.up() {
				tree.start(middle)
			}
			tree.world.Run(tree.world.Now() + 30*time.Second)
			tree.writeAtRoot(clients)
			tree.caughtUp(t, 2*time.Second)
			for _, n := range tree.nodes[1:] {
				if n.reportsTo != n.parent() {
					t.Errorf("NODE-%d goes on reporting to NODE-%d", n.id, n.reportsTo.id)
				}
			}
		})
	}
}
