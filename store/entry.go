// Package store is what a node holds in memory: the base, an exact copy of the
// root's state at one version; the overlay, what the node knows beyond that;
// and the records by which both survive on disk. It knows versions and nothing
// of networks.
package store

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"xylem/sync/version"
)

// MaxKeyBytes is the longest key, in bytes of UTF-8.
const MaxKeyBytes = 1024

// ErrKey is wrapped by every refusal of a key.
var ErrKey = errors.New("a key is 1 to 1024 bytes of UTF-8 without NUL")

// CheckKey returns an error that wraps ErrKey and says what is wrong with key,
// or nil.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("the key is empty: %w", ErrKey)
	case len(key) > MaxKeyBytes:
		return fmt.Errorf("the key has %d bytes: %w", len(key), ErrKey)
	case strings.IndexByte(key, 0) >= 0:
		return fmt.Errorf("the key holds a NUL byte: %w", ErrKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("the key is not valid UTF-8: %w", ErrKey)
	}
	return nil
}

// Entry is what the root ordered for a key: a value, or a tombstone where the
// key was deleted. Entries are shared between readers and never change.
type Entry struct {
	Key     string
	Value   string // compact JSON; empty for a tombstone, which no JSON text is
	Version version.Version
	Stamp   version.Stamp
	Write   version.WriteID
	Origin  *Origin // nil for most
}

// Origin is what an entry keeps of how it came, for the case that its version is
// abandoned and it is to be ordered again.
type Origin struct {
	If    Condition
	Taken version.Stamp   // what it got where it was taken, where Stamp is another; zero where it is not
	First version.Version // under which it was ordered at first, where it has another version by now or waits for one; else zero
	Since version.Version // First of what its key had when its epoch began, where it follows that and it is known; else zero

	// Footing is, under a condition, that of the entry on top of which it was ordered:
	// Entry.Footing; zero where there was none or it is not known.
	Footing version.Stamp
}

// Condition is what must hold at the root for a write to be ordered.
type Condition struct {
	Kind    ConditionKind
	Version version.Version // for Matches
}

// ConditionKind tells conditions apart.
type ConditionKind byte

// The conditions of a write.
const (
	Always  ConditionKind = 0 // unconditional
	Matches ConditionKind = 1 // If-Match: the key's entry has this very version
	Exists  ConditionKind = 2 // If-Match: *
	Absent  ConditionKind = 3 // If-None-Match: *
)

// Condition is the one under which the entry was ordered.
func (e *Entry) Condition() Condition {
	if e.Origin == nil {
		return Condition{}
	}
	return e.Origin.If
}

// First is the version under which the entry was ordered before all others that it had;
// zero for a write that never was.
func (e *Entry) First() version.Version {
	if e.Origin == nil || e.Origin.First.IsZero() {
		return e.Version
	}
	return e.Origin.First
}

// Since is First of what the key had when the epoch began in which the entry was ordered,
// where that is known.
func (e *Entry) Since() version.Version {
	if e.Origin == nil {
		return version.Version{}
	}
	return e.Origin.Since
}

// Footing is the stamp by which an unconditional write is judged when it comes again: the
// one with which it was taken. Of a conditional one it is that of the last unconditional
// write below it, zero where none is known: where that wins, so does what came on top of it.
func (e *Entry) Footing() version.Stamp {
	o := e.Origin
	switch {
	case o == nil:
		return e.Stamp
	case o.If.Kind != Always:
		return o.Footing
	case o.Taken != 0:
		return o.Taken
	}
	return e.Stamp
}

// Again is the entry as it is ordered once more, at v.
func (e *Entry) Again(v version.Version) *Entry {
	var origin Origin
	if e.Origin != nil {
		origin = *e.Origin
	}
	origin.First = e.First()
	again := *e
	again.Version, again.Origin = v, &origin
	return &again
}

// Resubmitted is the entry as a write that is sent to the root again, under the stamp
// that every other copy of it has that may be on its way: the one with which it was
// taken. A conditional write is never sent again, so there is no other copy of it. It
// keeps the stamp by which it won over what it follows.
func (e *Entry) Resubmitted() *Entry {
	again := e.Again(version.Version{})
	if again.Origin.If.Kind == Always {
		again.Stamp = e.Footing()
	}
	again.Origin.Taken = 0
	return again
}

// Follows reports whether the entry comes after another of its key whatever its condition
// says: it was ordered after it where it was ordered at first, as far as the two tell (in
// the same epoch, or behind what that began with), or on top of a write that wins over the
// other.
func (e *Entry) Follows(other *Entry) bool {
	if o := e.Origin; o != nil && o.Footing != 0 && o.Footing >= other.Stamp {
		return true
	}
	first, since, before := e.First(), e.Since(), other.First()
	if !since.IsZero() && since.Epoch == before.Epoch && before.Seq <= since.Seq {
		return true
	}
	return first.Epoch == before.Epoch && before.Seq < first.Seq
}

// Equal reports whether two entries are the same in all that they say.
func (e *Entry) Equal(other *Entry) bool {
	a, b := *e, *other
	sameOrigin := a.Origin == b.Origin || a.Origin != nil && b.Origin != nil && *a.Origin == *b.Origin
	a.Origin, b.Origin = nil, nil
	return sameOrigin && a == b
}

// Deleted reports whether the entry is a tombstone.
func (e *Entry) Deleted() bool { return e.Value == "" }

// Beats reports whether the entry wins over another write of its key: by its
// stamp, and where those are equal by its write id, so that everybody decides alike.
func (e *Entry) Beats(other *Entry) bool {
	if e.Stamp != other.Stamp {
		return e.Stamp > other.Stamp
	}
	return e.Write.Compare(other.Write) > 0
}

// entryOverhead is what an entry weighs beside its key and value, roughly.
const entryOverhead = 64

// Bytes is roughly what the entry weighs on the wire and in memory.
func (e *Entry) Bytes() int { return len(e.Key) + len(e.Value) + entryOverhead }
