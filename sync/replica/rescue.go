package replica

import (
	"slices"

	"xylem/store"
	"xylem/sync/version"
)

// takeOver replaces the whole state by another. What this node holds that is not on
// the other's history goes into its queue, with the stamps and write ids that it has,
// by the same checkpoint: there is no moment in which the disk has neither.
func (r *Replica) takeOver(b *store.Builder, to version.Version, meta store.Meta, then func(Failure)) {
	state := b.Cut(to, meta)
	var saved []*store.Entry
	r.checkpoint(state, func(local *store.Local) {
		saved = r.beyondHistory(&meta, to)
		local.TakeBack(saved)
	}, func(f Failure) {
		if f == None {
			q := &r.queue
			q.local.TakeBack(saved)
			q.counts.Rescued += uint64(len(saved))
			r.store.Install(b, to, meta)
			for _, e := range saved {
				q.bytes += int64(e.Bytes())
				q.ids[e.Write] = true
				r.store.Pend(e)
			}
		}
		then(f)
	})
}

// beyondHistory lists what this node's state holds beyond the last version that it
// has in common with a state at to, as writes to be ordered again, in the order in
// which they were ordered. What is in the queue anyway is not among them.
func (r *Replica) beyondHistory(other *store.Meta, to version.Version) []*store.Entry {
	meta, applied := r.store.Meta(), r.store.Applied()
	if applied.IsZero() || meta.Tree != other.Tree {
		return nil
	}
	if other.OnHistory(applied) && other.Agrees(&meta, applied) && !to.Before(applied) {
		return nil
	}
	common, known := meta.Common(applied, other, to)
	if !known { // from before all cuts that are remembered
		return nil
	}
	leaving := make(map[version.WriteID]bool)
	for _, gone := range r.queue.local.Leaving {
		leaving[gone.Write] = true // those come back by themselves: requeue
	}
	var beyond []*store.Entry
	for e := range r.store.Cut(common).Entries() {
		if e.Version.Seq > common.Seq && !r.queue.ids[e.Write] && !leaving[e.Write] {
			beyond = append(beyond, e.Resubmitted())
		}
	}
	slices.SortFunc(beyond, func(a, b *store.Entry) int { return a.Version.Compare(b.Version) })
	return beyond
}
