// Package wire is the bytes that nodes exchange: pushes downward, batches of
// writes and their results upward. docs/protocol.md describes them for others.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"xylem/store"
	"xylem/sync/version"
)

// ErrMalformed is wrapped by every refusal of bytes that are no message, or one
// that was damaged on the way.
var ErrMalformed = errors.New("malformed message")

// Kind tells the three pushes apart.
type Kind byte

// The kinds of push. A heartbeat has no entries; a delta those that changed
// between two versions; a snapshot all.
const (
	Heartbeat Kind = 1
	Delta     Kind = 2
	Snapshot  Kind = 3
)

// String names the kind as status answers do.
func (k Kind) String() string {
	switch k {
	case Heartbeat:
		return "heartbeat"
	case Delta:
		return "delta"
	case Snapshot:
		return "snapshot"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// Header is what every piece of a push says of the push.
type Header struct {
	Kind     Kind
	Root     uint32          // k of the root whose epoch it is, whoever sends it; 0 in a state that was asked for
	Number   uint64          // of the push; never repeats within one epoch from one process
	Piece    uint32          // 0 for the first
	Last     bool            // no piece follows
	Meta     store.Meta      // of the root at To: tree, epoch, history, floor, stamp
	From, To version.Version // fits a node at any version between; of a snapshot From is where it goes on, zero for the begin
	Sent     int64           // when the root sent it, or what the sender was told by it, in milliseconds of the root's clock since 1970
	Digest   store.Digest    // of the root's live entries at To
	Live     uint64          // how many those are
}

const pushMagic = "XYL\x02" // the last byte is the format's version

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendPiece appends one piece of a push to dst. The body was encoded once for
// every node that needs it; a heartbeat's is empty.
func AppendPiece(dst []byte, h *Header, body Body) []byte {
	start := len(dst)
	dst = append(dst, pushMagic...)
	dst = append(dst, 0, 0) // length of the header, filled in below
	var last byte
	if h.Last {
		last = 1
	}
	dst = append(dst, byte(h.Kind), last)
	dst = binary.AppendUvarint(dst, uint64(h.Root))
	dst = binary.AppendUvarint(dst, h.Number)
	dst = binary.AppendUvarint(dst, uint64(h.Piece))
	dst = appendVersion(appendVersion(dst, h.From), h.To)
	dst = binary.AppendUvarint(dst, uint64(h.Sent))
	dst = h.Digest.Append(dst)
	dst = binary.AppendUvarint(dst, h.Live)
	dst = append(dst, body.compression)
	dst = binary.AppendUvarint(dst, uint64(body.rawBytes))
	dst = binary.AppendUvarint(dst, uint64(len(body.encoded)))
	dst = binary.BigEndian.AppendUint32(dst, body.crc)
	dst = store.AppendMeta(dst, h.Meta)
	header := len(dst) - start - len(pushMagic) - 2
	binary.BigEndian.PutUint16(dst[start+len(pushMagic):], uint16(header))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, body.encoded...)
}

// DecodePiece reads one piece off the front of b: its header and the raw block
// of entries in it, of at most MaxBodyBytes unless one entry alone is larger
// than that. It returns what follows. The block shares memory with b where it
// was not compressed. The error wraps ErrMalformed.
func DecodePiece(b []byte, maxBody int) (h Header, block, rest []byte, err error) {
	prefix := len(pushMagic) + 2
	if len(b) < prefix || string(b[:len(pushMagic)]) != pushMagic {
		return h, nil, nil, fmt.Errorf("%w: it does not begin as a push of format 2 does", ErrMalformed)
	}
	end := prefix + int(binary.BigEndian.Uint16(b[len(pushMagic):]))
	if len(b) < end+4 {
		return h, nil, nil, fmt.Errorf("%w: the header is cut short", ErrMalformed)
	}
	if crc32.Checksum(b[:end], castagnoli) != binary.BigEndian.Uint32(b[end:]) {
		return h, nil, nil, fmt.Errorf("%w: the header's checksum is wrong", ErrMalformed)
	}
	r := reader{rest: b[prefix:end]}
	body := r.header(&h)
	meta, tail, metaErr := store.ReadMeta(r.rest)
	if r.short || metaErr != nil || len(tail) > 0 {
		return h, nil, nil, fmt.Errorf("%w: the header does not make sense", ErrMalformed)
	}
	h.Meta = meta
	if err := h.check(); err != nil {
		return h, nil, nil, err
	}
	rest = b[end+4:]
	if uint64(len(rest)) < body.encodedBytes {
		return h, nil, nil, fmt.Errorf("%w: the body is cut short", ErrMalformed)
	}
	block, err = body.open(rest[:body.encodedBytes], maxBody)
	return h, block, rest[body.encodedBytes:], err
}

// BodyOf is the body of a piece that DecodePiece took, as it came, for the next node. It
// shares memory with b. entries is how many it holds.
func BodyOf(b []byte, entries int) Body {
	prefix := len(pushMagic) + 2
	end := prefix + int(binary.BigEndian.Uint16(b[len(pushMagic):]))
	r := reader{rest: b[prefix:end]}
	var h Header
	head := r.header(&h)
	return Body{
		compression: head.compression, rawBytes: int(head.rawBytes), crc: head.crc,
		encoded: b[end+4:][:head.encodedBytes], Entries: entries,
	}
}

// bodyHead is what a header says of the body behind it.
type bodyHead struct {
	compression            byte
	rawBytes, encodedBytes uint64
	crc                    uint32
}

func (r *reader) header(h *Header) bodyHead {
	h.Kind = Kind(r.byte())
	h.Last = r.byte() == 1
	h.Root = uint32(r.uvarint())
	h.Number = r.uvarint()
	h.Piece = uint32(r.uvarint())
	h.From, h.To = r.version(), r.version()
	h.Sent = int64(r.uvarint())
	if digest := r.bytes(16); digest != nil {
		h.Digest = store.DigestFrom(digest)
	}
	h.Live = r.uvarint()
	head := bodyHead{compression: r.byte(), rawBytes: r.uvarint(), encodedBytes: r.uvarint()}
	if crc := r.bytes(4); crc != nil {
		head.crc = binary.BigEndian.Uint32(crc)
	}
	return head
}

// check holds the header against itself.
func (h *Header) check() error {
	switch {
	case h.Kind < Heartbeat || h.Kind > Snapshot:
		return fmt.Errorf("%w: %v", ErrMalformed, h.Kind)
	case h.Meta.Tree.IsZero() || h.Meta.Epoch == 0:
		return fmt.Errorf("%w: a push without tree or epoch", ErrMalformed)
	case h.To.Seq < h.From.Seq || !h.Meta.OnHistory(h.To) || !h.Meta.OnHistory(h.From):
		return fmt.Errorf("%w: from %v to %v is not on the history it carries", ErrMalformed, h.From, h.To)
	}
	return nil
}

func appendVersion(dst []byte, v version.Version) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, v.Epoch), v.Seq)
}

// reader takes fields off the front of a message; once it ran short every
// further field is zero.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) bytes(n uint64) []byte {
	if r.short || n > uint64(len(r.rest)) {
		r.short = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if r.short || size <= 0 {
		r.short = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) version() version.Version {
	return version.Version{Epoch: r.uvarint(), Seq: r.uvarint()}
}
