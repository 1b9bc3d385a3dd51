package simulation

import (
	"iter"

	"xylem/store"
	"xylem/sync/version"
)

// ledger is every write that any root ever ordered: not only the latest of each
// key, as stores hold. It is a tree of epochs: each begins at a version of another,
// and what that one ordered beyond is on a branch of its own from there on. It is
// read off the records that roots hand to their disks, so that also what was durable
// and never shown is known when a node comes back with it.
type ledger struct {
	epochs  map[uint64]*branch
	byID    map[version.WriteID][]*store.Entry // on whatever branch
	written map[version.Version]*store.Entry   // on their way to a disk, or there
	latest  version.Version                    // ordered last
}

// branch is what was ordered in one epoch.
//
// Invariant: entries[i] has seq begin.Seq+1+i.
type branch struct {
	begin   version.Version // where it took over from an epoch before
	entries []*store.Entry
	byKey   map[string][]*store.Entry
}

func newLedger() ledger {
	return ledger{
		epochs:  make(map[uint64]*branch),
		byID:    make(map[version.WriteID][]*store.Entry),
		written: make(map[version.Version]*store.Entry),
	}
}

// begin has an epoch take over at a version.
func (l *ledger) begin(epoch uint64, at version.Version) {
	l.epochs[epoch] = &branch{begin: at, byKey: make(map[string][]*store.Entry)}
}

// end is the seq up to which the branch goes.
func (b *branch) end() uint64 { return b.begin.Seq + uint64(len(b.entries)) }

// at is the entry of version v, or nil.
func (l *ledger) at(v version.Version) *store.Entry {
	b := l.epochs[v.Epoch]
	if b == nil || v.Seq <= b.begin.Seq || v.Seq > b.end() {
		return nil
	}
	return b.entries[v.Seq-b.begin.Seq-1]
}

// path is the way back from v to the beginning: each branch, and the seq up to which
// it counts.
func (l *ledger) path(v version.Version) iter.Seq2[*branch, uint64] {
	return func(yield func(*branch, uint64) bool) {
		for b := l.epochs[v.Epoch]; b != nil; b = l.epochs[v.Epoch] {
			if !yield(b, v.Seq) {
				return
			}
			v = b.begin
		}
	}
}

// leads reports whether v is on the way to the version to, or is it.
func (l *ledger) leads(v, to version.Version) bool {
	for b, seq := range l.path(to) {
		if b == l.epochs[v.Epoch] {
			return v.Seq <= seq
		}
	}
	return v.IsZero()
}

// of is what was ordered of key up to v, the latest first.
func (l *ledger) of(key string, v version.Version) iter.Seq[*store.Entry] {
	return func(yield func(*store.Entry) bool) {
		for b, seq := range l.path(v) {
			entries := b.byKey[key]
			for i := len(entries) - 1; i >= 0; i-- {
				if entries[i].Version.Seq <= seq && !yield(entries[i]) {
					return
				}
			}
		}
	}
}

// state is the entry or tombstone that key had as of v, or nil.
func (l *ledger) state(key string, v version.Version) *store.Entry {
	for e := range l.of(key, v) {
		return e
	}
	return nil
}

// ordered is how a write was ordered on the way to v, or nil.
func (l *ledger) ordered(id version.WriteID, v version.Version) *store.Entry {
	for _, e := range l.byID[id] {
		if l.leads(e.Version, v) {
			return e
		}
	}
	return nil
}

// keys are those with an entry or tombstone as of v, each with it.
func (l *ledger) keys(v version.Version) map[string]*store.Entry {
	found := make(map[string]*store.Entry)
	for b, seq := range l.path(v) {
		for key := range b.byKey {
			if found[key] == nil && b.byKey[key][0].Version.Seq <= seq {
				found[key] = l.state(key, v)
			}
		}
	}
	return found
}

// append adds an entry at the end of its branch.
func (l *ledger) append(e *store.Entry) {
	b := l.epochs[e.Version.Epoch]
	b.entries = append(b.entries, e)
	b.byKey[e.Key] = append(b.byKey[e.Key], e)
	l.byID[e.Write] = append(l.byID[e.Write], e)
	l.latest = e.Version
}
