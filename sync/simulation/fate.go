package simulation

import (
	"slices"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// uncertainty is how far the order of two queued writes may be from that in which
// they were taken: a node knows the root's time as it last heard it, and that may
// have been under way for long.
const uncertainty = slowest + 200*time.Millisecond

// superseded checks that a write lost to what stands at version at: an entry of
// its key with a later stamp, or one that followed when the write itself had been
// ordered. Where the winner was a tombstone which is gone, the floor stands for it.
func (t *Tree) superseded(w *write, at version.Version) {
	l := &t.history.ledger
	winner, own := l.at(at), l.byID[w.ID]
	switch {
	case t.loss.keys[w.Key]:
	case !t.passed(w, at):
		t.fail("%v of %q with stamp %v was superseded at %v, and nothing there or before wins over it", w.ID, w.Key, w.Stamp, at)
	case t.forgotten(w.Key):
	case winner == nil || winner.Key != w.Key || own == nil && !winner.Beats(w.entry()), own != nil && !own.Version.Before(at):
		t.fail("%v of %q with stamp %v was superseded at %v, where %v is", w.ID, w.Key, w.Stamp, at, winner)
	case own == nil && w.timed && t.history.writes[winner.Write].ordered+uncertainty < w.taken:
		t.fail("%v of %q, taken at %v, lost to %v, which was ordered long before", w.ID, w.Key, w.taken, winner.Write)
	}
}

// forgotten reports whether the root has dropped a tombstone of key: what had been
// ordered before may then come again from a queue.
func (t *Tree) forgotten(key string) bool {
	floor := t.root().store.Meta().Floor
	return slices.ContainsFunc(t.history.ledger.byKey[key], func(e *store.Entry) bool {
		return e.Deleted() && e.Version.Seq <= floor.Seq
	})
}

// settled checks what became of a write that was acknowledged as queued.
func (t *Tree) settled(w *write) {
	res, known := w.node.replica.Fate(w.ID)
	e := t.history.ledger.at(res.Version)
	switch {
	case !known || res.Outcome == wire.Pending:
		t.fail("what became of %v of %q is not known at NODE-%d: %v", w.ID, w.Key, w.node.id, res)
	case res.Outcome == wire.Superseded:
		t.Stats.Superseded++
		t.superseded(w, res.Version)
	case e == nil || e.Write != w.ID:
		t.fail("NODE-%d says that %v was ordered at %v, where %v is", w.node.id, w.ID, res.Version, e)
	}
}

// shown checks that an answer shows the writes that the node queued in this run:
// each, or what won over it.
func (t *Tree) shown(n *Node, key string, answer store.Answer) {
	for _, w := range t.history.waiting[key] {
		if t.loss.keys[key] || w.node != n || w.boot != n.boot || t.passed(w, answer.AsOf) {
			continue
		}
		switch {
		case answer.Pending && answer.Entry == nil && t.deletedAfter(w): // of a queued delete only that it is there shows
		case answer.Entry != nil && (answer.Entry.Write == w.ID || answer.Entry.Beats(w.entry())):
		default:
			t.fail("NODE-%d queued %v of %q, value %q, and shows %+v", n.id, w.ID, key, w.Value, answer)
		}
	}
}

// entry is what the write would be as its node queued it.
func (w *write) entry() *store.Entry {
	return &store.Entry{Key: w.Key, Value: w.Value, Stamp: w.Stamp, Write: w.ID}
}

// passed reports whether a queued write shows in the order that the root had given
// up to a version, or had lost by then.
func (t *Tree) passed(w *write, asOf version.Version) bool {
	for _, e := range t.history.ledger.byKey[w.Key] {
		if !asOf.Before(e.Version) && (e.Write == w.ID || e.Beats(w.entry())) {
			return true
		}
	}
	return false
}

// deletedAfter reports whether the node of a write queued a delete of its key, at
// once or later.
func (t *Tree) deletedAfter(w *write) bool {
	for _, other := range t.history.writes {
		if other.node == w.node && other.Key == w.Key && other.Value == "" && other.Stamp >= w.Stamp {
			return true
		}
	}
	return false
}
