package replica

import (
	"time"

	"xylem/store"
	"xylem/sync/wire"
)

// elections is what a node of a tree whose root is elected knows of who leads.
//
//	member --Lead--------------------------> candidate --promises of most, state, epoch durable--> root
//	candidate, root --StepAside, StandDown, a later epoch--> member
//
// A root whose lease is over is still the root, and goes on when the lease does; but
// it orders, answers and pushes nothing until then.
type elections struct {
	leader uint32 // whose pushes are taken: the root of epoch, or its candidate; 0 for nobody
	epoch  uint64 // the highest that was heard of by a message, not durable
	term   uint64 // grows with every change of this node's own role: what began in another is over
	lease  time.Duration

	gathering gathering
	beginning bool // the record that opens the epoch is on its way to the disk
	handing   handing
	broken    bool // the disk failed in this run: this node cannot lead
}

// Fence is the highest epoch that this node has accepted or promised: nothing older
// is taken from anybody.
func (r *Replica) Fence() uint64 {
	return max(r.store.Meta().Epoch, r.queue.local.Promised, r.elect.epoch)
}

// Leader is k of the node whose pushes are taken, and who may ask for the state: the
// root, or the candidate that has this node's promise; 0 for nobody.
func (r *Replica) Leader() uint32 { return r.elect.leader }

// Fit reports whether this node could lead: its disk works.
func (r *Replica) Fit() bool { return !r.elect.broken }

// leased reports whether this node may act as the root it is.
func (r *Replica) leased() bool { return !r.cfg.Elected || r.now.Mono < r.elect.lease }

// extendLease takes in until when this node may lead.
func (r *Replica) extendLease(until time.Duration) {
	lapsed := !r.leased()
	r.elect.lease = max(r.elect.lease, until)
	if lapsed && r.IsRoot() {
		r.order()
		r.drain()
		r.advanceAll()
	}
}

// lead begins a candidacy: this node makes the epoch its own fence, then gathers. A
// push that is on its way to the disk comes first, for the state must stand still.
func (r *Replica) lead(in Lead) {
	if r.busy() {
		r.acceptor.waiting = append(r.acceptor.waiting, in)
		return
	}
	if in.Epoch <= r.Fence() || r.elect.broken {
		why := "a later epoch was heard of"
		if r.elect.broken {
			why = "this node's disk has failed"
		}
		r.emit(StepAside{Epoch: in.Epoch, Beyond: r.Fence(), Why: why})
		return
	}
	r.demote()
	r.goOnAsRoot()
	e := &r.elect
	e.term++
	e.leader, e.epoch = r.cfg.Node, in.Epoch
	e.gathering = newGathering(in)
	r.adoption = adoption{waiting: true}
	r.forgetMembers()
	r.waitAsCandidate()
	term := e.term
	r.promise(in.Epoch, func(f Failure) {
		switch {
		case term != e.term:
		case f != None:
			r.stepAside(0, "this node's disk did not take the epoch")
		default:
			r.gatherAll()
		}
	})
}

// waitAsCandidate goes on with what had gathered for an ancestor. A candidacy may last:
// what may be queued is. The rest waits for this node to be the root.
func (r *Replica) waitAsCandidate() {
	gathered := r.uplink.gathered
	r.uplink.gathered = nil
	for _, group := range gathered {
		if r.mayQueue(group) {
			r.giveBack([]*Submit{group}, wire.Unreachable)
			continue
		}
		r.root.gathered = append(r.root.gathered, group)
	}
}

// promise makes an epoch this node's fence: at once in memory, and on the disk by the
// time that then is called.
func (r *Replica) promise(epoch uint64, then func(Failure)) {
	r.queue.local.Promised = max(r.queue.local.Promised, epoch)
	r.persist(store.AppendPromise(nil, epoch), true, then)
}

// stepAside gives up being candidate or root.
func (r *Replica) stepAside(beyond uint64, why string) {
	r.emit(StepAside{Epoch: r.elect.epoch, Beyond: beyond, Why: why})
	r.demote()
}

// follow takes in whose the latest epoch is.
func (r *Replica) follow(leader uint32, epoch uint64) {
	e := &r.elect
	if epoch < r.Fence() || leader == r.cfg.Node || epoch == e.epoch && leader == e.leader {
		return
	}
	r.demote()
	e.leader, e.epoch = leader, epoch
}

// demote makes a candidate or root a member that knows of no root yet. What it was
// ordering may or may not take effect: its clients' writes are queued under their ids.
func (r *Replica) demote() {
	if !r.cfg.Elected || !r.IsRoot() {
		return
	}
	e := &r.elect
	e.term++
	e.leader, e.lease = 0, 0
	e.gathering = gathering{}
	r.adoption = adoption{}
	r.root.open = false
	r.forgetMembers()
	u := &r.uplink
	u.down, u.doubt, u.failures, u.notBefore = false, false, 0, 0
	gathered := r.root.gathered
	r.root.gathered = nil
	if e.handing.node != 0 { // another takes over now: they wait for it, but not for long
		e.handing = handing{}
		u.heldUntil = r.now.Mono + r.cfg.Timeout
		r.wakeBy(u.heldUntil)
		u.gathered = append(u.gathered, gathered...)
		return
	}
	r.giveBack(gathered, wire.Unreachable)
}

// giveBack ends groups that wait to be ordered, or of which it is not known whether
// that counts.
func (r *Replica) giveBack(groups []*Submit, outcome wire.Outcome) {
	for _, group := range groups {
		if outcome == wire.Unreachable { // it has only been gathered
			r.waiting -= group.size()
		}
		r.failed(group, outcome)
	}
}

// handing is a root's way to have another take over.
type handing struct {
	node  uint32        // to whom; 0 for nobody
	until time.Duration // when it is given up, unless the member is there by then
	done  bool          // the member is there
}

// handOver begins to hand the root over: nothing more is ordered, and the member is
// brought to this state.
func (r *Replica) handOver(in HandOver) {
	p := r.members.byNode[in.Node]
	if p == nil && r.branches.admitted[in.Node] { // it reports to another: this root brings it there itself
		p = r.addMember(Member{Node: in.Node})
	}
	h := &r.elect.handing
	if !r.root.open || !r.leased() || p == nil || h.node != 0 {
		r.emit(HandedOver{Node: in.Node, Epoch: r.elect.epoch, Failed: true})
		return
	}
	*h = handing{node: in.Node, until: r.now.Mono + r.cfg.Timeout}
	r.root.open = false
	r.wakeBy(h.until)
	p.due, p.notBefore = true, 0
	r.advance(p)
	r.handed()
}

// handed tells that the member of a hand-over has all, once it has, and takes the
// hand-over back when that takes too long.
func (r *Replica) handed() {
	h := &r.elect.handing
	switch {
	case h.node == 0:
		return
	case h.done: // what the coordinator keeps waiting is given back
		r.order()
		return
	}
	p := r.members.byNode[h.node]
	switch {
	case p != nil && !r.root.ordering && p.state == following && p.inFlight == 0 && p.confirmed == r.store.Applied():
		h.done, h.until = true, r.now.Mono+r.cfg.Timeout
		r.wakeBy(h.until)
		r.emit(HandedOver{Node: h.node, Epoch: r.elect.epoch})
	case r.now.Mono >= h.until || p == nil:
		r.emit(HandedOver{Node: h.node, Epoch: r.elect.epoch, Failed: true})
		*h = handing{}
		r.root.open = true
		r.order()
	default:
		r.wakeBy(h.until)
	}
}

// stuck reports whether a hand-over takes so long that nobody is to wait for it.
func (h *handing) stuck(now time.Duration) bool { return h.done && now >= h.until }

// mayPush reports whether this node may tell others what it holds: a root only while
// nobody else can be the root, for else it would call what is old up to date.
func (r *Replica) mayPush() bool {
	if !r.IsRoot() {
		return r.mayPassOn()
	}
	return r.tells() && r.leased()
}

// tells reports whether this root has a state to tell: it orders, hands over, or has halted
// and keeps what it has.
func (r *Replica) tells() bool {
	return r.root.open || r.elect.handing.node != 0 || r.root.halted
}
