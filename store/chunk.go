package store

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"unsafe"

	"xylem/sync/version"
)

// A chunk is bytes without pointers, which the garbage collector does not look into, in
// which entries lie one behind the other in version order. What is told of an entry is
// told by its difference from the chunk's first:
//
//	mark      4 bytes, aligned: when the entry's time ended; see supersede
//	flags     1 byte: bit 0 an epoch follows, bit 1 an origin, bit 2 a writer in full
//	key       uvarint length
//	value     uvarint length, 0 for a tombstone
//	seq       uvarint, difference
//	stamp     varint, difference
//	writer    1 byte, its number in the chunk, and of the counter the difference, varint;
//	          in full: node and counter, uvarints
//	epoch     uvarint, where bit 0 is set
//	bytes of the key, bytes of the value
//	origin    an Origin as it is in memory, aligned to 8, where bit 1 is set
//
// Nothing but marks is ever overwritten, so strings may share memory with a chunk: it is
// there for as long as one of them is.
const (
	recordEpoch = 1 << iota
	recordOrigin
	recordWriter
)

const (
	maxChunkBytes = 64 << 10 // of a chunk with more than one entry; a ref's offset reaches as far
	minChunkBytes = 1 << 10
	maxHeadBytes  = 64 // of an entry before its key: more than the longest
	markBytes     = 4
	waypoints     = 16
	chunkWriters  = 8 // nodes whose counters a chunk remembers
	originBytes   = int(unsafe.Sizeof(Origin{}))
)

// chunk is written by the table's one writer. Readers look only at entries that were
// there before they heard of them.
type chunk struct {
	data     []byte
	at       version.Version // of the first entry: differences are from here
	stamp    version.Stamp   // likewise
	slot     uint32          // in the table
	birth    uint16          // tells chunks apart that had the same slot
	markedBy uint64          // differences of marks are from here
	writers  [chunkWriters]version.WriteID
	replaced atomic.Bool // what was current in it has moved to another chunk

	// The rest is the writer's alone.
	ways       [waypoints]int // the first offset in each of so many equal parts of maxChunkBytes
	used       int            // bytes of data
	sealed     bool           // another chunk follows
	known      int            // of writers
	records    int            // entries in it
	current    int            // of them were not overwritten
	tombstones int            // of those are tombstones
	bytes      int            // that the current ones take up
}

// newChunk returns an empty chunk of so many bytes, in which e is to come first, after
// everything that was ordered up to last.
func newChunk(e *Entry, bytes int, last uint64) *chunk {
	return &chunk{data: make([]byte, max(16, (bytes+7)&^7)), at: e.Version, stamp: e.Stamp, markedBy: last}
}

// add writes e behind the others and returns where. It is false if there is no room.
func (c *chunk) add(e *Entry) (offset int, added bool) {
	var space [maxHeadBytes]byte
	head := c.appendHead(space[:0], e)
	offset = c.used
	at := offset + markBytes
	end := recordEnd(at+len(head)+len(e.Key)+len(e.Value), e.Origin != nil)
	if end > len(c.data) || offset >= maxChunkBytes || c.sealed {
		return 0, false
	}
	at += copy(c.data[at:], head)
	at += copy(c.data[at:], e.Key)
	at += copy(c.data[at:], e.Value)
	if e.Origin != nil {
		*c.origin(at) = *e.Origin
	}
	if part := &c.ways[offset/(maxChunkBytes/waypoints)]; *part == 0 {
		*part = offset
	}
	c.used = end
	c.records++
	c.current++
	c.bytes += end - offset
	if e.Deleted() {
		c.tombstones++
	}
	return offset, true
}

// mostBytes bounds what an entry takes up in an empty chunk.
func mostBytes(e *Entry) int { return maxHeadBytes + originBytes + len(e.Key) + len(e.Value) }

// recordEnd is where the next entry begins after one whose value ends at an offset.
func recordEnd(at int, origin bool) int {
	if origin {
		at = (at+7)&^7 + originBytes
	}
	return (at + 3) &^ 3
}

// before is an offset from which on all entries later than seq are found, and not many
// others.
func (c *chunk) before(seq uint64) int {
	var e Entry
	for _, offset := range slices.Backward(c.ways[:]) {
		if offset == 0 {
			continue
		}
		if c.read(offset, &e); e.Version.Seq <= seq {
			return offset
		}
	}
	return 0
}

// origin is where the origin of an entry lies whose value ends at an offset.
func (c *chunk) origin(after int) *Origin {
	return (*Origin)(unsafe.Pointer(&c.data[(after+7)&^7]))
}

// appendHead appends what is told of e before its key.
func (c *chunk) appendHead(dst []byte, e *Entry) []byte {
	dst = append(dst, 0)
	dst = binary.AppendUvarint(dst, uint64(len(e.Key)))
	dst = binary.AppendUvarint(dst, uint64(len(e.Value)))
	dst = binary.AppendUvarint(dst, e.Version.Seq-c.at.Seq)
	dst = binary.AppendVarint(dst, int64(e.Stamp-c.stamp))
	if i, known := c.writer(e.Write); known {
		dst = append(dst, byte(i))
		dst = binary.AppendVarint(dst, int64(e.Write.Counter-c.writers[i].Counter))
	} else {
		dst[0] |= recordWriter
		dst = binary.AppendUvarint(dst, uint64(e.Write.Node))
		dst = binary.AppendUvarint(dst, e.Write.Counter)
	}
	if e.Version.Epoch != c.at.Epoch {
		dst[0] |= recordEpoch
		dst = binary.AppendUvarint(dst, e.Version.Epoch)
	}
	if e.Origin != nil {
		dst[0] |= recordOrigin
	}
	return dst
}

// writer finds the number under which the chunk knows the writer of a write, or gives it
// one while there are any.
func (c *chunk) writer(id version.WriteID) (i int, known bool) {
	const near = 1 << 24 // of a counter from another: the difference takes four bytes
	for i := range c.writers[:c.known] {
		if w := &c.writers[i]; w.Node == id.Node && id.Counter-w.Counter+near < 2*near {
			return i, true
		}
	}
	if c.known == chunkWriters {
		return 0, false
	}
	c.writers[c.known] = id
	c.known++
	return c.known - 1, true
}

// read fills e with the entry at an offset and returns where the next one begins. Its
// strings and its origin share memory with the chunk.
func (c *chunk) read(offset int, e *Entry) (next int) {
	data := c.data
	at := offset + markBytes
	flags := data[at]
	keyBytes, at := uvarint(data, at+1)
	valueBytes, at := uvarint(data, at)
	seq, at := uvarint(data, at)
	stamp, at := uvarint(data, at)
	e.Version = version.Version{Epoch: c.at.Epoch, Seq: c.at.Seq + seq}
	e.Stamp = c.stamp + version.Stamp(unzigzag(stamp))
	if flags&recordWriter == 0 {
		w := &c.writers[data[at]]
		var counter uint64
		counter, at = uvarint(data, at+1)
		e.Write = version.WriteID{Node: w.Node, Counter: w.Counter + unzigzag(counter)}
	} else {
		var node uint64
		node, at = uvarint(data, at)
		e.Write.Node = uint32(node)
		e.Write.Counter, at = uvarint(data, at)
	}
	if flags&recordEpoch != 0 {
		e.Version.Epoch, at = uvarint(data, at)
	}
	text := data[at : at+int(keyBytes)+int(valueBytes)]
	at += len(text)
	e.Key = unsafe.String(unsafe.SliceData(text), int(keyBytes))
	e.Value = unsafe.String(unsafe.SliceData(text[keyBytes:]), int(valueBytes))
	e.Origin = nil
	if flags&recordOrigin != 0 {
		e.Origin = c.origin(at)
	}
	return recordEnd(at, e.Origin != nil)
}

// uvarint reads a number that appendHead wrote, and returns where the next field is.
func uvarint(data []byte, at int) (uint64, int) {
	if b := data[at]; b < 0x80 {
		return uint64(b), at + 1
	}
	return longUvarint(data, at)
}

func longUvarint(data []byte, at int) (uint64, int) {
	n, size := binary.Uvarint(data[at:])
	return n, at + size
}

func unzigzag(n uint64) uint64 { return n>>1 ^ -(n & 1) }

// mark is when the time of the entry at offset ended: 0 while it is current, else how
// many seqs after markedBy the write came that replaced it.
func (c *chunk) mark(offset int) *uint32 { return (*uint32)(unsafe.Pointer(&c.data[offset])) }

// supersededBy is the seq of the write that replaced the entry at offset; 0 while it is
// current.
func (c *chunk) supersededBy(offset int) uint64 {
	if mark := atomic.LoadUint32(c.mark(offset)); mark != 0 {
		return c.markedBy + uint64(mark)
	}
	return 0
}

// canMark reports whether a mark reaches as far as seq. In a new chunk it does.
func (c *chunk) canMark(seq uint64) bool { return seq-c.markedBy <= 1<<32-1 }

// supersede ends the time of an entry, which takes up size bytes: it was replaced by the
// write at seq.
func (c *chunk) supersede(offset, size int, e *Entry, seq uint64) {
	atomic.StoreUint32(c.mark(offset), uint32(seq-c.markedBy))
	c.current--
	c.bytes -= size
	if e.Deleted() {
		c.tombstones--
	}
}
