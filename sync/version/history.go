package version

import "slices"

// MaxCuts bounds a History. Older cuts are forgotten; a version from before
// them counts as not on the history, and who holds it gets a snapshot.
const MaxCuts = 256

// History is the list of cuts, oldest first: for every past epoch that ordered
// a write, the last version of it that counts. An epoch that ordered nothing
// leaves no cut. Invariant: epochs and seqs both grow strictly. A History is
// never changed in place, so it may be shared between goroutines.
type History []Version

// Contains reports whether v is on the history that has these cuts and whose
// running epoch is current: whether it is the empty state, or was ordered in a
// past epoch at or before its cut, or was ordered in the current epoch. What it
// says no to is abandoned, or older than the cuts that are remembered.
func (h History) Contains(v Version, current uint64) bool {
	if v.IsZero() {
		return true
	}
	if v.Epoch > current {
		return false
	}
	after := uint64(0)
	for i, cut := range h {
		if v.Epoch == cut.Epoch {
			forgotten := i == 0 && len(h) == MaxCuts
			return v.Seq <= cut.Seq && (v.Seq > after || forgotten)
		}
		after = cut.Seq
	}
	return v.Epoch == current && v.Seq > after
}

// Extend returns the history after last, the version at which the next epoch
// takes over. It forgets the oldest cut when there are more than MaxCuts.
func (h History) Extend(last Version) History {
	if last.IsZero() || (len(h) > 0 && h[len(h)-1] == last) {
		return h
	}
	extended := append(slices.Clip(slices.Clone(h)), last)
	if len(extended) > MaxCuts {
		extended = extended[len(extended)-MaxCuts:]
	}
	return extended
}

// Equal reports whether two histories have the same cuts.
func (h History) Equal(other History) bool { return slices.Equal(h, other) }

// Valid reports whether the cuts grow strictly in epoch and seq, number at most
// MaxCuts, and lie before the current epoch.
func (h History) Valid(current uint64) bool {
	if len(h) > MaxCuts {
		return false
	}
	for i, cut := range h {
		if cut.Epoch == 0 || cut.Seq == 0 || cut.Epoch >= current {
			return false
		}
		if i > 0 && (cut.Epoch <= h[i-1].Epoch || cut.Seq <= h[i-1].Seq) {
			return false
		}
	}
	return true
}
