package store

import "sync/atomic"

// A ref says in one word where an entry is: in which slot, and
// which of the chunks that were there one after the other, at which offset; and ten bits
// of its key's hash, by which most others are told apart unseen.
//
//	birth 16 bits, not 0 | slot 24 | offset/4 14 | tag 10
type ref uint64

const (
	tagBits    = 10
	offsetBits = 14
	slotBits   = 24
	maxSlots   = 1 << slotBits // chunks of a table: a terabyte of full ones
	minReusing = 64            // slots that wait, so that it takes long until one of them has all births behind it
)

func (r ref) slot() uint32  { return uint32(r>>(tagBits+offsetBits)) & (maxSlots - 1) }
func (r ref) birth() uint16 { return uint16(r >> (tagBits + offsetBits + slotBits)) }
func (r ref) offset() int   { return int(r>>tagBits) & (1<<offsetBits - 1) << 2 }

// tagOf is the part of a hash that a ref holds; the index goes by the lower half.
func tagOf(hash uint64) ref { return ref(hash>>32) & (1<<tagBits - 1) }

// ref is where an entry of the chunk is.
func (c *chunk) ref(offset int, hash uint64) ref {
	where := ref(c.birth)<<slotBits | ref(c.slot)
	return (where<<offsetBits|ref(offset>>2))<<tagBits | tagOf(hash)
}

// slots are where a table's chunks are found. They are read without a lock while their one writer
// changes them. A reader who holds a ref to a chunk that is gone finds nil: its entries
// have moved, and whoever looks the key up again finds where to.
type slots struct {
	chunks atomic.Pointer[[]atomic.Pointer[chunk]]
	births []uint16 // of each slot the last; writer only
	free   []uint32 // in the order in which they became free; writer only
}

func (s *slots) find(r ref) *chunk {
	chunks := *s.chunks.Load()
	slot := r.slot()
	if int(slot) >= len(chunks) {
		return nil
	}
	if c := chunks[slot].Load(); c != nil && c.birth == r.birth() {
		return c
	}
	return nil
}

// add gives a chunk its slot. It panics when there are 2^24 chunks, which are hundreds of
// gigabytes.
func (s *slots) add(c *chunk) {
	if used := len(s.births); len(s.free) > minReusing || used == maxSlots {
		c.slot, s.free = s.free[0], s.free[1:]
	} else {
		c.slot = uint32(used)
		s.births = append(s.births, 0)
		s.grow(used + 1)
	}
	birth := &s.births[c.slot]
	if *birth++; *birth == 0 {
		*birth = 1
	}
	c.birth = *birth
	(*s.chunks.Load())[c.slot].Store(c)
}

func (s *slots) grow(used int) {
	var before []atomic.Pointer[chunk]
	if old := s.chunks.Load(); old != nil {
		before = *old
	}
	if used <= len(before) {
		return
	}
	chunks := make([]atomic.Pointer[chunk], max(2*len(before), 4))
	for i := range before {
		chunks[i].Store(before[i].Load())
	}
	s.chunks.Store(&chunks)
}

// remove forgets a chunk; its entries have other refs by now.
func (s *slots) remove(c *chunk) {
	(*s.chunks.Load())[c.slot].Store(nil)
	s.free = append(s.free, c.slot)
}
