package store

import (
	"iter"

	"xylem/sync/version"
)

// Cut is a consistent copy of a store's state at one version, or of what changed
// in it since an earlier one. It stays what it is while writes go on, and may be
// read by any goroutine.
type Cut struct {
	From, To version.Version // From is zero for the whole state
	Meta     Meta            // at To
	Digest   Digest          // of the live entries at To
	Live     int             // how many those are

	chunks  []*chunk
	begin   int // in the first of them; before it nothing is later than From
	end     int // of what belongs to it in the last of them
	records int // at most so many are later than From

	built *Builder // whose whole state it is; nil for a store's
}

// cut is a copy of what the table, which is at version to, has after from.
func (t *table) cut(from, to version.Version, meta Meta) *Cut {
	c := &Cut{From: from, To: to, Meta: meta, Digest: t.digest, Live: t.live}
	if len(t.log) == 0 || from.Seq >= t.last {
		return c
	}
	c.chunks = t.log[t.after(from.Seq):]
	c.end = t.log[len(t.log)-1].used
	c.records = t.records
	if !from.IsZero() {
		c.records, c.begin = 0, c.chunks[0].before(from.Seq)
		for _, chunk := range c.chunks {
			c.records += chunk.records
		}
		c.records = min(c.records, int(t.last-from.Seq))
	}
	return c
}

// Entries yields the entries and tombstones of the cut in version order, each
// key once. They share memory with the store, and keep alive what is around them: who
// keeps a few for long copies their strings. A loop that does not keep them allocates
// nothing.
func (c *Cut) Entries() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for at := c.Cursor(); ; {
			e := new(Entry)
			if !at.Next(e) || !yield(e) {
				return
			}
		}
	}
}

// IsOf reports whether the cut is the whole state that a builder made.
func (c *Cut) IsOf(b *Builder) bool { return b != nil && c.built == b }

// Bytes is roughly what the entries that Entries yields weigh.
func (c *Cut) Bytes() int {
	bytes := 0
	for e := range c.Entries() {
		bytes += e.Bytes()
	}
	return bytes
}

// MaxBytes bounds Bytes, without a look at each entry.
func (c *Cut) MaxBytes() int {
	bytes := c.records * entryOverhead
	for number := range c.chunks {
		bytes += c.endOf(number)
	}
	return bytes
}

// MaxEntries bounds how many entries Entries yields.
func (c *Cut) MaxEntries() int { return c.records }

// endOf is where what belongs to the cut ends in one of its chunks: to the last of them more may
// be added meanwhile.
func (c *Cut) endOf(number int) int {
	if number == len(c.chunks)-1 {
		return c.end
	}
	return c.chunks[number].used
}

// Cursor goes through the entries of a cut as Entries does, into one entry of the caller's.
type Cursor struct {
	cut    *Cut
	number int // of the chunk
	offset int // of the next entry in it
}

// Cursor returns a cursor before the first entry.
func (c *Cut) Cursor() Cursor { return Cursor{cut: c, offset: c.begin} }

// Next fills e with the next entry that was current at the cut's version; false at the
// end. What e refers to is as with Entries.
func (at *Cursor) Next(e *Entry) bool {
	_, _, found := at.step(e)
	return found
}

// step is Next that says where the entry is.
func (at *Cursor) step(e *Entry) (c *chunk, offset int, found bool) {
	cut := at.cut
	for ; at.number < len(cut.chunks); at.number, at.offset = at.number+1, 0 {
		c, end := cut.chunks[at.number], cut.endOf(at.number)
		for at.offset < end {
			offset := at.offset
			at.offset = c.read(offset, e)
			if by := c.supersededBy(offset); (by == 0 || by > cut.To.Seq) && e.Version.Seq > cut.From.Seq {
				return c, offset, true
			}
		}
	}
	return nil, 0, false
}
