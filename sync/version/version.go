// Package version names the states of a tree: versions, the history that
// orders them, the stamps that decide which write wins, and the ids by which a
// write is known however often it is sent.
package version

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSyntax is returned, wrapped with the offending text, when a version
// cannot be parsed.
var ErrSyntax = errors.New("not a version: want EPOCH.SEQ, two decimal numbers, as in 3.1042")

// Version is the place of one write in the order that the root gave: the epoch
// in which it was ordered and its sequence number. Seq grows by one with every
// write and goes on over epochs, so along one history Seq alone orders; between
// histories only the pair is unique. The zero Version is the empty state, which
// every history begins with.
type Version struct {
	Epoch uint64
	Seq   uint64
}

// IsZero reports whether v is the empty state.
func (v Version) IsZero() bool { return v == Version{} }

// Compare orders versions: epoch first, then seq. It is meaningful for versions
// of one history (see History.Contains).
func (v Version) Compare(other Version) int {
	if c := cmp.Compare(v.Epoch, other.Epoch); c != 0 {
		return c
	}
	return cmp.Compare(v.Seq, other.Seq)
}

// Before reports whether v comes before other.
func (v Version) Before(other Version) bool { return v.Compare(other) < 0 }

// Max returns the later of two versions.
func Max(a, b Version) Version {
	if a.Before(b) {
		return b
	}
	return a
}

// String returns "epoch.seq".
func (v Version) String() string {
	var buf [41]byte
	return string(v.Append(buf[:0]))
}

// Append appends "epoch.seq" to dst without allocating.
func (v Version) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, v.Epoch, 10)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, v.Seq, 10)
}

// Parse reads "epoch.seq". The error wraps ErrSyntax.
func Parse(text string) (Version, error) {
	epoch, seq, found := strings.Cut(text, ".")
	if !found {
		return Version{}, fmt.Errorf("%q: %w", text, ErrSyntax)
	}
	e, errEpoch := strconv.ParseUint(epoch, 10, 64)
	s, errSeq := strconv.ParseUint(seq, 10, 64)
	if errEpoch != nil || errSeq != nil {
		return Version{}, fmt.Errorf("%q: %w", text, ErrSyntax)
	}
	return Version{Epoch: e, Seq: s}, nil
}

// MarshalText implements encoding.TextMarshaler with "epoch.seq".
func (v Version) MarshalText() ([]byte, error) { return v.Append(nil), nil }

// UnmarshalText implements encoding.TextUnmarshaler; the error wraps ErrSyntax.
func (v *Version) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}
