package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	segmentMagic    = "xylemlog"
	checkpointMagic = "xylemchk"

	formatVersion = 1
	headerBytes   = 40
	flagNoSync    = 1 << 0
	flagDraft     = 1 << 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is what a file begins with. It is durable before the file gets its final name. Its first 12 bytes, its
// length and the place of its checksum are the same in all format versions.
type header struct {
	magic         string // 8 bytes: segment or checkpoint
	noSync        bool   // records of this segment were written without syncing
	number        uint64 // of the segment; of a checkpoint: of the first segment that it does not stand for
	previousBytes int64  // size of the segment before when it was closed; 0 in checkpoints
	marker        uint32 // begins each frame in this file; not zero
	draft         bool   // the number was written last; see Draft
	seed          uint32 // checksums of frames start from it; set by encode and parse
}

// encode returns the header's bytes and sets seed.
func (h *header) encode() []byte {
	var flags uint32
	if h.noSync {
		flags |= flagNoSync
	}
	if h.draft {
		flags |= flagDraft
	}
	b := make([]byte, 0, headerBytes)
	b = append(b, h.magic...)
	b = binary.LittleEndian.AppendUint32(b, formatVersion)
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = binary.LittleEndian.AppendUint64(b, h.number)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.previousBytes))
	b = binary.LittleEndian.AppendUint32(b, h.marker)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	h.seed = h.seedOf(b)
	return b
}

// seedOf is the checksum at the end of an encoded header: so a frame is bound to its file. For a file that got its
// number after its frames it is what that would be with the number 0.
func (h *header) seedOf(b []byte) uint32 {
	if !h.draft {
		return binary.LittleEndian.Uint32(b[headerBytes-4:])
	}
	var drafted [headerBytes - 4]byte
	copy(drafted[:], b)
	clear(drafted[16:24])
	return crc32.Checksum(drafted[:], castagnoli)
}

// parseHeader reads headerBytes bytes. An error that does not wrap ErrFormat is one of damage.
func parseHeader(b []byte, magic string) (header, error) {
	sum := binary.LittleEndian.Uint32(b[headerBytes-4:])
	version := binary.LittleEndian.Uint32(b[8:])
	switch {
	case string(b[:8]) != magic:
		return header{}, fmt.Errorf("it begins with %q and not with %q", b[:8], magic)
	case sum != crc32.Checksum(b[:headerBytes-4], castagnoli):
		return header{}, fmt.Errorf("wrong checksum in the header, which says format version %d", version)
	case version != formatVersion:
		return header{}, fmt.Errorf("%w: version %d, this program knows %d only", ErrFormat, version, formatVersion)
	}
	flags := binary.LittleEndian.Uint32(b[12:])
	h := header{
		magic:         magic,
		noSync:        flags&flagNoSync != 0,
		number:        binary.LittleEndian.Uint64(b[16:]),
		previousBytes: int64(binary.LittleEndian.Uint64(b[24:])),
		marker:        binary.LittleEndian.Uint32(b[32:]),
		draft:         flags&flagDraft != 0,
	}
	h.seed = h.seedOf(b)
	if h.marker == 0 || h.previousBytes < 0 {
		return header{}, errors.New("impossible values in the header")
	}
	return h, nil
}
