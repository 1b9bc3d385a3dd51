package simulation

import (
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// uncertainty is how far the order of two queued writes may be from that in which
// they were taken: a node knows the root's time as it last heard it, and that may
// have been under way for long.
func (t *Tree) uncertainty() time.Duration {
	once := slowest + 200*time.Millisecond
	if t.relay { // the root's time comes through others, as they know it
		once *= 2
	}
	if t.ensemble == nil {
		return once
	}
	// What comes waits in a frozen process, and each root goes on from what others had heard.
	return (once + 2*t.ensemble.session) * time.Duration(1+t.Stats.Roots)
}

// superseded checks that a write lost to what stands at version at: an entry of
// its key with a later stamp, or one that followed when the write itself had been
// ordered. Where the winner was a tombstone which is gone, the floor stands for it.
func (t *Tree) superseded(w *write, at version.Version) {
	l := &t.history.ledger
	winner, own := l.at(at), l.ordered(w.ID, at)
	switch {
	case !t.passed(w, at):
		t.fail("%v of %q with stamp %v was superseded at %v, and nothing there or before wins over it", w.ID, w.Key, w.Stamp, at)
	case t.forgotten(w.Key):
	case winner == nil || winner.Key != w.Key || own == nil && !winner.Beats(w.entry()), own != nil && !own.Version.Before(at):
		t.fail("%v of %q with stamp %v was superseded at %v, where %v is", w.ID, w.Key, w.Stamp, at, winner)
	case own == nil && w.timed && t.history.writes[winner.Write].ordered+t.uncertainty() < w.taken:
		t.fail("%v of %q, taken at %v, lost to %v, which was ordered long before", w.ID, w.Key, w.taken, winner.Write)
	}
}

// forgotten reports whether a root has dropped a tombstone of key: what had been
// ordered before may then come again from a queue.
func (t *Tree) forgotten(key string) bool { return t.history.forgotten[key] }

// forget takes in up to where a node has dropped the tombstones.
func (t *Tree) forget(n *Node, floor version.Version) {
	if floor == n.floor {
		return
	}
	n.floor = floor
	for b, seq := range t.history.ledger.path(floor) {
		for _, e := range b.entries[:seq-b.begin.Seq] {
			if e.Deleted() {
				t.history.forgotten[e.Key] = true
			}
		}
	}
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
		if w.node != n || w.boot != n.boot || t.passed(w, answer.AsOf) || n.abandonsLater(w, answer.AsOf) {
			continue
		}
		switch {
		case answer.Entry == nil && w.Value == "": // whoever deleted it
		case answer.Pending && answer.Entry == nil && t.deletedAfter(w): // of a queued delete only that it is there shows
		case answer.Entry != nil && (answer.Entry.Write == w.ID || answer.Entry.Beats(w.entry())):
		default:
			t.fail("NODE-%d queued %v of %q, value %q, and shows %+v", n.id, w.ID, key, w.Value, answer)
		}
	}
}

// abandonsLater reports whether a node has heard, for a client who asked for a later
// epoch, of a branch on which its write is not, and of no push of that yet: then it takes
// the write back.
func (n *Node) abandonsLater(w *write, asOf version.Version) bool {
	if asOf.Epoch <= n.store.Meta().Epoch {
		return false
	}
	fate, known := n.replica.Fate(w.ID)
	decided := known && fate.Outcome != wire.Pending && !n.tree.history.ledger.leads(fate.Version, asOf)
	return decided || n.tree.passed(w, n.store.Applied())
}

// entry is what the write would be as its node queued it.
func (w *write) entry() *store.Entry {
	return &store.Entry{Key: w.Key, Value: w.Value, Stamp: w.Stamp, Write: w.ID}
}

// passed reports whether a queued write shows in the order that the root had given
// up to a version, or had lost by then.
func (t *Tree) passed(w *write, asOf version.Version) bool {
	for e := range t.history.ledger.of(w.Key, asOf) {
		if e.Write == w.ID || e.Beats(w.entry()) {
			return true
		}
	}
	return false
}

// overwritten reports whether a write that was ordered was followed by another of its
// key on the branch on which it was.
func (t *Tree) overwritten(w *write) bool {
	of := t.history.ledger.epochs[w.at.Epoch].byKey[w.Key]
	return of[len(of)-1].Version != w.at
}

// metOther reports whether a conditional write may have met, when it came again from beyond
// a cut, one of its key that it had never seen, and that loses to none below it: some that
// it had seen may come after that. Or one that had come again before it, and that it had
// seen too long ago.
func (t *Tree) metOther(w *write, end version.Version) bool {
	l, footing := &t.history.ledger, t.footing(w.ID, w.at)
	for e := range l.of(w.Key, end) {
		seen, again := l.ordered(e.Write, w.at) != nil, !l.leads(e.Version, w.at)
		if !seen && e.Stamp > footing || seen && again && t.longBefore(e, w) {
			return true
		}
	}
	return false
}

// longBefore reports whether an entry was first ordered in an epoch of which a write after
// it does not tell: an entry knows what its key had when its epoch began, and no further.
func (t *Tree) longBefore(e *store.Entry, w *write) bool {
	l := &t.history.ledger
	first := func(id version.WriteID) uint64 { return l.byID[id][0].Version.Epoch }
	since := l.state(w.Key, l.epochs[first(w.ID)].begin)
	return first(e.Write) != first(w.ID) && (since == nil || first(e.Write) != first(since.Write))
}

// footing is the stamp with which the last write without a condition was taken that came
// before a conditional one where that was ordered at a version; 0 where there is none.
func (t *Tree) footing(of version.WriteID, at version.Version) version.Stamp {
	l := &t.history.ledger
	for e := range l.of(l.at(at).Key, at) {
		switch w := t.history.writes[e.Write]; {
		case e.Write == of || w.If.Kind != store.Always:
		case w.Stamp == 0:
			return e.Stamp
		default:
			return min(w.Stamp, e.Stamp)
		}
	}
	return 0
}

// outlived reports whether a write that is gone had been overwritten, where it was
// ordered, by one that is not.
func (t *Tree) outlived(w *write, end version.Version) bool {
	l := &t.history.ledger
	for _, b := range l.epochs {
		for _, e := range b.byKey[w.Key] {
			if e.Version != w.at && l.leads(w.at, e.Version) && (l.ordered(e.Write, end) != nil || t.passed(t.history.writes[e.Write], end)) {
				return true
			}
		}
	}
	return false
}

// deletedAfter reports whether the node of a write queued a delete of its key, at
// once or later, or may have taken one back that had been ordered.
func (t *Tree) deletedAfter(w *write) bool {
	for _, other := range t.history.writes {
		may := other.node == w.node || len(t.history.ledger.byID[other.ID]) > 0
		if may && other.Key == w.Key && other.Value == "" && other.Stamp >= w.Stamp {
			return true
		}
	}
	return false
}
