package replica

import (
	"fmt"
	"time"

	"xylem/sync/version"
)

// adoption is how a root that starts without data, or with an older copy of them,
// takes over the tree and state that its members have, so that it never wipes
// anybody: it waits for a grace period, in which living members announce
// themselves, and fetches the furthest state among them. So does one whose clock was set
// back, to be told the time. Once it has ordered a
// write of its own it adopts nothing any more.
type adoption struct {
	waiting  bool // for the grace period to end, or for a fetch
	fetching bool // until what was fetched is durable
	until    time.Duration
	adopted  bool // in this run
	best     Announced
	epoch    uint64 // the highest heard of
}

// start begins a run: the root's next epoch, unless members may know more.
func (r *Replica) start() {
	if !r.IsRoot() { // also every node of a tree whose root is elected
		return
	}
	meta := r.store.Meta()
	if r.store.Applied().IsZero() {
		if meta.Tree.IsZero() {
			meta.Tree = r.cfg.NewTree
			r.store.SetMeta(meta)
		}
		r.awaitMembers()
		return
	}
	if r.wasElected() || r.setBack() {
		r.awaitMembers()
		return
	}
	r.beginEpoch(meta.Epoch + 1)
}

// wasElected reports whether this node comes from a tree whose root was elected: then
// another may have been the root after it, and it finds out first what its members have.
func (r *Replica) wasElected() bool { return r.queue.local.Promised > 0 }

// awaitMembers closes the root for writes for the grace period.
func (r *Replica) awaitMembers() {
	a := &r.adoption
	r.root.open = false
	a.waiting = true
	a.until = r.now.Mono + r.cfg.Grace
	r.wakeBy(a.until)
}

// announced judges a member that asks to be let in.
func (r *Replica) announced(in *Announced) {
	judge := r.judgeMember
	if r.cfg.Elected {
		judge = r.judgeMemberElected
	}
	verdict := judge(in)
	if p := r.members.byNode[in.Node]; p != nil && verdict == Welcome {
		defer r.lives(p) // after the answer
	}
	r.emit(Admit{Ref: in.Ref, Verdict: verdict, Time: RootTime{Epoch: r.store.Meta().Epoch, Millis: r.RootMillis()}})
}

// judgeMember is announced at a configured root.
func (r *Replica) judgeMember(in *Announced) Verdict {
	a := &r.adoption
	ahead := int64(maxAheadMillis)
	if a.waiting { // it orders nothing yet
		ahead = 0
	}
	r.goOnFrom(in.RootMillis - ahead) // where this root's wall clock lags behind the time of the last
	if a.waiting && in.Tree == r.store.Meta().Tree {
		a.epoch = max(a.epoch, in.Epoch)
	}
	switch {
	case in.Tree.IsZero() || in.Version.IsZero(): // it has nothing to adopt
	case r.adoptable(in):
		a.epoch = max(a.epoch, in.Epoch)
		if a.best.Version.IsZero() || a.best.Version.Before(in.Version) {
			a.best = *in
		}
		if !a.waiting {
			r.awaitMembers()
		}
		return NotYet
	case a.waiting:
		return NotYet
	case in.Tree != r.store.Meta().Tree:
		return Stranger
	case r.beyond(in):
		return Beyond
	}
	return Welcome
}

// judgeMemberElected is announced at an elected root. A member that is beyond the cut is
// welcome: it keeps what lies beyond, in its queue.
func (r *Replica) judgeMemberElected(in *Announced) Verdict {
	switch foreign := !in.Tree.IsZero() && !in.Version.IsZero() && in.Tree != r.store.Meta().Tree; {
	case !r.root.open && r.elect.handing.node == 0:
		return NotYet
	case in.Epoch > r.Fence():
		r.stepAside(in.Epoch, fmt.Sprintf("NODE-%d has accepted a later epoch", in.Node))
		return NotYet
	case foreign && r.store.Applied().IsZero() && !r.root.ordering:
		r.stepAside(0, fmt.Sprintf("NODE-%d belongs to another tree and holds its state, and this node holds nothing", in.Node))
		return NotYet
	case foreign:
		return Stranger
	}
	return Welcome
}

// adoptable reports whether the root has nothing of its own that speaks against
// taking over what the member has.
func (r *Replica) adoptable(in *Announced) bool {
	if r.root.ordered || r.root.ordering || r.root.halted {
		return false
	}
	return r.store.Applied().IsZero() || in.Tree == r.store.Meta().Tree && r.goesFurther(in.Version)
}

// goesFurther reports whether a member's version is beyond this root's state: by more
// writes, or, where roots were elected, by a later epoch.
func (r *Replica) goesFurther(v version.Version) bool {
	applied := r.store.Applied()
	if r.wasElected() {
		return applied.Before(v)
	}
	return v.Seq > applied.Seq
}

// beyond reports whether a member of this tree holds what this root never gave, or
// has heard of a later epoch: the root's disk is an older copy.
func (r *Replica) beyond(in *Announced) bool {
	meta := r.store.Meta()
	return in.Version.Seq > r.store.Applied().Seq || in.Epoch > meta.Epoch ||
		!meta.OnHistory(in.Version) || meta.RunOf(in.Version.Epoch) != in.Run
}

// adoptWhenDue ends the grace period: it fetches the furthest state, or, where
// nobody has any, opens the root.
func (r *Replica) adoptWhenDue() {
	a := &r.adoption
	switch {
	case !a.waiting || a.fetching || r.cfg.Elected: // of whom conclude decides
	case r.now.Mono < a.until:
		r.wakeBy(a.until)
	case a.best.Version.IsZero():
		a.waiting = false
		r.beginEpoch(max(r.Fence(), a.epoch) + 1)
	default:
		a.fetching = true
		r.emit(Fetch{Node: a.best.Node})
	}
}

// fetched installs the state of a member and begins the next epoch on it. If it
// could not be had, or there is better, the root waits for its members to
// announce themselves anew. Until the state is durable the fetch is not over.
func (r *Replica) fetched(in Fetched) {
	a := &r.adoption
	if r.cfg.Elected {
		r.fetchedFurthest(in)
		return
	}
	if !r.worthAdopting(&in) {
		a.fetching, a.best = false, Announced{}
		r.awaitMembers()
		return
	}
	meta := in.Header.Meta
	// Every epoch that members were told of is over: no crash before the next one
	// begins may repeat it.
	if heard := max(a.epoch, r.Fence()); heard > meta.Epoch {
		meta.BeginEpoch(heard, 0, in.Header.To)
	}
	r.takeOver(in.Builder, in.Header.To, meta, func(f Failure) {
		switch f {
		case Full: // nothing was written: fetch it again
			a.fetching, a.best = false, Announced{}
			r.awaitMembers()
			return
		case Broken:
			r.halt()
			return
		}
		r.observe(meta.Stamp)
		r.hearTime(max(r.RootMillis(), meta.Stamp.UnixMillis()))
		*a = adoption{adopted: true, epoch: meta.Epoch}
		r.beginEpoch(meta.Epoch + 1)
	})
}

// worthAdopting reports whether a fetched state is whole, as far as the best that
// was announced, also while it was under way, and not behind what the root holds.
func (r *Replica) worthAdopting(in *Fetched) bool {
	h := &in.Header
	if !whole(in.Builder, h) || h.To.IsZero() || h.To.Before(r.adoption.best.Version) {
		return false
	}
	meta, applied := r.store.Meta(), r.store.Applied()
	if applied.IsZero() {
		return true
	}
	// Of the same tree only what goes on from here; where roots were elected what this
	// one holds beyond a cut is kept.
	return h.Meta.Tree == meta.Tree && r.goesFurther(h.To) && (r.wasElected() || h.Meta.Continues(&meta, applied))
}

// Adopting reports whether the root is closed until it knows what its members
// have.
func (r *Replica) Adopting() bool { return r.adoption.waiting }
