package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"xylem/sync/version"
)

// ErrGap is returned when a delta does not begin at or before the applied version.
var ErrGap = errors.New("the delta begins after the applied version")

// Store is the state of one node. Reads take no lock and may come from any
// goroutine; changes come from one goroutine at a time, the one that owns the
// protocol, except Learn and LearnAnswer, which any may call.
//
// Invariants: base holds exactly the root's state at Applied; Applied never
// moves backwards along a history; whoever has seen one entry of a push never
// again sees the state from before it.
type Store struct {
	mu      sync.Mutex // serializes changes of base, and cuts and listings with them; never held over I/O
	meta    Meta       // guarded by mu
	base    atomic.Pointer[view]
	overlay *overlay

	ordering sync.Mutex // held by one listing at a time, outside of mu
	order    *order     // of the keys of the base's table, guarded by ordering; nil before the first listing
}

// view is what readers see of the base: swapped whole, never changed.
type view struct {
	applied version.Version
	table   *table
	push    map[string]*Entry // a push that is visible already and being folded into table; mostly nil
}

// New returns an empty store.
func New() *Store {
	s := &Store{overlay: &overlay{}}
	s.base.Store(&view{table: newTable()})
	return s
}

// Answer is what a read found.
type Answer struct {
	Entry   *Entry          // nil where the key is absent
	AsOf    version.Version // the version as of which this holds
	Known   bool            // false: absent here, and an ancestor may know more
	Pending bool            // this is what a write in this node's queue asks for; AsOf is of what lies below
}

// Get reads key from what this node knows, its own queued writes too. It takes no lock,
// and allocates nothing where the answer stays with the caller. The entry shares memory
// with the store and keeps alive what is around it: who keeps it for long copies its
// strings.
func (s *Store) Get(key string) Answer { return s.read(key, new(Entry)) }

// read is Get with the memory for an entry. Get is small enough to be inlined, which
// leaves that memory on the caller's stack.
func (s *Store) read(key string, into *Entry) Answer {
	// The queue is asked first: what leaves it is in the overlay by then.
	queued := s.overlay.pending.get(key)
	answer, entry := s.get(key, into)
	return answer.under(queued, entry)
}

// GetOver is Get where an ancestor has answered as of a later version: it has above, nil
// for nothing. before is what Get had answered.
func (s *Store) GetOver(before Answer, key string, above *Entry, asOf version.Version) Answer {
	queued := s.overlay.pending.get(key)
	if queued == nil && before.Pending { // ordered meanwhile, and the ancestor may not know
		before.AsOf = asOf
		return before
	}
	return Answer{AsOf: asOf, Known: true}.under(queued, above)
}

// under is the answer with the entry, or, unless that has a later stamp, with what waits
// in the queue.
func (a Answer) under(queued, entry *Entry) Answer {
	if queued != nil && (entry == nil || !entry.Beats(queued)) {
		a.Pending, entry = true, queued
	}
	return a.with(entry)
}

// GetOrdered is Get without this node's queued writes, which have no version and
// are for nobody else.
func (s *Store) GetOrdered(key string) Answer { return s.readOrdered(key, new(Entry)) }

func (s *Store) readOrdered(key string, into *Entry) Answer {
	answer, entry := s.get(key, into)
	return answer.with(entry)
}

// get finds the entry or tombstone of key in overlay and base, where into is filled with
// it, and all of the answer but the entry. The overlay is asked first: what leaves it is in the base
// by then.
func (s *Store) get(key string, into *Entry) (Answer, *Entry) {
	note := s.overlay.get(key)
	v := s.base.Load()
	answer := Answer{AsOf: v.applied}
	entry := v.get(key, into)
	if entry != nil {
		answer.AsOf = version.Max(v.applied, entry.Version)
	}
	if note != nil {
		answer.Known = true
		if answer.AsOf.Before(note.asOf) {
			answer.AsOf, entry = note.asOf, note.entry
		}
	}
	return answer, entry
}

// AnswerOf is the answer that there is an entry, nil for none, as of a version.
func AnswerOf(entry *Entry, asOf version.Version) Answer {
	return Answer{AsOf: asOf, Known: true}.with(entry)
}

func (a Answer) with(entry *Entry) Answer {
	if entry != nil && !entry.Deleted() {
		a.Entry, a.Known = entry, true
	}
	a.Known = a.Known || a.Pending
	return a
}

// get finds key in the push that is being folded in, else in the table, which fills into.
func (v *view) get(key string, into *Entry) *Entry {
	if e, found := v.push[key]; found {
		return e
	}
	return v.table.get(key, into)
}

// Current is the latest entry or tombstone that the base holds for key, or nil.
// At the root this is what decides about the next write of the key.
func (s *Store) Current(key string) *Entry { return s.latest(key, new(Entry)) }

func (s *Store) latest(key string, into *Entry) *Entry { return s.base.Load().get(key, into) }

// Applied is the version at which the base equals the root's state.
func (s *Store) Applied() version.Version { return s.base.Load().applied }

// Meta returns what the store knows about its tree.
func (s *Store) Meta() Meta {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta
}

// SetMeta replaces what the store knows about its tree. A floor that moved up
// drops the tombstones before it; floor and stamp never move back.
func (s *Store) SetMeta(meta Meta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setMeta(meta)
}

func (s *Store) setMeta(meta Meta) {
	if s.meta.Floor.Seq < meta.Floor.Seq {
		s.base.Load().table.purge(meta.Floor.Seq)
	} else {
		meta.Floor = s.meta.Floor
	}
	meta.Stamp = max(meta.Stamp, s.meta.Stamp)
	if meta.Epoch != s.meta.Epoch {
		s.overlay.abandoned(&meta)
		s.overlay.pending.abandoned(&meta)
	}
	s.meta = meta
}

// Commit applies writes that this node, the root, has ordered and made durable.
// They become visible together, as those of a push do, so that no reader sees one
// and is then told a version from before it. stamp is the latest that was given.
func (s *Store) Commit(entries []*Entry, stamp version.Stamp) {
	if len(entries) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meta.Stamp = stamp
	s.reveal(entries, entries[len(entries)-1].Version)
}

// reveal makes entries visible at once, as of the version to, by the swap of one
// pointer, and then folds them into the table.
func (s *Store) reveal(entries []*Entry, to version.Version) {
	v := s.base.Load()
	if len(entries) > 0 {
		s.base.Store(&view{applied: to, table: v.table, push: v.newerThanApplied(entries)})
	}
	for _, e := range entries {
		if e.Version.Seq > v.applied.Seq {
			v.table.put(e)
		}
	}
	s.base.Store(&view{applied: to, table: v.table})
}

// Apply brings the base from any version in from..to to the version to. All
// entries become visible at once, by the swap of one pointer; they are folded
// into the table afterwards. What the push covers leaves the overlay. The
// returned digest is that of the new base. The error wraps ErrGap when the base
// is before from, and nothing changed then; a base at to or beyond stays as it is.
func (s *Store) Apply(from, to version.Version, meta Meta, entries []*Entry) (Digest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.base.Load()
	if v.applied.Seq < from.Seq {
		return Digest{}, fmt.Errorf("delta from %v at version %v: %w", from, v.applied, ErrGap)
	}
	if v.applied.Seq < to.Seq {
		s.reveal(entries, to)
	}
	if meta.Epoch >= s.meta.Epoch { // else it comes late
		s.setMeta(meta)
	}
	s.Covered()
	return v.table.digest, nil
}

// newerThanApplied maps the entries that the view does not have yet.
func (v *view) newerThanApplied(entries []*Entry) map[string]*Entry {
	push := make(map[string]*Entry, len(entries))
	for _, e := range entries {
		if e.Version.Seq > v.applied.Seq {
			push[e.Key] = e
		}
	}
	return push
}

// Covered has the overlay forget what it knows up to the applied version: a push
// brought the base there, or a heartbeat found it there.
func (s *Store) Covered() {
	applied := s.Applied()
	s.overlay.covered(applied)
	s.overlay.pending.covered(applied)
}

// Digest returns the version and the digest of the base, taken together.
func (s *Store) Digest() (version.Version, Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.base.Load()
	return v.applied, v.table.digest
}

// Counts is how much a store holds.
type Counts struct {
	Live       int   `json:"live"`       // entries that are not tombstones
	Tombstones int   `json:"tombstones"` // deletes since the floor
	Overlay    int   `json:"overlay"`    // keys known beyond the base
	Bytes      int64 `json:"bytes"`      // keys, values and headers of the base
}

// Counts returns how much the store holds.
func (s *Store) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.base.Load().table
	return Counts{Live: t.live, Tombstones: t.current - t.live, Overlay: s.overlay.size(), Bytes: t.bytes}
}

// Cut takes a consistent copy of what changed after from, in no time whatever
// the size; a zero from gives the whole state. from is on the store's history
// and not before its floor.
func (s *Store) Cut(from version.Version) *Cut {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.base.Load()
	return v.table.cut(from, v.applied, s.meta)
}

// ExpiredTombstones is the version of the last tombstone, from the oldest on, of
// a run of tombstones with stamps before the given one; zero where there is none.
func (s *Store) ExpiredTombstones(before version.Stamp) version.Version {
	var floor version.Version
	if s.Counts().Tombstones == 0 {
		return floor
	}
	for e := range s.Cut(version.Version{}).Entries() {
		if !e.Deleted() {
			continue
		}
		if e.Stamp >= before {
			break
		}
		floor = e.Version
	}
	return floor
}
