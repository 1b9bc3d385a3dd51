package proof

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// keyLabel separates this key from others that may be derived from the secret.
const keyLabel = "xylem node request proof v1"

// key makes macs. The key material lives in the closure of the pool and in what
// the pool holds, where fmt, which follows fields and pointers, does not get.
// Safe for concurrent use.
type key struct{ pool *sync.Pool }

// workspace is what one mac takes; reused, so that making one does not allocate.
type workspace struct {
	mac   hash.Hash
	input []byte
}

// newKey derives the key from the cluster's secret (HKDF-SHA256, RFC 5869). It
// keeps no reference to secret. The error wraps ErrShortSecret.
func newKey(secret []byte) (key, error) {
	if len(secret) < MinSecretBytes {
		return key{}, fmt.Errorf("it has %d: %w", len(secret), ErrShortSecret)
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, keyLabel, sha256.Size)
	if err != nil {
		return key{}, fmt.Errorf("derive the key of proofs: %w", err)
	}
	return key{pool: &sync.Pool{New: func() any {
		return &workspace{mac: hmac.New(sha256.New, derived)}
	}}}, nil
}

// sum is the mac over the header's other fields, the method, the target and the
// body.
func (k key) sum(h *header, method, target string, body []byte) (sum [sha256.Size]byte) {
	w := k.pool.Get().(*workspace)
	defer k.pool.Put(w)
	digest := sha256.Sum256(body)
	input := appendField(w.input[:0], h.sender)
	input = appendField(input, h.from[:])
	input = appendField(input, h.to[:])
	input = binary.BigEndian.AppendUint64(input, h.counter)
	input = appendField(input, method)
	input = appendField(input, target)
	input = appendField(input, digest[:])
	w.mac.Reset()
	w.mac.Write(input) // a hash never returns an error
	w.input = w.mac.Sum(input[:0])
	copy(sum[:], w.input)
	return sum
}

// appendField appends a value with its length before it.
func appendField[T string | []byte](dst []byte, value T) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(value)))
	return append(dst, value...)
}
