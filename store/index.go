package store

import (
	"hash/maphash"
	"sync/atomic"
)

// seed makes hashes of keys other in every process, so that nobody can prepare keys that
// collide.
var seed = maphash.MakeSeed()

func hashOf(key string) uint64 { return maphash.String(seed, key) }

// index finds the ref of a key by its hash: extendible hashing (Fagin, Nievergelt,
// Pippenger, Strong, 1979) over segments of words with linear probing. One writer at a
// time; readers take no lock. A word goes from empty to a ref, from there to other refs
// of the same key, and to removed; a segment that fills up is written anew, larger or as
// two, and readers of the old one find what was in it then. So no growth holds up anybody
// for longer than a segment takes.
type index struct {
	root atomic.Pointer[fan] // nil while nothing was put
}

// fan has a pointer for each value of the first so many bits of a hash; segments that
// have not been split as often stand in it several times.
type fan struct {
	bits     int
	segments []atomic.Pointer[segment]
}

// segment is a small hash table of the keys whose hashes begin alike.
type segment struct {
	bits   int // how many bits of their hashes those are
	words  []atomic.Uint64
	hashes []uint32 // of what is in the words, so that none is looked up to grow; writer only
	used   int      // words that are not empty; writer only
	kept   int      // of those hold a ref; writer only
}

const (
	minSegment = 8
	newSegment = 1024 // of each half that a split makes
	maxSegment = 2 * newSegment

	removed = 1 // a word that is to be passed over: no ref, for its birth is 0
)

func newSegmentOf(bits, words int) *segment {
	return &segment{bits: bits, words: make([]atomic.Uint64, words), hashes: make([]uint32, words)}
}

// at is the number of the first word to look at for a hash. The first bits, which all in
// the segment have in common, are mixed with the others.
func (s *segment) at(hash uint32) int {
	const golden = 0x9e3779b1 // 2^32 / the golden ratio: Knuth's multiplicative hashing
	return int(uint64(hash*golden) * uint64(len(s.words)) >> 32)
}

func (s *segment) after(i int) int {
	if i++; i == len(s.words) {
		return 0
	}
	return i
}

// of is the number of the first of the pointers to the segment for a hash.
func (f *fan) of(hash uint32) uint32 { return hash >> (32 - f.bits) }

func (x *index) segment(hash uint32) *segment {
	f := x.root.Load()
	if f == nil {
		return nil
	}
	return f.segments[f.of(hash)].Load()
}

// full reports whether one more word would make probing slow.
func (s *segment) full() bool { return s.used >= len(s.words)-len(s.words)/8 }

// expect makes an empty index as large as so many keys will need.
func (x *index) expect(keys int) {
	f := &fan{}
	for keys>>f.bits > newSegment {
		f.bits++
	}
	f.segments = make([]atomic.Pointer[segment], 1<<f.bits)
	words := max(keys>>f.bits*5/4, minSegment)
	for i := range f.segments {
		f.segments[i].Store(newSegmentOf(f.bits, words))
	}
	x.root.Store(f)
}

// look is of no meaning, but has what find and insert will look at for a hash fetched.
func (x *index) look(hash uint32) uint64 {
	s := x.segment(hash)
	if s == nil {
		return 0
	}
	i := s.at(hash)
	return s.words[i].Load() ^ uint64(s.hashes[i])
}

// insert adds the ref of a key that has none.
func (x *index) insert(hash uint32, r ref) {
	s := x.segment(hash)
	if s == nil {
		s = newSegmentOf(0, minSegment)
		f := &fan{segments: make([]atomic.Pointer[segment], 1)}
		f.segments[0].Store(s)
		x.root.Store(f)
	}
	for s.full() {
		x.grow(s, hash)
		s = x.segment(hash)
	}
	s.insert(hash, r)
}

// slot is an empty word of a segment, the first that a search for a hash comes to.
type slot struct {
	segment *segment // nil for none
	word    int
}

// insertAt is insert where a search has found the slot, since which nothing was inserted.
func (x *index) insertAt(at slot, hash uint32, r ref) {
	if at.segment == nil || at.segment.full() {
		x.insert(hash, r)
		return
	}
	at.segment.fill(at.word, hash, r)
}

func (s *segment) insert(hash uint32, r ref) {
	i := s.at(hash)
	for s.words[i].Load() != 0 {
		i = s.after(i)
	}
	s.fill(i, hash, r)
}

// fill puts a ref into an empty word.
func (s *segment) fill(word int, hash uint32, r ref) {
	s.hashes[word] = hash
	s.words[word].Store(uint64(r))
	s.used++
	s.kept++
}

// replace puts the ref to, which may be removed, in place of another of the same key.
func (x *index) replace(hash uint32, from, to ref) {
	s := x.segment(hash)
	i := s.at(hash)
	for word := s.words[i].Load(); word != uint64(from); word = s.words[i].Load() {
		if word == 0 {
			panic("store: the index has lost a key")
		}
		i = s.after(i)
	}
	s.words[i].Store(uint64(to))
	if to == removed {
		s.kept--
	}
}

// grow writes a full segment, that of a hash, anew: as large where much of it was
// removed, else larger by a quarter, else as two.
func (x *index) grow(s *segment, hash uint32) {
	words := len(s.words)
	if s.kept > words/2 {
		words += words / 4
	}
	if words <= maxSegment {
		whole := newSegmentOf(s.bits, words)
		s.pour(whole, whole)
		x.spread(s.bits, hash, whole)
		return
	}
	left, right := newSegmentOf(s.bits+1, newSegment), newSegmentOf(s.bits+1, newSegment)
	s.pour(left, right)
	if f := x.root.Load(); f.bits == s.bits {
		x.root.Store(f.doubled())
	}
	x.spread(left.bits, hash&^s.next(), left)
	x.spread(right.bits, hash|s.next(), right)
}

// next is the first bit by which the hashes in the segment differ.
func (s *segment) next() uint32 { return 1 << (31 - s.bits) }

// pour inserts all refs of the segment into one of two, by the next bit of their hashes.
func (s *segment) pour(left, right *segment) {
	for i, hash := range s.hashes {
		word := s.words[i].Load()
		switch {
		case word <= removed:
		case hash&s.next() == 0:
			left.insert(hash, ref(word))
		default:
			right.insert(hash, ref(word))
		}
	}
}

// spread has all hashes that begin with the first so many bits of hash find s.
func (x *index) spread(bits int, hash uint32, s *segment) {
	f := x.root.Load()
	wide := f.bits - bits
	first := hash >> (32 - bits) << wide
	for i := range uint32(1) << wide {
		f.segments[first+i].Store(s)
	}
}

func (f *fan) doubled() *fan {
	twice := &fan{bits: f.bits + 1, segments: make([]atomic.Pointer[segment], 2*len(f.segments))}
	for i := range twice.segments {
		twice.segments[i].Store(f.segments[i/2].Load())
	}
	return twice
}
