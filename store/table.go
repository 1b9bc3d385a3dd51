package store

import "sort"

// table is one layer of full state: every live entry and every tombstone, by
// key and by version. One writer at a time; points may be read by anybody.
//
// The entries lie in chunks in the order of their versions, so the list of chunks is the
// change index. An entry that is overwritten stays where it is, marked with the seq that
// overwrote it, until its chunk is compacted: written anew without what was overwritten,
// and put in the old one's place in a new list. So a list and a version are a consistent
// copy of the state (multi-version concurrency control, with the log as the versions),
// taken in no time and read without a lock while writes go on. Nothing in all this has a
// pointer per entry: a garbage collection of a million entries has some thousand chunks to
// mark.
type table struct {
	index  index
	chunks slots
	log    []*chunk // in version order; the last one is being filled
	last   uint64   // the latest seq that was put
	purged uint64   // up to here no tombstones are kept

	digest  Digest
	live    int   // entries that are not tombstones
	current int   // with tombstones
	records int   // with what was overwritten
	bytes   int64 // of what is current
	hash    hasher
}

func newTable() *table { return &table{} }

// place is where in the table the entry of a key is, or its ref would be.
type place struct {
	ref    ref
	chunk  *chunk // nil where there is none
	offset int
	size   int
	free   slot // where there is none
}

// get fills e with the entry or tombstone of key, and returns it; nil if there is none.
// Its strings share memory with the table's, which nothing changes.
func (t *table) get(key string, e *Entry) *Entry {
	hash := hashOf(key)
	for {
		at, gone := t.find(hash, key, e)
		switch {
		case gone: // moved while it was looked up
		case at.chunk == nil:
			return nil
		default:
			return e
		}
	}
}

// find looks key up once. gone says that a chunk was compacted meanwhile.
func (t *table) find(hash uint64, key string, e *Entry) (at place, gone bool) {
	half := uint32(hash)
	s := t.index.segment(half)
	if s == nil {
		return at, false
	}
	tag := tagOf(hash)
	for i := s.at(half); ; i = s.after(i) {
		word := s.words[i].Load()
		if word == 0 {
			return place{free: slot{segment: s, word: i}}, false
		}
		r := ref(word)
		if word == removed || r&(1<<tagBits-1) != tag {
			continue
		}
		c := t.chunks.find(r)
		if c == nil {
			return at, true
		}
		if end := c.read(r.offset(), e); e.Key == key {
			return place{ref: r, chunk: c, offset: r.offset(), size: end - r.offset()}, false
		}
	}
}

// put makes e, which it copies, the state of its key, and reports whether it did. Calls
// come in the order of versions; what comes again changes nothing.
func (t *table) put(e *Entry) bool {
	if e.Version.Seq <= t.last {
		return false
	}
	t.putSummed(e, hashOf(e.Key), t.hash.sum(e))
	return true
}

// putSummed is put of an entry that is later than all so far, where the hash of its key and its
// sum are known.
func (t *table) putSummed(e *Entry, hash uint64, sum Digest) {
	var old Entry
	at, _ := t.find(hash, e.Key, &old)
	if at.chunk != nil && !at.chunk.canMark(e.Version.Seq) {
		t.last = e.Version.Seq - 1 // so that marks in the new chunk count from here
		t.compact(at.chunk)
		at, _ = t.find(hash, e.Key, &old)
	}
	filled := t.filling()
	added := t.append(e, hash)
	t.digest = t.digest.Add(sum)
	if at.chunk == nil {
		t.index.insertAt(at.free, uint32(hash), added)
	} else {
		t.index.replace(uint32(hash), at.ref, added)
		t.retire(&old)
		at.chunk.supersede(at.offset, at.size, &old, e.Version.Seq)
		t.tidy(at.chunk)
	}
	if filled != t.filling() {
		t.tidy(filled)
	}
}

// filling is the last chunk of the log, nil for none.
func (t *table) filling() *chunk {
	if len(t.log) == 0 {
		return nil
	}
	return t.log[len(t.log)-1]
}

// append writes e at the end of the log.
func (t *table) append(e *Entry, hash uint64) ref {
	c, offset, added := t.filling(), 0, false
	if c != nil {
		offset, added = c.add(e)
	}
	if !added {
		c = t.open(e)
		offset, _ = c.add(e)
	}
	t.last = e.Version.Seq
	t.records++
	t.count(e, 1)
	return c.ref(offset, hash)
}

// open adds a chunk for e behind the last one. A small table has small chunks.
func (t *table) open(e *Entry) *chunk {
	if full := t.filling(); full != nil {
		full.sealed = true
	}
	size := min(max(int(t.bytes/8), minChunkBytes), maxChunkBytes)
	most := mostBytes(e)
	if most > size/4 { // of which few would fit
		size = min(max(size, 4*most), maxChunkBytes)
	}
	c := newChunk(e, max(size, most), e.Version.Seq)
	t.chunks.add(c)
	t.log = append(t.log, c)
	return c
}

// retire takes an entry out of digest and counts.
func (t *table) retire(old *Entry) {
	t.count(old, -1)
	t.digest = t.digest.Sub(t.hash.sum(old))
}

func (t *table) count(e *Entry, by int) {
	t.current += by
	t.bytes += int64(by * e.Bytes())
	if !e.Deleted() {
		t.live += by
	}
}

// purge drops the tombstones up to and including seq. Cuts taken before keep
// them: they promise to reach back to the floor of their time.
func (t *table) purge(seq uint64) {
	t.purged = max(t.purged, seq)
	for _, c := range t.log { // as it is now
		if c.at.Seq > seq {
			break
		}
		if c.tombstones > 0 && !c.replaced.Load() {
			t.compact(c)
		}
	}
}

// drops reports whether an entry is a tombstone that is purged.
func (t *table) drops(e *Entry) bool { return e.Deleted() && e.Version.Seq <= t.purged }

// after is the number in the log of the first chunk that may have entries later than seq.
func (t *table) after(seq uint64) int {
	later := sort.Search(len(t.log), func(i int) bool { return t.log[i].at.Seq > seq })
	return max(later-1, 0)
}
