package wire

import (
	"fmt"
	"hash/crc32"
	"iter"

	"github.com/klauspost/compress/s2"

	"xylem/store"
	"xylem/sync/version"
)

// MaxBodyBytes is the size at which the body of a piece is closed, before
// compression. An entry is never split, so a body holding one large entry may
// be larger.
const MaxBodyBytes = 512 << 10

// How a body is encoded.
const (
	plain      = 0
	compressed = 1 // s2 block format
)

// minCompressBytes is the smallest block that compression is tried on, and
// sampleBytes how much of a large one tells whether to try the rest.
const (
	minCompressBytes = 1 << 10
	sampleBytes      = 16 << 10
)

// Body is the entries of one piece, encoded and checksummed once for all the
// nodes that need them. The zero Body has no entries.
type Body struct {
	compression byte
	rawBytes    int
	encoded     []byte
	crc         uint32
	Entries     int             // how many it holds
	Last        version.Version // of the last of them, where Bodies made it
}

// Bytes is how many bytes the body takes on the wire.
func (b Body) Bytes() int { return len(b.encoded) }

// NewBody encodes a block of entries. It keeps the block. The body is compressed if that
// saves a tenth; of a large block, of which there are many, that is tried only if its
// first sampleBytes save a fifth.
func NewBody(block []byte, entries int) Body {
	body := Body{rawBytes: len(block), encoded: block, Entries: entries}
	if len(block) >= minCompressBytes && (len(block) < 4*sampleBytes || compressedBy(block[:sampleBytes], 5) != nil) {
		if packed := compressedBy(block, 10); packed != nil {
			body.compression, body.encoded = compressed, packed
		}
	}
	body.crc = crc32.Checksum(body.encoded, castagnoli)
	return body
}

// compressedBy returns the block compressed, or nil if that does not save more than the
// parts-th part of it: reading it back costs time as well.
func compressedBy(block []byte, parts int) []byte {
	if packed := s2.Encode(nil, block); len(packed) < len(block)-len(block)/parts {
		return packed
	}
	return nil
}

// Bodies yields the bodies of a cut's pieces, one at a time, so that a snapshot
// of any size is encoded in bounded memory. A body is closed once it has so many bytes
// before compression (MaxBodyBytes between nodes). A cut without entries yields one
// empty body.
func Bodies(cut *store.Cut, bytes int) iter.Seq[Body] {
	return func(yield func(Body) bool) {
		var enc store.BlockEncoder
		var block []byte
		entries, yielded := 0, false
		var last version.Version
		body := func() Body {
			b := NewBody(block, entries)
			b.Last = last
			return b
		}
		var e store.Entry // a pointer to each would be an object for each
		for at := cut.Cursor(); at.Next(&e); {
			block, last = enc.Append(block, &e), e.Version
			entries++
			if len(block) < bytes {
				continue
			}
			if !yield(body()) {
				return
			}
			enc.Reset()
			block, entries, yielded = make([]byte, 0, len(block)+len(block)/16), 0, true
		}
		if entries > 0 || !yielded {
			yield(body())
		}
	}
}

// open checks and decompresses a body.
func (head bodyHead) open(encoded []byte, maxBody int) ([]byte, error) {
	if crc32.Checksum(encoded, castagnoli) != head.crc {
		return nil, fmt.Errorf("%w: the body's checksum is wrong", ErrMalformed)
	}
	if head.rawBytes > uint64(maxBody) {
		return nil, fmt.Errorf("%w: a body of %d bytes, at most %d are taken", ErrMalformed, head.rawBytes, maxBody)
	}
	switch head.compression {
	case plain:
		if uint64(len(encoded)) != head.rawBytes {
			return nil, fmt.Errorf("%w: the body is not as long as it says", ErrMalformed)
		}
		return encoded, nil
	case compressed:
		if n, err := s2.DecodedLen(encoded); err != nil || uint64(n) != head.rawBytes {
			return nil, fmt.Errorf("%w: the compressed body is not as long as it says", ErrMalformed)
		}
		block, err := s2.Decode(nil, encoded)
		if err != nil {
			return nil, fmt.Errorf("%w: the body does not decompress: %w", ErrMalformed, err)
		}
		return block, nil
	}
	return nil, fmt.Errorf("%w: compression %d is unknown", ErrMalformed, head.compression)
}
