package store

import "slices"

// tidy compacts a chunk once a third of it is of no use any more. The last one is let be
// while it is filled.
func (t *table) tidy(c *chunk) {
	if c == nil || c == t.filling() || c.replaced.Load() {
		return
	}
	if unused := len(c.data) - c.bytes; unused > len(c.data)/3 {
		t.compact(c)
	}
}

// compact writes a chunk anew, and with it those beside it that are small too. What is
// current moves; who has heard of the old chunk, a cut or a reader, keeps it, and nothing
// in it changes any more.
func (t *table) compact(c *chunk) {
	first := t.after(c.at.Seq) // which is c: no other begins with the same seq
	end := first + 1
	bytes := c.bytes
	small := func(i int) bool {
		return i >= 0 && i < len(t.log)-1 && bytes+t.log[i].bytes <= maxChunkBytes/2
	}
	for ; small(end); end++ {
		bytes += t.log[end].bytes
	}
	for ; small(first - 1); first-- {
		bytes += t.log[first-1].bytes
	}
	current := 0
	for _, from := range t.log[first:end] {
		current += from.current
	}
	m := move{table: t, left: bytes, refs: make([]moved, 0, current)}
	for _, from := range t.log[first:end] {
		m.all(from)
	}
	m.finish()
	for _, from := range t.log[first:end] {
		from.replaced.Store(true)
		t.chunks.remove(from)
		t.records -= from.records
	}
	t.log = slices.Concat(t.log[:first:first], m.into, t.log[end:])
}

// move is what is current in some chunks on its way to others.
type move struct {
	table *table
	into  []*chunk
	open  *chunk
	left  int     // bytes that are yet to be moved
	refs  []moved // of what is in open
}

// moved is an entry whose ref is to change once its new chunk is complete.
type moved struct {
	hash   uint64
	from   ref
	offset int
}

func (m *move) all(from *chunk) {
	var e Entry
	for at := 0; at < from.used; {
		next := from.read(at, &e)
		if from.supersededBy(at) == 0 {
			hash := hashOf(e.Key)
			m.one(&e, from, moved{hash: hash, from: from.ref(at, hash)})
			m.left -= next - at
		}
		at = next
	}
}

// one moves an entry into the chunk that is being filled, or into a new one. A tombstone
// that is purged goes no further.
func (m *move) one(e *Entry, from *chunk, as moved) {
	t := m.table
	if t.drops(e) {
		t.index.replace(uint32(as.hash), as.from, removed)
		t.retire(e)
		return
	}
	added := false
	if m.open != nil {
		as.offset, added = m.open.add(e)
	}
	if !added {
		m.finish()
		m.open = m.heir(e, from)
		as.offset, _ = m.open.add(e)
	}
	m.refs = append(m.refs, as)
}

// heir is an empty chunk for e, which is from a chunk, and for what comes behind it. The
// first begins where the old one did: then no entry takes up more than it did there.
func (m *move) heir(e *Entry, from *chunk) *chunk {
	bytes := max(m.left, mostBytes(e))
	if bytes < maxChunkBytes-maxHeadBytes {
		bytes += maxHeadBytes // elsewhere the first may need a longer head
	}
	heir := newChunk(e, bytes, m.table.last)
	if len(m.into) == 0 {
		heir.at, heir.stamp = from.at, from.stamp
	}
	heir.writers, heir.known = from.writers, from.known
	return heir
}

// finish closes the chunk that is being filled, and has the index find what is in it.
func (m *move) finish() {
	c := m.open
	if c == nil {
		return
	}
	m.open = nil
	m.table.chunks.add(c)
	m.table.records += c.records
	m.into = append(m.into, c)
	for _, r := range m.refs {
		m.table.index.replace(uint32(r.hash), r.from, c.ref(r.offset, r.hash))
	}
	m.refs = m.refs[:0]
}
