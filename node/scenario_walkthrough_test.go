package node

import (
	"testing"
	"time"

	"xylem/coordinator"
)

// The walk-through of the README. NODE-6 and NODE-7 are the children of NODE-3,
// which is a child of the root, NODE-1.

func TestAWriteIsVisibleWhereItPassedAndElsewhereAfterTheSchedule(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())

	first := tr.put(6, "greeting", "hello-world")
	second := tr.put(7, "greeting", "hello-mars")
	if !first.Version.Before(second.Version) {
		t.Errorf("ordered as %v, then %v", first.Version, second.Version)
	}
	tr.want("greeting", "hello-mars", 1, 3, 7)
	tr.want("greeting", "hello-world", 6)
	behind, err := tr.client(6).Get(t.Context(), "greeting")
	if err != nil {
		t.Fatal(err)
	}
	if behind.Node != "NODE-6" || behind.AsOf != first.Version || behind.Version != first.Version || !behind.LagKnown {
		t.Errorf("NODE-6 answers %+v, want the entry as of %v and a lag", behind, first.Version)
	}
	root := tr.status(1)
	for _, m := range root.Nodes {
		if m.Node != "NODE-1" && *m.Behind != 2 {
			t.Errorf("the root says that %s is %d writes behind, want 2", m.Node, *m.Behind)
		}
	}

	ticked := time.Now()
	tr.tick()
	tr.awaitEqual()
	tr.want("greeting", "hello-mars", tr.all()...)
	tr.wantOneState()
	caughtUp, err := tr.client(6).Get(t.Context(), "greeting")
	if err != nil || caughtUp.AsOf != second.Version {
		t.Errorf("NODE-6 answers %+v, %v, want it as of %v", caughtUp, err, second.Version)
	}
	if passed := time.Since(ticked); caughtUp.Lag > passed+time.Millisecond {
		t.Errorf("the lag is %v, and the push was %v ago", caughtUp.Lag, passed)
	}
}

// wantOneState wants all nodes to say that they are at the root's version with
// its digest.
func (tr *tree) wantOneState() {
	tr.t.Helper()
	root := tr.status(1)
	if err := tr.unequal(root); err != nil {
		tr.t.Error(err)
	}
	for k := range tr.nodes {
		s := tr.status(k + 1)
		if s.Version != root.Version || s.Digest != root.Digest || s.TreeID != root.TreeID || s.DigestMismatches != 0 {
			tr.t.Errorf("%s is at %v, digest %v, tree %s, %d mismatches; the root at %v, %v, %s",
				coordinator.Name(k+1), s.Version, s.Digest, s.TreeID, s.DigestMismatches, root.Version, root.Digest, root.TreeID)
		}
	}
}

func TestTheScheduleItselfPushes(t *testing.T) {
	tr := startTree(t, 3, eager(false), schedule("@every 200ms"))
	tr.put(6, "greeting", "hello-world")
	tr.put(7, "greeting", "hello-mars")
	tr.awaitEqual()
	tr.want("greeting", "hello-mars", tr.all()...)
	tr.wantOneState()
}

func TestWithEagerTheScheduleIsNotWaitedFor(t *testing.T) {
	tr := startTree(t, 3, eager(true), schedule("@every 1h"))
	tr.put(6, "greeting", "hello-world")
	tr.put(7, "greeting", "hello-mars")
	tr.awaitEqual()
	tr.want("greeting", "hello-mars", tr.all()...)
	tr.wantOneState()
}

func TestADeleteTravelsAsAWriteDoes(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	tr.put(4, "greeting", "hello-world")
	tr.tick()
	tr.awaitEqual()
	if _, err := tr.client(7).Delete(t.Context(), "greeting"); err != nil {
		t.Fatal(err)
	}
	tr.want("greeting", "", 1, 3, 7)
	tr.want("greeting", "hello-world", 2, 4, 5, 6)
	tr.tick()
	tr.awaitEqual()
	tr.want("greeting", "", tr.all()...)
	tr.wantOneState()
}

func TestTheRootDescribesTheTree(t *testing.T) {
	tr := startTree(t, 2)
	structure, err := tr.root().Structure(t.Context())
	if err != nil || len(structure) != 3 || structure[0] != "NODE-1" || structure[2] != "NODE-3" {
		t.Errorf("the structure is %v, %v", structure, err)
	}
	nodes, _, err := tr.root().Nodes(t.Context())
	if err != nil || len(nodes) != 3 {
		t.Fatalf("the nodes are %v, %v", nodes, err)
	}
	for _, n := range nodes[1:] {
		if n.Parent != "NODE-1" || n.State != "alive" || n.Address == "" {
			t.Errorf("%+v", n)
		}
	}
	if followed, _, err := tr.client(2).Nodes(t.Context()); err != nil || len(followed) != 3 {
		t.Errorf("NODE-2 names the root, and the client that follows it sees %v, %v", followed, err)
	}
	if path, err := tr.root().Ancestors(t.Context(), "node-3"); err != nil || len(path) != 1 || path[0] != "NODE-1" {
		t.Errorf("the ancestors of NODE-3 are %v, %v", path, err)
	}
}
