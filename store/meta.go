package store

import "xylem/sync/version"

// Meta is what a node keeps about its tree beside the entries. It is small and
// copied; History is shared and never changed.
type Meta struct {
	Tree    version.TreeID  // zero before the node heard of a tree
	Epoch   uint64          // the highest epoch accepted
	History version.History // the cuts of the epochs before
	Floor   version.Version // tombstones up to here are gone; deltas reach back to it
	Stamp   version.Stamp   // the latest stamp ordered or received
}

// OnHistory reports whether v is on the history that the node knows.
func (m *Meta) OnHistory(v version.Version) bool { return m.History.Contains(v, m.Epoch) }
