package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"xylem/sync/version"
)

// ErrBlock is wrapped by every refusal of bytes that are no block of entries.
var ErrBlock = errors.New("malformed block of entries")

// A block is a run of entries, each told by its difference from the one before:
//
//	flags     1 byte: bit 0 tombstone, bit 1 an epoch follows, bit 2 an origin follows
//	epoch     uvarint, only where it differs from the entry before
//	seq       varint, difference from the entry before
//	stamp     varint, difference from the entry before
//	node      uvarint
//	counter   varint, difference from the same node's counter before
//	origin    where bit 2 is set: 1 byte the kind of its condition, and bits 5 to 7;
//	          for Matches epoch and seq, uvarints; the stamp where it was taken,
//	          uvarint; epoch and seq of its first version, uvarints, where bit 7 is
//	          set, and of that of what it follows, where bit 6 is set; how much less
//	          than the stamp its footing is, uvarint, where bit 5 is set
//	key       uvarint length, bytes
//	value     uvarint length, bytes; not for a tombstone
//
// The first entry's differences are from zero. In version order an entry costs
// some eleven bytes beyond key and value.
const (
	flagTombstone = 1 << iota
	flagEpoch
	flagOrigin
)

// These are in the byte of a condition's kind.
const (
	flagFooting = 1 << 5
	flagSince   = 1 << 6
	flagFirst   = 1 << 7
)

// MaxNode is the highest k of NODE-k that a write id may name.
const MaxNode = 1 << 16

// maxSharedBytes is the largest value that shares its memory with its key: what is kept
// of an entry may be its key alone.
const maxSharedBytes = 256

// deltas is what encoder and decoder remember of the entries before.
type deltas struct {
	epoch, seq uint64
	stamp      version.Stamp
	counters   []version.WriteID // of the first few nodes; a search is quicker than a map
	others     map[uint32]*uint64
}

// counter is a node's counter in the entry before that has one; 0 at first.
func (b *deltas) counter(node uint32) *uint64 {
	const few = 16
	for i := range b.counters {
		if b.counters[i].Node == node {
			return &b.counters[i].Counter
		}
	}
	if len(b.counters) < few {
		if b.counters == nil {
			b.counters = make([]version.WriteID, 0, few)
		}
		b.counters = append(b.counters, version.WriteID{Node: node})
		return &b.counters[len(b.counters)-1].Counter
	}
	counter, known := b.others[node]
	if !known {
		if b.others == nil {
			b.others = make(map[uint32]*uint64)
		}
		counter = new(uint64)
		b.others[node] = counter
	}
	return counter
}

// BlockEncoder appends entries to a block. The zero BlockEncoder starts one.
type BlockEncoder struct{ before deltas }

// Reset starts a new block.
func (enc *BlockEncoder) Reset() {
	enc.before = deltas{counters: enc.before.counters[:0]}
}

// Append appends e to the block dst and returns the longer block.
func (enc *BlockEncoder) Append(dst []byte, e *Entry) []byte {
	b := &enc.before
	var flags byte
	if e.Deleted() {
		flags |= flagTombstone
	}
	if e.Version.Epoch != b.epoch {
		flags |= flagEpoch
	}
	if e.Origin != nil {
		flags |= flagOrigin
	}
	dst = append(dst, flags)
	if flags&flagEpoch != 0 {
		dst = binary.AppendUvarint(dst, e.Version.Epoch)
	}
	dst = binary.AppendVarint(dst, int64(e.Version.Seq-b.seq))
	dst = binary.AppendVarint(dst, int64(e.Stamp-b.stamp))
	dst = binary.AppendUvarint(dst, uint64(e.Write.Node))
	counter := b.counter(e.Write.Node)
	dst = binary.AppendVarint(dst, int64(e.Write.Counter-*counter))
	*counter = e.Write.Counter
	if o := e.Origin; o != nil {
		dst = o.append(dst, e.Stamp)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Key)))
	dst = append(dst, e.Key...)
	if !e.Deleted() {
		dst = binary.AppendUvarint(dst, uint64(len(e.Value)))
		dst = append(dst, e.Value...)
	}
	b.epoch, b.seq, b.stamp = e.Version.Epoch, e.Version.Seq, e.Stamp
	return dst
}

// append appends the origin of an entry with a stamp.
func (o *Origin) append(dst []byte, stamp version.Stamp) []byte {
	kind := byte(o.If.Kind)
	if !o.First.IsZero() {
		kind |= flagFirst
	}
	if !o.Since.IsZero() {
		kind |= flagSince
	}
	if o.Footing != 0 {
		kind |= flagFooting
	}
	dst = append(dst, kind)
	if o.If.Kind == Matches {
		dst = appendVersion(dst, o.If.Version)
	}
	dst = binary.AppendUvarint(dst, uint64(o.Taken))
	if kind&flagFirst != 0 {
		dst = appendVersion(dst, o.First)
	}
	if kind&flagSince != 0 {
		dst = appendVersion(dst, o.Since)
	}
	if kind&flagFooting != 0 {
		dst = binary.AppendUvarint(dst, uint64(stamp-o.Footing))
	}
	return dst
}

// DecodeBlock reads all entries of a block and appends them to dst. Entries do
// not share memory with the block. Every key is checked; the error wraps
// ErrBlock. Whatever the bytes, it allocates in proportion to their number.
func DecodeBlock(dst []*Entry, block []byte) ([]*Entry, error) {
	err := readBlock(block, func(e *Entry) error {
		dst = append(dst, e.detached())
		return nil
	})
	return dst, err
}

// readBlock hands out the entries of a block one after the other. An entry is good, and
// shares memory with the block, until take returns. The error wraps ErrBlock or is what
// take returned.
func readBlock(block []byte, take func(e *Entry) error) error {
	r := blockReader{rest: block}
	var before deltas
	var e Entry
	var origin Origin
	for len(r.rest) > 0 {
		r.entry(&before, &e, &origin)
		if r.failed != "" {
			return fmt.Errorf("%w: %s, %d bytes before its end", ErrBlock, r.failed, len(r.rest))
		}
		if err := take(&e); err != nil {
			return err
		}
	}
	return nil
}

// detached is a copy that shares no memory with the entry.
func (e *Entry) detached() *Entry {
	alone := *e
	if e.Origin != nil {
		origin := *e.Origin
		alone.Origin = &origin
	}
	if len(e.Value) <= maxSharedBytes { // one allocation for both
		var both strings.Builder
		both.Grow(len(e.Key) + len(e.Value))
		both.WriteString(e.Key)
		both.WriteString(e.Value)
		text := both.String()
		alone.Key, alone.Value = text[:len(e.Key)], text[len(e.Key):]
	} else {
		alone.Key, alone.Value = strings.Clone(e.Key), strings.Clone(e.Value)
	}
	return &alone
}

// blockReader takes fields off the front of a block; after the first failure
// every further field is zero.
type blockReader struct {
	rest   []byte
	failed string
}

func (r *blockReader) fail(what string) {
	if r.failed == "" {
		r.failed = what
	}
}

func (r *blockReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail("a number is cut short or too long")
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *blockReader) varint() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.fail("a number is cut short or too long")
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *blockReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail("a length reaches beyond the block")
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// entry fills e with the next entry; its strings share memory with the block, and
// its origin, if any, is origin.
func (r *blockReader) entry(before *deltas, e *Entry, origin *Origin) {
	flags := r.bytes(1)[0] // the caller saw at least one byte
	if flags&^(flagTombstone|flagEpoch|flagOrigin) != 0 {
		r.fail("unknown flags")
		return
	}
	if flags&flagEpoch != 0 {
		before.epoch = r.uvarint()
	}
	before.seq += uint64(r.varint())
	before.stamp += version.Stamp(r.varint())
	node := r.uvarint()
	if node > MaxNode {
		r.fail("no such node")
		return
	}
	counter := before.counter(uint32(node))
	*counter += uint64(r.varint())
	e.Version = version.Version{Epoch: before.epoch, Seq: before.seq}
	e.Stamp = before.stamp
	e.Write = version.WriteID{Node: uint32(node), Counter: *counter}
	e.Origin = nil
	if flags&flagOrigin != 0 {
		*origin = r.origin(e.Stamp)
		e.Origin = origin
	}
	e.Key, e.Value = r.text(r.uvarint()), ""
	if flags&flagTombstone == 0 {
		if e.Value = r.text(r.uvarint()); e.Value == "" {
			r.fail("a value is empty")
		}
	}
	if r.failed != "" {
		return
	}
	if err := CheckKey(e.Key); err != nil {
		r.fail(err.Error())
	}
}

// text takes bytes that are shared with the block.
func (r *blockReader) text(n uint64) string {
	taken := r.bytes(n)
	return unsafe.String(unsafe.SliceData(taken), len(taken))
}

// ordered takes a version under which something was ordered.
func (r *blockReader) ordered() version.Version {
	v := r.version()
	if v.IsZero() {
		r.fail("a write was ordered at no version")
	}
	return v
}

// origin takes the origin of an entry with a stamp.
func (r *blockReader) origin(stamp version.Stamp) (o Origin) {
	var flags byte
	if kind := r.bytes(1); kind != nil {
		flags = kind[0]
		o.If.Kind = ConditionKind(flags &^ (flagFirst | flagSince | flagFooting))
	}
	switch o.If.Kind {
	case Matches:
		o.If.Version = r.version()
	case Always, Exists, Absent:
	default:
		r.fail("no such condition")
	}
	o.Taken = version.Stamp(r.uvarint())
	if flags&flagFirst != 0 {
		o.First = r.ordered()
	}
	if flags&flagSince != 0 {
		o.Since = r.ordered()
	}
	if flags&flagFooting != 0 {
		if o.Footing = stamp - version.Stamp(r.uvarint()); o.Footing == 0 {
			r.fail("a footing without a stamp")
		}
	}
	return o
}
