package replica

import (
	"fmt"
	"slices"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// gathering is how a candidate finds out what others have seen: it asks all members
// that live for their promise, takes over the furthest state that any of them holds,
// and orders again what any has seen beyond that.
type gathering struct {
	epoch    uint64
	tree     version.TreeID // if nobody has one
	asked    []uint32
	waiting  map[uint32]bool // of those asked, once they are
	strange  []uint32        // of those asked: they hold another tree's state, and so are no members
	promises []granted
	own      []*store.Entry // what this node has seen itself
	fetching uint32         // whose state is on its way; 0 for nobody's
}

// granted is a promise and who gave it.
type granted struct {
	node uint32
	wire.Promise
}

func newGathering(in Lead) gathering {
	asked := slices.Compact(slices.Sorted(slices.Values(in.Members)))
	return gathering{epoch: in.Epoch, tree: in.Tree, asked: asked, waiting: make(map[uint32]bool)}
}

// heldTree is the tree whose state this node holds. One that has only heard of a tree
// belongs to none: it takes whatever state there is.
func (r *Replica) heldTree() version.TreeID {
	if r.store.Applied().IsZero() {
		return version.TreeID{}
	}
	return r.store.Meta().Tree
}

// gatherAll asks everybody, once this node has promised the epoch itself.
func (r *Replica) gatherAll() {
	g := &r.elect.gathering
	for _, node := range g.asked {
		g.waiting[node] = true
		r.emit(Gather{Node: node, Epoch: g.epoch, Tree: r.heldTree()})
	}
	r.conclude()
}

// gathered takes the end of a Gather.
func (r *Replica) gathered(in Gathered) {
	g := &r.elect.gathering
	if in.Epoch != g.epoch || !g.waiting[in.Node] {
		return
	}
	delete(g.waiting, in.Node)
	p := in.Promise
	mine := r.heldTree()
	switch {
	case p == nil:
	case !mine.IsZero() && !p.Tree.IsZero() && p.Tree != mine:
		g.strange = append(g.strange, in.Node)
	case !p.Granted && p.Epoch > g.epoch:
		r.stepAside(p.Epoch, fmt.Sprintf("NODE-%d has accepted a later epoch", in.Node))
		return
	case p.Granted && p.Epoch == g.epoch:
		g.promises = append(g.promises, granted{in.Node, *p})
	}
	r.conclude()
}

// conclude goes on once everybody has been heard or given up: with more than half of
// them behind it, this node cannot be followed by one that knows of none of what they
// know, unless they are all gone.
func (r *Replica) conclude() {
	g := &r.elect.gathering
	if len(g.waiting) > 0 || g.fetching != 0 {
		return
	}
	best := granted{Promise: wire.Promise{Version: r.store.Applied(), Tree: r.heldTree()}}
	for _, p := range g.promises {
		if best.Version.Before(p.Version) {
			best = p
		}
	}
	// Who holds another tree's state has promised nothing that is of use here.
	g.promises = slices.DeleteFunc(g.promises, func(p granted) bool { return !p.Tree.IsZero() && p.Tree != best.Tree })
	if answered, living := len(g.promises)+1, len(g.asked)+1-len(g.strange); 2*answered <= living {
		r.stepAside(0, fmt.Sprintf("%d of %d living members answered, which is not more than half", answered, living))
		return
	}
	heard := int64(0)
	for _, p := range g.promises {
		heard = max(heard, p.RootMillis)
	}
	if !r.timeHeard && heard > 0 { // others know better than this node's wall clock
		r.began = heard - r.now.Mono.Milliseconds()
		r.goOnFrom(r.seen.UnixMillis())
	}
	r.goOnFrom(heard - maxAheadMillis)
	g.own = append(g.own, r.store.Seen()...) // before another state makes this node forget it
	if best.Version != r.store.Applied() {
		g.fetching = best.node
		r.emit(Fetch{Node: best.node})
		return
	}
	r.beginElected()
}

// fetchedFurthest takes the furthest state. When it could not be had, its holder counts
// as one that did not answer.
func (r *Replica) fetchedFurthest(in Fetched) {
	e := &r.elect
	g := &e.gathering
	if g.fetching == 0 || g.fetching != in.Node {
		return
	}
	i := slices.IndexFunc(g.promises, func(p granted) bool { return p.node == in.Node })
	h := &in.Header
	if !whole(in.Builder, h) || h.To != g.promises[i].Version || h.Meta.Epoch >= g.epoch {
		g.fetching = 0
		g.own = append(g.own, g.promises[i].Writes...) // it has told what it has seen all the same
		g.promises = slices.Delete(g.promises, i, i+1)
		r.conclude()
		return
	}
	term := e.term
	r.acceptor.busy = true
	r.takeOver(in.Builder, h.To, h.Meta, func(f Failure) {
		r.acceptor.busy = false
		switch {
		case term != e.term:
		case f != None:
			r.stepAside(0, "this node's disk did not take the state")
		default:
			g.fetching = 0
			r.beginElected()
		}
	})
}

// beginElected makes the epoch durable, in one record with the writes that the others
// have seen beyond the state from which it goes on, and opens the root.
func (r *Replica) beginElected() {
	e := &r.elect
	g := &e.gathering
	meta, applied := r.store.Meta(), r.store.Applied()
	if meta.Tree.IsZero() {
		meta.Tree = g.tree
	}
	again := r.orderAgain(g, &meta, applied)
	meta.BeginEpoch(g.epoch, r.cfg.NewRun, applied)
	to := applied
	record := store.AppendMetaRecord(nil, meta)
	if len(again) > 0 {
		to = again[len(again)-1].Version
		meta.Stamp = r.clock.Last()
		var enc store.BlockEncoder
		var block []byte
		for _, entry := range again {
			block = enc.Append(block, entry)
		}
		record = store.AppendDelta(nil, applied, to, meta, block)
	}
	term := e.term
	e.beginning = true
	r.persist(record, true, func(f Failure) {
		e.beginning = false
		if f == None {
			// It is on the disk, so it is this node's state, root or not.
			_, _ = r.store.Apply(applied, to, meta, again)
		}
		switch {
		case term != e.term:
		case f != None:
			r.stepAside(0, "this node's disk did not take the epoch")
		default:
			r.openElected(len(again))
		}
	})
}

// openElected lets the root order, and tells everybody.
func (r *Replica) openElected(again int) {
	r.elect.gathering = gathering{}
	r.adoption = adoption{}
	r.root.open = true
	r.root.repeats = repeats{} // of another epoch, which may be abandoned
	r.hearTime(r.RootMillis())
	r.emit(Serving{Epoch: r.elect.epoch, Again: again})
	r.writeLocal()
	r.order()
	r.requeue()
	r.tryNow() // whatever kept the queue from an ancestor is no matter now
	r.advanceAll()
}

// orderAgain gives versions of the new epoch to the writes that others have seen
// beyond this state, in their old order; stamps and write ids stay. What was ordered in
// another epoch than that of the state may be from another branch: then a condition is
// judged again, and what lies on a branch that was abandoned is like a queued write.
func (r *Replica) orderAgain(g *gathering, meta *store.Meta, applied version.Version) []*store.Entry {
	latest := make(map[string]*store.Entry)
	next := version.Version{Epoch: g.epoch, Seq: applied.Seq}
	var again []*store.Entry
	for _, seen := range g.seenBeyond() {
		if meta.OnHistory(seen.Version) && !applied.Before(seen.Version) {
			continue
		}
		current := latest[seen.Key]
		if current == nil {
			current = r.store.Current(seen.Key)
		}
		if seen.Version.Epoch != meta.Epoch {
			if met, _ := holds(seen.Condition(), current); !met && !(current != nil && seen.Follows(current)) {
				continue
			}
		}
		if meta.Abandoned(seen.Version) {
			seen = seen.Resubmitted()
		}
		if current != nil && (current.Write == seen.Write || current.Beats(seen)) {
			continue
		}
		next.Seq++
		entry := seen.Again(next)
		entry.Origin.Footing = footing(entry.Origin, current)
		latest[entry.Key] = entry
		again = append(again, entry)
		r.observe(entry.Stamp)
	}
	return bounded(again, maxAgainBytes)
}

// seenBeyond is what all have seen, in the order of its versions, each once.
func (g *gathering) seenBeyond() []*store.Entry {
	all := g.own
	for _, p := range g.promises {
		all = append(all, p.Writes...)
	}
	slices.SortStableFunc(all, func(a, b *store.Entry) int { return a.Version.Compare(b.Version) })
	return slices.CompactFunc(all, func(a, b *store.Entry) bool { return a.Version == b.Version && a.Write == b.Write })
}

// asked answers a candidate that gathers: the promise is durable before the answer, and
// the state in the answer stands still but for pushes of that epoch and later ones.
func (r *Replica) asked(in *Asked) {
	if r.busy() {
		r.acceptor.waiting = append(r.acceptor.waiting, in)
		return
	}
	refuse := func() {
		r.emit(Promised{Ref: in.Ref, Promise: wire.Promise{Epoch: r.Fence(), Tree: r.heldTree()}})
	}
	meta, fence := r.store.Meta(), r.Fence()
	again := in.Epoch == fence && in.Epoch > meta.Epoch && (r.elect.leader == in.Sender || r.elect.leader == 0)
	mine := r.heldTree()
	foreign := !in.Tree.IsZero() && !mine.IsZero() && in.Tree != mine
	if !r.cfg.Elected || foreign || in.Epoch < fence || in.Epoch == fence && !again {
		refuse()
		return
	}
	r.demote()
	r.elect.leader, r.elect.epoch = in.Sender, in.Epoch
	r.promise(in.Epoch, func(f Failure) {
		if f != None || in.Epoch != r.Fence() {
			refuse()
			return
		}
		r.emit(Promised{Ref: in.Ref, Promise: wire.Promise{
			Granted: true, Epoch: in.Epoch, Tree: r.heldTree(), Version: r.store.Applied(),
			RootMillis: r.HeardMillis(), Writes: bounded(r.store.Seen(), maxSeenBytes),
		}})
	})
}

// maxSeenBytes bounds the writes in a promise, and maxAgainBytes those that are ordered
// again, which are one record. Where a root that hardly ever pushes has ordered more
// since its last push, the rest is on its disk alone, and comes back with that.
const (
	maxSeenBytes  = 32 << 20
	maxAgainBytes = 512 << 20
)

// bounded is the first of the entries, of about that many bytes at most.
func bounded(entries []*store.Entry, most int) []*store.Entry {
	bytes := 0
	for i, e := range entries {
		if bytes += e.Bytes(); bytes > most {
			return entries[:i]
		}
	}
	return entries
}
