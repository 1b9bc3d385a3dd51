package store

import (
	"slices"

	"xylem/sync/version"
)

// MaxSettled bounds how many settled writes a node remembers; the oldest are
// forgotten first.
const MaxSettled = 1 << 14

// Local is what a node's disk keeps beside the root's state: what it alone knows.
type Local struct {
	// Queue is the writes that were taken here and are not known to be ordered, in
	// the order in which they were taken. Their Version is zero.
	Queue []*Entry
	// Provisional is how many at the end of Queue have stamps by the wall clock: they
	// were taken before the root was heard, and were never sent.
	Provisional int
	// Settled is what became of the last writes that left the queue, oldest first;
	// at most MaxSettled.
	Settled []Settled
	// Leaving is those of them that go on showing until the base holds what became of
	// them.
	Leaving []Leaving
	// RootTime is the root's time less this machine's wall clock, in milliseconds, as
	// last heard; zero before anything was.
	RootTime int64
	// Promised is the highest epoch that this node has promised to a candidate: it
	// accepts nothing older. Zero where roots are not elected.
	Promised uint64
}

// Settled is what became of a write that had waited in a queue.
type Settled struct {
	Write      version.WriteID
	Superseded bool            // a write of its key with a later stamp had won
	Version    version.Version // its own, or the winner's
	Stamp      version.Stamp   // likewise
}

// Leaving is a write that has left the queue, and how.
type Leaving struct {
	Entry *Entry // as it was queued
	Settled
}

// Show makes readers see what became of the write in place of the write.
func (gone *Leaving) Show(s *Store) {
	if gone.Superseded {
		s.Unpend(gone.Entry, gone.Version)
		return
	}
	if s.Applied().Before(gone.Version) {
		ordered := *gone.Entry
		ordered.Version, ordered.Stamp = gone.Version, gone.Stamp
		s.Learn(&ordered)
	}
	s.Unpend(gone.Entry, version.Version{})
}

// Settle takes writes out of the queue, and remembers what became of them. It returns
// those that it knew.
func (l *Local) Settle(settled []Settled) []Leaving {
	fates := make(map[version.WriteID]Settled, len(settled))
	for _, s := range settled {
		fates[s.Write] = s
	}
	var gone []Leaving
	leaves := func(e *Entry) bool {
		s, found := fates[e.Write]
		if found {
			delete(fates, e.Write)
			gone = append(gone, Leaving{Entry: e, Settled: s})
		}
		return found
	}
	// What is settled stands at the front, but for a few: a queue of a hundred
	// thousand is not moved for every batch.
	front := 0
	for front < len(l.Queue) && len(fates) > 0 && leaves(l.Queue[front]) {
		front++
	}
	clear(l.Queue[:front])
	l.Queue = l.Queue[front:]
	if len(fates) > 0 {
		l.Queue = slices.DeleteFunc(slices.Clone(l.Queue), leaves)
		// When records are replayed, what was in the queue again has not come back to it.
		l.Leaving = slices.DeleteFunc(l.Leaving, func(old Leaving) bool { return leaves(old.Entry) })
	}
	l.Provisional = min(l.Provisional, len(l.Queue))
	l.Leaving = append(l.Leaving, gone...)
	l.Settled = append(l.Settled, settled...)
	if over := len(l.Settled) - MaxSettled; over > 0 {
		l.Settled = l.Settled[over:]
	}
	return gone
}

// Covered forgets the entries of settled writes that a base at version applied shows
// by itself.
func (l *Local) Covered(applied version.Version, meta *Meta) {
	l.Leaving = slices.DeleteFunc(l.Leaving, func(gone Leaving) bool {
		return !applied.Before(gone.Version) && meta.OnHistory(gone.Version)
	})
}

// Requeue takes writes back into the queue that were ordered at a version which is on
// no history any more, or lost to one: the root has lost its disk, or was replaced. It
// returns them. That needs no record: it follows from those that there are.
func (l *Local) Requeue(meta *Meta) []*Entry {
	var again []*Entry
	gone := make(map[version.WriteID]bool)
	l.Leaving = slices.DeleteFunc(l.Leaving, func(left Leaving) bool {
		if !meta.Abandoned(left.Version) {
			return false
		}
		again = append(again, left.Entry)
		gone[left.Write] = true
		return true
	})
	if len(again) == 0 {
		return nil
	}
	l.Settled = slices.DeleteFunc(slices.Clone(l.Settled), func(s Settled) bool { return gone[s.Write] })
	l.TakeBack(again)
	return again
}

// TakeBack puts writes that had been ordered behind those that wait with final stamps.
func (l *Local) TakeBack(writes []*Entry) {
	l.Queue = slices.Insert(slices.Clone(l.Queue), len(l.Queue)-l.Provisional, writes...)
}

// Clone is a copy that stays as it is while l goes on, to be written beside a state.
func (l *Local) Clone(state *Cut) Local {
	clone := Local{
		Queue: slices.Clone(l.Queue), Provisional: l.Provisional,
		Settled: slices.Clone(l.Settled), Leaving: slices.Clone(l.Leaving), RootTime: l.RootTime, Promised: l.Promised,
	}
	clone.Covered(state.To, &state.Meta)
	return clone
}

// Finalize replaces the first of the provisional writes by what they are with their
// final stamps.
func (l *Local) Finalize(writes []*Entry) {
	final := make(map[version.WriteID]*Entry, len(writes))
	for _, e := range writes {
		final[e.Write] = e
	}
	tail := l.Queue[len(l.Queue)-l.Provisional:]
	for i, e := range tail {
		if made := final[e.Write]; made != nil {
			tail[i] = made
			l.Provisional--
		}
	}
}
