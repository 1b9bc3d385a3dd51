package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// MaxRecordBytes is the size of the largest record, 1 GiB.
const MaxRecordBytes = 1 << 30

const (
	frameBytes = 20 // before each record
	controlBit = 1 << 31
)

// frame is one record as it lies in a file, or a control frame, which holds none: in a segment a mark, in a checkpoint
// the trailer.
type frame struct {
	control bool
	synced  int64  // the file was durable up to here when the frame was written; at most the frame's own offset
	payload []byte // valid until the next frame is read
	end     int64  // offset of what follows
}

// appendFrame encodes a frame that will begin at offset at of the file. Its payload is the parts, one behind the other.
func (h *header) appendFrame(b []byte, at, synced int64, control bool, parts ...[]byte) []byte {
	length := uint32(0)
	for _, part := range parts {
		length += uint32(len(part))
	}
	if control {
		length |= controlBit
	}
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, h.marker)
	b = binary.LittleEndian.AppendUint32(b, length)
	b = binary.LittleEndian.AppendUint64(b, uint64(synced))
	b = binary.LittleEndian.AppendUint32(b, h.checksum(at, b[start:], parts...))
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}

// checksum is over the frame's first 16 bytes and its payload. It starts from the file's header and the offset, so
// that a frame which got into another file or to another place is not valid there.
func (h *header) checksum(at int64, head []byte, parts ...[]byte) uint32 {
	sum := crc32.Update(h.seed^uint32(at)^uint32(at>>32), castagnoli, head)
	for _, part := range parts {
		sum = crc32.Update(sum, castagnoli, part)
	}
	return sum
}
