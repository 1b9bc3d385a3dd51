package store

import (
	"slices"

	"xylem/sync/version"
)

// Meta is what a node keeps about its tree beside the entries. It is small and
// copied; its slices are shared and never changed.
type Meta struct {
	Tree    version.TreeID  // zero before the node heard of a tree
	Epoch   uint64          // the highest epoch accepted
	Run     uint64          // random: names the one root that runs the epoch
	History version.History // the cuts of the epochs before
	Runs    []uint64        // of those epochs, in the same order; what is missing is 0
	Floor   version.Version // tombstones up to here are gone; deltas reach back to it
	Stamp   version.Stamp   // the latest stamp ordered or received
}

// OnHistory reports whether v is on the history that the node knows.
func (m *Meta) OnHistory(v version.Version) bool { return m.History.Contains(v, m.Epoch) }

// Abandoned reports whether v is on no history that the node knows, and never will
// be: the root was replaced, or lost its disk, before it was pushed.
func (m *Meta) Abandoned(v version.Version) bool { return v.Epoch <= m.Epoch && !m.OnHistory(v) }

// RunOf is the run of an epoch, 0 where it is not known.
func (m *Meta) RunOf(epoch uint64) uint64 {
	if epoch == m.Epoch {
		return m.Run
	}
	i := slices.IndexFunc(m.History, func(cut version.Version) bool { return cut.Epoch == epoch })
	if i < 0 || i >= len(m.Runs) {
		return 0
	}
	return m.Runs[i]
}

// Agrees reports whether v means the same to both: it was given in the same run of
// its epoch. A root that was set back to an older copy of its disk gives an epoch,
// and versions in it, a second time.
func (m *Meta) Agrees(other *Meta, v version.Version) bool {
	return v.IsZero() || m.RunOf(v.Epoch) == other.RunOf(v.Epoch)
}

// Continues reports whether a state at v, by the history of other, goes on along this
// history.
func (m *Meta) Continues(other *Meta, v version.Version) bool {
	return m.OnHistory(v) && m.Agrees(other, v)
}

// Common is the last version that a state at applied with this history has in common
// with another, at to. Where the other history does not reach back to where they part,
// it is the last cut of this one: what this state's own epoch ordered is in doubt.
func (m *Meta) Common(applied version.Version, other *Meta, to version.Version) version.Version {
	var common version.Version
	ends := append(slices.Clone(other.History), to) // of the other's epochs
	for _, segment := range append(slices.Clone(m.History), applied) {
		i := slices.IndexFunc(ends, func(end version.Version) bool { return end.Epoch == segment.Epoch })
		if i >= 0 && m.Agrees(other, ends[i]) {
			common = version.Version{Epoch: segment.Epoch, Seq: min(segment.Seq, ends[i].Seq)}
		}
	}
	if n := len(m.History); common.IsZero() && len(other.History) == version.MaxCuts && n > 0 {
		common = m.History[n-1]
	}
	return common
}

// BeginEpoch makes the epoch and run the current ones; at is the version at which
// they take over.
func (m *Meta) BeginEpoch(epoch, run uint64, at version.Version) {
	history := m.History.Extend(at)
	if !history.Equal(m.History) {
		runs := make([]uint64, len(m.History), len(m.History)+1)
		copy(runs, m.Runs)
		runs = append(runs, m.RunOf(at.Epoch))
		m.Runs = runs[len(runs)-len(history):]
	}
	m.History, m.Epoch, m.Run = history, epoch, run
}
