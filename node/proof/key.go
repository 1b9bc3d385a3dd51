package proof

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// These separate the keys from others that may be derived from the secret.
const (
	keyLabel  = "xylem node request proof v2"
	bodyLabel = "xylem node request body v2"
)

const (
	bodyKeyBytes  = 16 // AES-128
	bodyHashBytes = 16 // what stands for a body in the mac
)

// key makes macs. A body, which may be large, is first hashed with a key, seven times as
// fast as SHA-256 would: a universal hash before a pseudo-random function is a mac
// (Wegman and Carter, New Hash Functions and Their Use in Authentication and Set Equality,
// 1981). The hash is that of AES-GCM, the tag of a message whose additional data is the
// body. All have the same nonce, which is sound only because no tag is ever seen: it goes
// nowhere but into the HMAC.
//
// The key material lives in the closure of the pool and in what the pool holds, where fmt,
// which follows fields and pointers, does not get. Safe for concurrent use.
type key struct{ pool *sync.Pool }

// workspace is what one mac takes; reused, so that making one does not allocate.
type workspace struct {
	mac    hash.Hash
	body   cipher.AEAD
	nonce  [12]byte // zero
	hashed [bodyHashBytes]byte
	input  []byte
}

// newKey derives both keys from the cluster's secret (HKDF-SHA256, RFC 5869). It
// keeps no reference to secret. The error wraps ErrShortSecret.
func newKey(secret []byte) (key, error) {
	if len(secret) < MinSecretBytes {
		return key{}, fmt.Errorf("it has %d: %w", len(secret), ErrShortSecret)
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, keyLabel, sha256.Size)
	if err != nil {
		return key{}, fmt.Errorf("derive the key of proofs: %w", err)
	}
	body, err := newBodyHash(secret)
	if err != nil {
		return key{}, fmt.Errorf("derive the key of bodies: %w", err)
	}
	return key{pool: &sync.Pool{New: func() any {
		return &workspace{mac: hmac.New(sha256.New, derived), body: body}
	}}}, nil
}

// newBodyHash makes what hashes bodies; safe for concurrent use.
func newBodyHash(secret []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, secret, nil, bodyLabel, bodyKeyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sum is the mac over the header's other fields, the method, the target and the
// body.
func (k key) sum(h *header, method, target string, body []byte) (sum [sha256.Size]byte) {
	w := k.pool.Get().(*workspace)
	defer k.pool.Put(w)
	hashed := w.body.Seal(w.hashed[:0], w.nonce[:], nil, body)
	input := appendField(w.input[:0], h.sender)
	input = appendField(input, h.from[:])
	input = appendField(input, h.to[:])
	input = binary.BigEndian.AppendUint64(input, h.counter)
	input = appendField(input, method)
	input = appendField(input, target)
	input = appendField(input, hashed)
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
