package store

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"

	"xylem/sync/version"
)

// maxAbsences bounds how many absent keys an overlay remembers between two
// pushes; beyond it a miss is asked upward each time.
const maxAbsences = 1 << 16

// overlay is what a node knows beyond its base: writes that passed through it,
// what its ancestors answered, absences too, and its own queued writes. Safe for
// concurrent use.
type overlay struct {
	notes    keyed[*note]
	count    atomic.Int64 // of notes, so that an empty overlay costs a reader one load
	absences atomic.Int64
	writing  sync.RWMutex // held for reading by each learn, so that a listing can keep all of them out
	pending  pending
}

// note is one thing known of a key: its entry or tombstone, or nil where an
// ancestor had never heard of it, as of a version.
type note struct {
	entry *Entry
	asOf  version.Version
}

// keyed is a map that is made when it is first needed: most nodes know nothing beyond their
// base most of the time, and an empty map is larger than all else of an empty store. The
// zero keyed is ready.
type keyed[V any] struct {
	made atomic.Pointer[xsync.Map[string, V]]
}

func (k *keyed[V]) get() *xsync.Map[string, V] {
	if m := k.made.Load(); m != nil {
		return m
	}
	k.made.CompareAndSwap(nil, xsync.NewMap[string, V]())
	return k.made.Load()
}

func (o *overlay) size() int { return int(o.count.Load()) }

func (o *overlay) get(key string) *note {
	if o.count.Load() == 0 {
		return nil
	}
	n, _ := o.notes.get().Load(key)
	return n
}

// learn keeps n for key unless something later is known. What is of an epoch later
// than heard does not replace an entry of one before.
func (o *overlay) learn(key string, n *note, heard uint64) {
	if n.entry == nil && o.absences.Load() >= maxAbsences {
		return
	}
	o.writing.RLock()
	defer o.writing.RUnlock()
	o.notes.get().Compute(key, func(old *note, found bool) (*note, xsync.ComputeOp) {
		if found && (n.asOf.Before(old.asOf) || n.asOf.Epoch > heard && old.entry != nil && old.asOf.Epoch < n.asOf.Epoch) {
			return old, xsync.CancelOp
		}
		if found && n.entry == nil && old.entry != nil && old.entry.Deleted() {
			n.entry = old.entry // of a delete that this node has seen the next root may have to be told
		}
		if !found {
			o.count.Add(1)
		}
		o.countAbsence(old, -1)
		o.countAbsence(n, 1)
		return n, xsync.UpdateOp
	})
}

func (o *overlay) countAbsence(n *note, by int64) {
	if n != nil && n.entry == nil {
		o.absences.Add(by)
	}
}

// covered forgets everything up to and including applied.
func (o *overlay) covered(applied version.Version) {
	o.forget(func(n *note) bool { return !applied.Before(n.asOf) })
}

// abandoned forgets what is abandoned as far as meta knows.
func (o *overlay) abandoned(meta *Meta) {
	o.forget(func(n *note) bool { return meta.Abandoned(n.asOf) })
}

func (o *overlay) forget(which func(*note) bool) {
	if o.count.Load() == 0 {
		return
	}
	for key := range o.notes.get().All() {
		o.notes.get().Compute(key, func(n *note, found bool) (*note, xsync.ComputeOp) {
			if !found || !which(n) {
				return n, xsync.CancelOp
			}
			o.count.Add(-1)
			o.countAbsence(n, -1)
			return nil, xsync.DeleteOp
		})
	}
}

// Seen lists the entries that this node knows to be ordered beyond its base, in the
// order of their versions: of each key the latest.
func (s *Store) Seen() []*Entry {
	var seen []*Entry
	if s.overlay.size() == 0 {
		return nil
	}
	applied := s.Applied()
	for _, n := range s.overlay.notes.get().All() {
		if n.entry != nil && applied.Before(n.entry.Version) {
			seen = append(seen, n.entry)
		}
	}
	slices.SortFunc(seen, func(a, b *Entry) int { return a.Version.Compare(b.Version) })
	return seen
}

// Learn adds an entry that passed through this node, or that an ancestor
// answered with, to the overlay, unless something later is known of its key.
func (s *Store) Learn(e *Entry) {
	s.overlay.learn(e.Key, &note{entry: e, asOf: e.Version}, e.Version.Epoch)
}

// LearnAnswer remembers what an ancestor knew of key as of a version: its entry
// or tombstone, or nil for an absence. What is of an epoch that this node has not heard
// of otherwise does not replace a write that it has seen: that may be abandoned, and is
// then to be queued or told to the next root.
func (s *Store) LearnAnswer(key string, e *Entry, asOf version.Version) {
	if e != nil {
		asOf = version.Max(asOf, e.Version)
	}
	s.overlay.learn(key, &note{entry: e, asOf: asOf}, s.Meta().Epoch)
}
