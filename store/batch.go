package store

import "sync"

// batchEntries is how many entries are handed over at once.
const batchEntries = 256

// batch are entries of a block, on their way from where they are decoded to where they are
// added. They share memory with the block.
type batch struct {
	n       int
	entries [batchEntries]Entry
	origins [batchEntries]Origin // of those that have one
	hashes  [batchEntries]uint64 // of the keys
	sums    [batchEntries]Digest
	err     error // why there are no more; it wraps ErrBlock
}

var freeBatches = sync.Pool{New: func() any { return new(batch) }}

// release gives a batch back, and what it shares with the block.
func (a *batch) release() {
	clear(a.entries[:a.n])
	a.n, a.err = 0, nil
	freeBatches.Put(a)
}

// readBatches decodes a block, batch by batch, to its end or its first error.
func readBatches(block []byte, to chan<- *batch) {
	defer close(to)
	var hash hasher
	next := freeBatches.Get().(*batch)
	next.err = readBlock(block, func(e *Entry) error {
		if next.n == batchEntries {
			to <- next
			next = freeBatches.Get().(*batch)
		}
		next.add(e, &hash)
		return nil
	})
	to <- next
}

func (a *batch) add(e *Entry, hash *hasher) {
	kept := &a.entries[a.n]
	*kept = *e
	if e.Origin != nil { // which is good until the next entry
		a.origins[a.n] = *e.Origin
		kept.Origin = &a.origins[a.n]
	}
	a.hashes[a.n], a.sums[a.n] = hashOf(e.Key), hash.sum(e)
	a.n++
}
