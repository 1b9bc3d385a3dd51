package simulation

import (
	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/wire"
)

// promised takes in that a node's answer to a candidate is under way: from now on it
// takes nothing from an older epoch, whatever happens to it.
func (t *Tree) promised(n *Node, p *wire.Promise) {
	if !p.Granted {
		return
	}
	t.world.Tracef("NODE-%d promises epoch %d at %v, with %d writes beyond", n.id, p.Epoch, p.Version, len(p.Writes))
	if p.Epoch < n.fence {
		t.fail("NODE-%d promises epoch %d, and had promised %d", n.id, p.Epoch, n.fence)
	}
	n.fence = p.Epoch
	t.ensemble.granted[p.Epoch][n.id] = t.acknowledgedAt(n)
}

// acknowledgedAt lists the writes whose clients this run of a node has told that they
// are ordered, as far as it has not heard that they are on no history: it shows them.
func (t *Tree) acknowledgedAt(n *Node) (shown []*write) {
	meta := n.store.Meta()
	for _, w := range t.history.writes {
		if w.node == n && w.boot == n.boot && w.told == wire.Ordered && w.If.Kind == store.Always && !meta.Abandoned(w.at) {
			shown = append(shown, w)
		}
	}
	return shown
}

// serving checks that a candidate begins to serve with more than half of the members
// that lived behind it, and with all that those had acknowledged whose answers it got.
func (t *Tree) serving(n *Node, epoch uint64) {
	e := t.ensemble
	if t.history.ledger.epochs[epoch] == nil { // it began, and was over in the same step
		t.begun(n, epoch, n.store.Applied())
	}
	t.world.Tracef("NODE-%d serves in epoch %d", n.id, epoch)
	t.Stats.Roots++
	of, behind := e.owners[epoch], len(e.granted[epoch])
	if of.node != n.id || of.boot != n.boot {
		t.fail("NODE-%d serves in epoch %d, which is NODE-%d's", n.id, epoch, of.node)
	}
	if 2*behind <= of.living {
		t.fail("NODE-%d serves in epoch %d with %d of %d members behind it", n.id, epoch, behind, of.living)
	}
	e.served = max(e.served, epoch)
	// What was abandoned before, and they do not know it yet, they take back by themselves.
	for _, id := range append(n.heard, n.id) {
		for _, w := range e.granted[epoch][id] {
			beyond := t.history.ledger.leads(t.history.ledger.epochs[epoch].begin, w.at)
			if beyond && !t.overwritten(w) && !t.forgotten(w.Key) && !t.passed(w, n.store.Applied()) {
				t.fail("NODE-%d serves in epoch %d without %v of %q, which NODE-%d has acknowledged at %v", n.id, epoch, w.ID, w.Key, id, w.at)
			}
		}
	}
}

// taken checks that a node which takes a push had promised nothing later.
func (t *Tree) taken(n *Node, h *wire.Header, ack replica.Ack) {
	if t.ensemble == nil || ack.Outcome != replica.Applied && ack.Outcome != replica.Current && ack.Outcome != replica.Continue {
		return
	}
	if of := t.ensemble.owners[h.Meta.Epoch]; of.node != h.Root {
		t.fail("NODE-%d takes a push in epoch %d of NODE-%d, which is NODE-%d's", n.id, h.Meta.Epoch, h.Root, of.node)
	}
	if h.Meta.Epoch < n.fence {
		t.fail("NODE-%d takes a push in epoch %d and had promised %d", n.id, h.Meta.Epoch, n.fence)
	}
}

// fenced checks the epoch in which writes were decided that a node answers: it had
// promised nothing later, and, at the root of that epoch, no other serves.
func (t *Tree) fenced(n *Node, e *replica.Reply) {
	if t.ensemble == nil || e.Epoch == 0 {
		return
	}
	for _, res := range e.Results {
		if res.Outcome != wire.Ordered && res.Outcome != wire.Superseded {
			continue
		}
		if e.Epoch < n.fence {
			t.fail("NODE-%d answers that a write was decided in epoch %d and had promised %d", n.id, e.Epoch, n.fence)
		}
		if n.owns(e.Epoch) && t.ensemble.served > e.Epoch {
			t.fail("NODE-%d answers as the root of epoch %d, and another serves in epoch %d", n.id, e.Epoch, t.ensemble.served)
		}
	}
}
