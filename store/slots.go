package store

import "sync/atomic"

// A ref says in one word where an entry is: in which slot of the directory of chunks, and
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
	place := ref(c.birth)<<slotBits | ref(c.slot)
	return (place<<offsetBits|ref(offset>>2))<<tagBits | tagOf(hash)
}

// directory finds chunks by their slots. It is read without a lock while its one writer
// changes it. A reader who holds a ref to a chunk that is gone finds nil: its entries
// have moved, and whoever looks the key up again finds where to.
type directory struct {
	slots  atomic.Pointer[[]atomic.Pointer[chunk]]
	births []uint16 // of each slot the last; writer only
	free   []uint32 // in the order in which they became free; writer only
}

func (d *directory) find(r ref) *chunk {
	slots := *d.slots.Load()
	slot := r.slot()
	if int(slot) >= len(slots) {
		return nil
	}
	if c := slots[slot].Load(); c != nil && c.birth == r.birth() {
		return c
	}
	return nil
}

// add gives a chunk its slot. It panics when there are 2^24 chunks, which are hundreds of
// gigabytes.
func (d *directory) add(c *chunk) {
	if used := len(d.births); len(d.free) > minReusing || used == maxSlots {
		c.slot, d.free = d.free[0], d.free[1:]
	} else {
		c.slot = uint32(used)
		d.births = append(d.births, 0)
		d.grow(used + 1)
	}
	birth := &d.births[c.slot]
	if *birth++; *birth == 0 {
		*birth = 1
	}
	c.birth = *birth
	(*d.slots.Load())[c.slot].Store(c)
}

func (d *directory) grow(used int) {
	var before []atomic.Pointer[chunk]
	if old := d.slots.Load(); old != nil {
		before = *old
	}
	if used <= len(before) {
		return
	}
	slots := make([]atomic.Pointer[chunk], max(2*len(before), 4))
	for i := range before {
		slots[i].Store(before[i].Load())
	}
	d.slots.Store(&slots)
}

// remove forgets a chunk; its entries have other refs by now.
func (d *directory) remove(c *chunk) {
	(*d.slots.Load())[c.slot].Store(nil)
	d.free = append(d.free, c.slot)
}
