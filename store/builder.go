package store

import (
	"fmt"

	"xylem/sync/version"
)

// Builder gathers a snapshot, piece by piece, beside the state that readers go
// on seeing.
type Builder struct {
	table *table
	last  version.Version
	seen  uint64 // keeps what looks ahead from being left out
}

// few are entries of a block that are added together. It lies on the stack: to write
// pointers there costs nothing while garbage is collected.
type few struct {
	n       int
	entries [32]Entry
	hashes  [32]uint64
}

// NewBuilder returns a builder of an empty state.
func NewBuilder() *Builder { return &Builder{table: newTable()} }

// Expect tells a builder, before anything is added, how many entries will be: then what
// finds them does not have to grow. More or fewer may come; of what may be untrue up to
// four million are believed.
func (b *Builder) Expect(entries uint64) {
	const most = 4 << 20 // 60 MB of an index
	if b.last.IsZero() && entries > 0 {
		b.table.index.expect(int(min(entries, most)))
	}
}

func (b *Builder) add(e *Entry, hash uint64) error {
	if e.Version.Seq <= b.last.Seq {
		return fmt.Errorf("%w: %v comes after %v in a snapshot", ErrBlock, e.Version, b.last)
	}
	b.last = e.Version
	b.table.putHashed(e, hash)
	return nil
}

// addFew adds a few, after a look at where in the index they will be: most of the time
// that a large table takes is for memory, and the processor fetches what does not depend
// on each other at once.
func (b *Builder) addFew(few *few) error {
	for _, hash := range few.hashes[:few.n] {
		b.seen ^= b.table.index.look(uint32(hash))
	}
	for i := range few.entries[:few.n] {
		if err := b.add(&few.entries[i], few.hashes[i]); err != nil {
			return err
		}
	}
	few.n = 0
	return nil
}

// AddBlock adds the entries of a block, which come in version order over all calls,
// without an object for each. It keeps nothing of the block. The error wraps ErrBlock.
func (b *Builder) AddBlock(block []byte) error {
	var few few
	err := readBlock(block, func(e *Entry) error {
		few.entries[few.n], few.hashes[few.n] = *e, hashOf(e.Key)
		if few.n++; few.n == len(few.entries) || e.Origin != nil { // an origin is good until the next entry
			return b.addFew(&few)
		}
		return nil
	})
	if err == nil {
		err = b.addFew(&few)
	}
	return err
}

// Current is the latest entry or tombstone that was added for a key, or nil.
func (b *Builder) Current(key string) *Entry { return b.table.get(key, new(Entry)) }

// Last is the latest version added.
func (b *Builder) Last() version.Version { return b.last }

// Digest is the digest of what was added.
func (b *Builder) Digest() Digest { return b.table.digest }

// Cut is the whole built state as a consistent copy at version to.
func (b *Builder) Cut(to version.Version, meta Meta) *Cut {
	cut := b.table.cut(version.Version{}, to, meta)
	cut.built = b
	return cut
}

// Install makes the built state, which is the root's at version to, the base of
// s, by the swap of one pointer. The builder must not be used afterwards.
func (s *Store) Install(b *Builder, to version.Version, meta Meta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base.Store(&view{applied: to, table: b.table})
	meta.Stamp = max(meta.Stamp, s.meta.Stamp)
	s.meta = meta
	s.overlay.abandoned(&meta)
	s.overlay.pending.abandoned(&meta)
	b.table.purge(meta.Floor.Seq)
	s.Covered()
}
