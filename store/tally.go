package store

import (
	"fmt"

	"xylem/sync/version"
)

// Tally adds up a whole state that comes block by block, without holding it. The zero
// Tally is of an empty state.
type Tally struct {
	hash   hasher
	last   version.Version
	digest Digest
	live   uint64
}

// Add takes the next block of entries, which come in version order over all calls. The
// error wraps ErrBlock.
func (t *Tally) Add(block []byte) error {
	return readBlock(block, t.add)
}

func (t *Tally) add(e *Entry) error {
	if e.Version.Seq <= t.last.Seq {
		return fmt.Errorf("%w: %v comes after %v in a state", ErrBlock, e.Version, t.last)
	}
	t.last = e.Version
	t.digest = t.digest.Add(t.hash.sum(e))
	if !e.Deleted() {
		t.live++
	}
	return nil
}

// Last is the version of the last entry added.
func (t *Tally) Last() version.Version { return t.last }

// Digest is the digest of what was added, if each key was in it once.
func (t *Tally) Digest() Digest { return t.digest }

// Live is how many of the entries were not tombstones.
func (t *Tally) Live() uint64 { return t.live }
