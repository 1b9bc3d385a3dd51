package replica

import (
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// takeOver replaces the whole state by another. What this node holds that is not on
// the other's history goes into its queue, with the stamps and write ids that it has,
// by the same checkpoint: there is no moment in which the disk has neither.
func (r *Replica) takeOver(b *store.Builder, to version.Version, meta store.Meta, then func(Failure)) {
	state := b.Cut(to, meta)
	var saved []*store.Entry
	r.checkpoint(state, func(local *store.Local) {
		saved = r.beyondHistory(b, &meta, to)
		local.TakeBack(saved)
	}, func(f Failure) {
		if f == None {
			q := &r.queue
			q.local.TakeBack(saved)
			q.counts.Rescued += uint64(len(saved))
			r.pend(saved) // before what they stood for is gone
			r.store.Install(b, to, meta)
		}
		then(f)
	})
}

// whole reports whether a state that was fetched or pushed is what its header says; b is
// nil when it could not be had.
func whole(b *store.Builder, h *wire.Header) bool {
	return b != nil && b.Digest() == h.Digest && b.Last().Seq <= h.To.Seq
}

// beyondHistory lists what this node's state holds beyond the last version that it
// has in common with another at to, as writes to be ordered again, in the order in
// which they were ordered. What is in the queue anyway is not among them.
func (r *Replica) beyondHistory(b *store.Builder, other *store.Meta, to version.Version) []*store.Entry {
	meta, applied := r.store.Meta(), r.store.Applied()
	if applied.IsZero() || meta.Tree != other.Tree {
		return nil
	}
	if other.Continues(&meta, applied) && !to.Before(applied) {
		return nil
	}
	common := meta.Common(applied, other, to)
	comesBack := r.comesBack()
	var beyond []*store.Entry
	for e := range r.store.Cut(common).Entries() { // in the order of their versions
		if e.Version.Seq <= common.Seq || r.queue.ids[e.Write] || comesBack[e.Write] {
			continue
		}
		again := e.Resubmitted()
		again.Origin.If = rebased(e, b.Current(e.Key), common, &meta)
		beyond = append(beyond, again)
	}
	return beyond
}

// rebased is the condition of a write beyond the last version in common, as it is on the
// other history, which has theirs of its key. Where that was there before the write here
// too, as meta tells, it is what the condition comes down to: what stood between goes
// with the write, which overwrote it. Else the condition stays, and fails unless it
// happens to hold.
func rebased(e, theirs *store.Entry, common version.Version, meta *store.Meta) store.Condition {
	switch {
	case e.Condition().Kind == store.Always:
		return store.Condition{}
	case theirs == nil:
		return store.Condition{Kind: store.Absent}
	case theirs.Version.Seq > common.Seq && !e.Follows(theirs) && !(meta.OnHistory(theirs.First()) && theirs.First().Before(e.Version)):
		return e.Condition()
	case theirs.Deleted():
		return store.Condition{Kind: store.Absent}
	}
	return store.Condition{Kind: store.Matches, Version: theirs.Version}
}

// comesBack is which writes are on their way into the queue, or come back to it by
// themselves: requeue.
func (r *Replica) comesBack() map[version.WriteID]bool {
	ids := make(map[version.WriteID]bool)
	for _, gone := range r.queue.local.Leaving {
		ids[gone.Write] = true
	}
	for _, item := range r.queue.incoming {
		ids[item.entry.Write] = true
	}
	return ids
}
