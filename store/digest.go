package store

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// Digest is the sum, modulo 2^128, of a hash of every live entry. A sum does not
// depend on order, so it is kept up to date by adding what comes and
// subtracting what goes (an incremental multiset hash: Bellare and Micciancio,
// A New Paradigm for Collision-free Hashing, 1997). It guards against mistakes
// and decay, not against somebody who constructs collisions.
type Digest struct{ Hi, Lo uint64 }

// Add returns d with other added.
func (d Digest) Add(other Digest) Digest {
	lo, carry := bits.Add64(d.Lo, other.Lo, 0)
	hi, _ := bits.Add64(d.Hi, other.Hi, carry)
	return Digest{Hi: hi, Lo: lo}
}

// Sub returns d with other taken away.
func (d Digest) Sub(other Digest) Digest {
	lo, borrow := bits.Sub64(d.Lo, other.Lo, 0)
	hi, _ := bits.Sub64(d.Hi, other.Hi, borrow)
	return Digest{Hi: hi, Lo: lo}
}

// Append appends the 16 bytes of the digest, big-endian.
func (d Digest) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, d.Hi)
	return binary.BigEndian.AppendUint64(dst, d.Lo)
}

// DigestFrom reads what Append wrote; b holds at least 16 bytes.
func DigestFrom(b []byte) Digest {
	return Digest{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}

// String is the digest as 32 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d.Append(nil)) }

// MarshalText implements encoding.TextMarshaler with 32 hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != 16 {
		return fmt.Errorf("%q is not a digest: want 32 hexadecimal digits", text)
	}
	*d = DigestFrom(raw)
	return nil
}

// hasher hashes entries one after another with one buffer. Not safe for
// concurrent use; the zero hasher is ready.
type hasher struct{ scratch []byte }

// sum is the part of an entry in a Digest, zero for a tombstone. It covers every field,
// so nodes with equal digests agree on versions, stamps and write ids too.
func (h *hasher) sum(e *Entry) Digest {
	if e.Deleted() {
		return Digest{}
	}
	b := binary.LittleEndian.AppendUint64(h.scratch[:0], e.Version.Epoch)
	b = binary.LittleEndian.AppendUint64(b, e.Version.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Stamp))
	b = binary.LittleEndian.AppendUint32(b, e.Write.Node)
	b = binary.LittleEndian.AppendUint64(b, e.Write.Counter)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Key)))
	b = append(b, e.Key...)
	b = append(b, e.Value...)
	h.scratch = b
	sum := xxh3.Hash128(b)
	return Digest{Hi: sum.Hi, Lo: sum.Lo}
}
