package store

import (
	"iter"
	"math"
	"sort"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"
	"github.com/tidwall/btree"

	"xylem/sync/version"
)

// table is one layer of full state: every live entry and every tombstone, by
// key and by version. One writer at a time; points may be read by anybody.
//
// The change index is a slice in version order that only grows at its end. An
// entry that is overwritten stays in it, marked with the seq that overwrote it,
// until garbage outweighs what lives and the slice is written anew. So a slice
// header and a version are a consistent copy of the state (multi-version
// concurrency control, with the log as the versions), taken in no time and read
// without a lock while writes go on.
type table struct {
	points  *xsync.Map[string, *slot]
	keys    *btree.BTreeG[*slot] // live entries only, in byte order of keys
	changes []*record            // by seq

	digest  Digest
	live    int   // entries that are not tombstones
	bytes   int64 // of everything that is not garbage
	garbage struct {
		count int
		bytes int64
	}
	hash hasher
}

// slot is a key's place in the maps; overwriting a key swaps its record only.
type slot struct{ current atomic.Pointer[record] }

// record is an entry with the mark that ends its time in the change index.
type record struct {
	Entry
	supersededBy atomic.Uint64 // seq of the write that replaced it; 0 while it is current
}

func newTable() *table {
	byKey := func(a, b *slot) bool { return a.current.Load().Key < b.current.Load().Key }
	return &table{
		points: xsync.NewMap[string, *slot](),
		keys:   btree.NewBTreeGOptions(byKey, btree.Options{NoLocks: true}),
	}
}

// get returns the entry or tombstone of key, or nil.
func (t *table) get(key string) *Entry {
	if s, found := t.points.Load(key); found {
		if r := s.current.Load(); r != nil {
			return &r.Entry
		}
	}
	return nil
}

// put makes e the state of its key unless the table knows a later one, and
// reports whether it did. Calls come in the order of versions; only within what
// the table already covers may they repeat.
func (t *table) put(e *Entry) bool {
	s, found := t.points.Load(e.Key)
	var old *record
	if found {
		old = s.current.Load()
		if old.Version.Seq >= e.Version.Seq {
			return false
		}
	} else {
		s = &slot{}
	}
	added := &record{Entry: *e}
	s.current.Store(added)
	if !found {
		t.points.Store(added.Key, s)
	}
	if old != nil {
		t.retire(old, e.Version.Seq)
	}
	t.changes = append(t.changes, added)
	t.bytes += int64(added.Bytes())
	wasLive := old != nil && !old.Deleted()
	switch {
	case !added.Deleted():
		t.digest = t.digest.Add(t.hash.sum(&added.Entry))
		t.live++
		if !wasLive {
			t.keys.Set(s)
		}
	case wasLive:
		t.keys.Delete(s)
	}
	t.compact()
	return true
}

// retire takes old out of digest and counts and marks it as garbage.
func (t *table) retire(old *record, by uint64) {
	if !old.Deleted() {
		t.digest = t.digest.Sub(t.hash.sum(&old.Entry))
		t.live--
	}
	old.supersededBy.Store(by)
	t.bytes -= int64(old.Bytes())
	t.garbage.count++
	t.garbage.bytes += int64(old.Bytes())
}

// compact rewrites the change index once garbage outweighs half of what lives.
func (t *table) compact() {
	const fewRecords, fewBytes = 1024, 4 << 20
	current := len(t.changes) - t.garbage.count
	if t.garbage.count >= fewRecords+current/2 || t.garbage.bytes >= fewBytes+t.bytes/2 {
		t.rewrite()
	}
}

// rewrite makes the change index anew without garbage. Copies taken before keep
// the old slice.
func (t *table) rewrite() {
	current := len(t.changes) - t.garbage.count
	kept := make([]*record, 0, current+current/4+16)
	for _, r := range t.changes {
		if r.supersededBy.Load() == 0 {
			kept = append(kept, r)
		}
	}
	t.changes = kept
	t.garbage.count, t.garbage.bytes = 0, 0
}

// purge drops the tombstones up to and including seq. Cuts taken before keep
// them: they promise to reach back to the floor of their time.
func (t *table) purge(seq uint64) {
	purged := false
	for _, r := range t.changes[:t.after(seq)] {
		if r.Deleted() && r.supersededBy.Load() == 0 {
			t.points.Delete(r.Key)
			t.retire(r, math.MaxUint64)
			purged = true
		}
	}
	if purged {
		t.rewrite()
	}
}

// after is the index in changes of the first record later than seq.
func (t *table) after(seq uint64) int {
	return sort.Search(len(t.changes), func(i int) bool { return t.changes[i].Version.Seq > seq })
}

// Cut is a consistent copy of a store's state at one version, or of what changed
// in it since an earlier one. It stays what it is while writes go on, and may be
// read by any goroutine.
type Cut struct {
	From, To version.Version // From is zero for the whole state
	Meta     Meta            // at To
	Digest   Digest          // of the live entries at To
	Live     int             // how many those are

	records []*record
}

// Entries yields the entries and tombstones of the cut in version order, each
// key once.
func (c *Cut) Entries() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for r := range c.current() {
			if !yield(&r.Entry) {
				return
			}
		}
	}
}

// current yields the records that were current at To, in version order.
func (c *Cut) current() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		for _, r := range c.records {
			by := r.supersededBy.Load()
			if (by == 0 || by > c.To.Seq) && !yield(r) {
				return
			}
		}
	}
}

// Bytes is roughly what the entries that Entries yields weigh.
func (c *Cut) Bytes() int {
	bytes := 0
	for e := range c.Entries() {
		bytes += e.Bytes()
	}
	return bytes
}

// MaxEntries bounds how many entries Entries yields.
func (c *Cut) MaxEntries() int { return len(c.records) }
