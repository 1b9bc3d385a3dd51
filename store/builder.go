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

// aheadBytes is how long a block is at least that is decoded ahead.
const aheadBytes = 32 << 10

// AddBlock adds the entries of a block, which come in version order over all calls,
// without an object for each. It keeps nothing of the block. The error wraps ErrBlock.
//
// What can be said of the entries of a long block by themselves is found out ahead of adding
// them, on another processor where one is free. What comes of it is the same.
func (b *Builder) AddBlock(block []byte) (err error) {
	add := func(ready *batch) {
		if err == nil {
			err = b.addBatch(ready)
		}
		ready.release()
	}
	if len(block) < aheadBytes {
		readBatches(block, add)
		return err
	}
	batches := make(chan *batch, 1)
	defer func() { // after a panic, too, it does not wait for ever
		for range batches {
		}
	}()
	go func() {
		defer close(batches)
		readBatches(block, func(ready *batch) { batches <- ready })
	}()
	for ready := range batches {
		add(ready)
	}
	return err
}

// addBatch adds the entries of a batch, some at a time, after a look at where in the index
// they will be: most of the time that a large table takes is for memory, and the processor
// fetches what does not depend on each other at once.
func (b *Builder) addBatch(ready *batch) error {
	const some = 32
	for start := 0; start < ready.n; start += some {
		end := min(start+some, ready.n)
		for _, hash := range ready.hashes[start:end] {
			b.seen ^= b.table.index.look(uint32(hash))
		}
		for i := start; i < end; i++ {
			e := &ready.entries[i]
			if e.Version.Seq <= b.last.Seq {
				return fmt.Errorf("%w: %v comes after %v in a snapshot", ErrBlock, e.Version, b.last)
			}
			b.last = e.Version
			b.table.putSummed(e, ready.hashes[i], ready.sums[i])
		}
	}
	return ready.err
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
