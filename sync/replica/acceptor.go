package replica

import (
	"slices"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// acceptor is the part of a member that takes pushes, one at a time.
type acceptor struct {
	busy    bool
	taken   time.Duration // when a piece was last of use
	waiting []Input       // pieces, and what else needs the state to stand still, while one is on its way to the disk
	stuck   bool          // the last push could not be written: those below get it from another
}

// piece answers a piece of a push. Nothing that is refused changes anything.
func (r *Replica) piece(in *Piece) {
	if r.busy() {
		r.acceptor.waiting = append(r.acceptor.waiting, in)
		return
	}
	h := &in.Header
	outcome := r.judge(h, in.Sender)
	if r.cfg.Elected && outcome != NotRoot && outcome != OtherTree && outcome != OldEpoch {
		r.follow(h.Root, h.Meta.Epoch)
	}
	if outcome == Applied || outcome == Current {
		r.acceptor.taken = r.now.Mono
	}
	switch {
	case outcome == Applied && in.Partial:
		r.acknowledge(in, Continue)
	case outcome == Applied && h.Kind == wire.Snapshot:
		r.install(in)
	case outcome == Applied:
		r.apply(in)
	case outcome == Current && !in.Partial:
		r.upToDate(in)
	default:
		r.acknowledge(in, outcome)
	}
}

// judge says what is to become of a push: Applied when it is to be applied.
func (r *Replica) judge(h *wire.Header, sender uint32) AckOutcome {
	meta := r.store.Meta()
	applied, digest := r.store.Digest()
	empty := applied.IsZero()
	onHistory := !r.cfg.Elected && forgotten(applied, h) || h.Meta.Continues(&meta, applied)
	switch {
	case !r.mayBring(sender, h.Root):
		return NotRoot
	case meta.Tree != h.Meta.Tree && !empty:
		return OtherTree
	case h.Meta.Epoch < r.Fence() && (r.cfg.Elected || meta.Tree == h.Meta.Tree):
		return OldEpoch
	case r.cfg.Elected && h.Meta.Epoch == r.elect.epoch && h.Root != r.elect.leader && r.elect.leader != 0:
		return NotRoot // an epoch is one node's
	case !onHistory && r.cfg.Elected && h.Kind == wire.Snapshot:
		return Applied // what lies beyond the cut is kept: takeOver
	case !onHistory:
		return Foreign
	case applied == h.To && (h.Kind != wire.Snapshot || digest == h.Digest):
		return Current
	case applied.Seq > h.To.Seq:
		return Late
	case h.Kind == wire.Heartbeat, h.Kind == wire.Delta && applied.Seq < h.From.Seq:
		return Gap
	default:
		return Applied
	}
}

// mayBring reports whether a node may bring what a root pushes: the root itself, or
// where the tree relays a node above this one.
func (r *Replica) mayBring(sender, root uint32) bool {
	if root == r.cfg.Node || !r.cfg.Elected && root != r.elect.leader { // its own, come back from below
		return false
	}
	return sender == root || r.cfg.Relay && slices.Contains(r.branches.above, sender)
}

// forgotten reports whether v is from before all cuts that a full history still
// names: only a snapshot helps then.
func forgotten(v version.Version, h *wire.Header) bool {
	history := h.Meta.History
	return h.Kind == wire.Snapshot && len(history) == version.MaxCuts && v.Epoch < history[0].Epoch
}

func (r *Replica) acknowledge(in *Piece, outcome AckOutcome) {
	applied, digest := r.store.Digest()
	ack := Ack{Outcome: outcome, Tree: r.store.Meta().Tree, Version: applied}
	if outcome == Applied || outcome == Current {
		ack.Mismatch = applied == in.Header.To && digest != in.Header.Digest
	}
	r.emit(Acknowledge{Ref: in.Ref, Ack: ack})
	if outcome == Applied || outcome == Current {
		r.passOn(&in.Header, applied == in.Header.To && !ack.Mismatch)
	}
	r.keepRootTime()
	r.writeLocal()
}

// then is what follows when a push that changes what the store holds was persisted: do
// changes it, and the push is answered with done.
func (r *Replica) then(in *Piece, done AckOutcome, do func()) func(Failure) {
	r.acceptor.busy = true
	return func(f Failure) {
		outcome := Failed
		r.acceptor.stuck = f != None
		if f == None {
			outcome = done
			do()
			r.heard(&in.Header)
			r.observe(in.Header.Meta.Stamp)
			r.requeue()
		}
		r.acknowledge(in, outcome)
		r.acceptor.busy = false
	}
}

// busy reports whether something is on its way to the disk that moves the state: who
// is judged by the state waits until it has.
func (r *Replica) busy() bool {
	return r.acceptor.busy || r.cfg.Elected && (r.root.ordering || r.elect.beginning || r.elect.gathering.fetching != 0)
}

// goOn takes what has waited for the state to stand still.
func (r *Replica) goOn() {
	for !r.busy() && len(r.acceptor.waiting) > 0 {
		in := r.acceptor.waiting[0]
		r.acceptor.waiting = r.acceptor.waiting[1:]
		switch in := in.(type) {
		case *Piece:
			r.piece(in)
		case *Asked:
			r.asked(in)
		case Lead:
			r.lead(in)
		}
	}
}

// apply takes a delta. A member does not wait for its disk: what it loses in a
// power cut the root still has.
func (r *Replica) apply(in *Piece) {
	h := &in.Header
	from := r.store.Applied()
	record := store.AppendDelta(nil, from, h.To, h.Meta, in.Blocks...)
	r.persist(record, false, r.then(in, Applied, func() {
		// judge saw that the delta begins at or before what is applied.
		_, _ = r.store.Apply(from, h.To, h.Meta, in.Entries)
	}))
}

// install takes a snapshot in place of everything, after checking that it is
// whole.
func (r *Replica) install(in *Piece) {
	h := &in.Header
	if !whole(in.Builder, h) {
		r.acknowledge(in, Damaged)
		return
	}
	r.takeOver(in.Builder, h.To, h.Meta, r.then(in, Applied, func() {}))
}

// upToDate takes a heartbeat, or a push that ends where this node is. A new epoch
// or floor is written down first.
func (r *Replica) upToDate(in *Piece) {
	h := &in.Header
	meta := r.store.Meta()
	if meta.Epoch == h.Meta.Epoch && meta.Run == h.Meta.Run && meta.Floor == h.Meta.Floor && meta.Tree == h.Meta.Tree {
		r.store.Covered()
		r.heard(h)
		r.acceptor.stuck = false // it lacks nothing
		r.acknowledge(in, Current)
		return
	}
	r.persist(store.AppendMetaRecord(nil, h.Meta), true, r.then(in, Current, func() {
		r.store.SetMeta(h.Meta)
		r.store.Covered()
	}))
}
