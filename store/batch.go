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

// release lets go of the block, and gives the batch back.
func (b *batch) release() {
	clear(b.entries[:b.n])
	b.n, b.err = 0, nil
	freeBatches.Put(b)
}

// readBatches decodes a block, to its end or its first error, and hands it on batch by batch.
func readBatches(block []byte, take func(ready *batch)) {
	var hash hasher
	next := freeBatches.Get().(*batch)
	next.err = readBlock(block, func(e *Entry) error {
		if next.n == batchEntries {
			take(next)
			next = freeBatches.Get().(*batch)
		}
		next.add(e, &hash)
		return nil
	})
	take(next)
}

func (b *batch) add(e *Entry, hash *hasher) {
	kept := &b.entries[b.n]
	*kept = *e
	if e.Origin != nil { // which is good until the next entry
		b.origins[b.n] = *e.Origin
		kept.Origin = &b.origins[b.n]
	}
	b.hashes[b.n], b.sums[b.n] = hashOf(e.Key), hash.sum(e)
	b.n++
}
