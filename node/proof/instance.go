package proof

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// Instance is the random 128-bit name of one process, for as long as it runs.
// The zero Instance stands for a receiver of which nothing is known yet; no
// process has it.
type Instance [16]byte

// hexInstance is the length of an Instance in hexadecimal.
const hexInstance = 2 * len(Instance{})

// NewInstance draws an Instance from crypto/rand. Two calls never give the same
// one, in one process or in two.
func NewInstance() (Instance, error) {
	var drawn Instance
	for drawn.IsZero() {
		if _, err := rand.Read(drawn[:]); err != nil {
			return Instance{}, fmt.Errorf("draw an instance: %w", err)
		}
	}
	return drawn, nil
}

// ParseInstance reads what String wrote: 32 lower-case hexadecimal digits. The
// error wraps ErrMalformed.
func ParseInstance(text string) (Instance, error) {
	var parsed Instance
	if len(text) != hexInstance || !decodeHex(parsed[:], text) {
		return Instance{}, fmt.Errorf("an instance has %d lower-case hexadecimal digits: %w", hexInstance, ErrMalformed)
	}
	return parsed, nil
}

// IsZero reports whether the instance is not known.
func (i Instance) IsZero() bool { return i == Instance{} }

// String is the instance in 32 lower-case hexadecimal digits. It is no secret.
func (i Instance) String() string { return hex.EncodeToString(i[:]) }

// decodeHex reads exactly len(dst) bytes of lower-case hexadecimal from text, and
// reports whether that is what text is. One value thus has one spelling, which
// hex.Decode, taking capitals too, does not promise.
func decodeHex(dst []byte, text string) bool {
	if len(text) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, low := hexDigits[text[2*i]], hexDigits[text[2*i+1]]
		if high|low > 15 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// hexDigits are the values of lower-case hexadecimal digits, above 15 for other bytes.
var hexDigits = func() (values [256]byte) {
	for c := range values {
		values[c] = 0xff
	}
	for value, c := range "0123456789abcdef" {
		values[c] = byte(value)
	}
	return values
}()
