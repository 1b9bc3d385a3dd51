package replica

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// The inputs and effects of a tree that relays (Config.Relay).
type (
	// Rolled is a node below, which reports to this one. It is answered by one
	// AnswerRoll.
	Rolled struct {
		Ref  Ref
		Roll wire.Roll
	}

	// RollTold tells how a TellRoll ended; Reply is nil where nobody above answered.
	RollTold struct{ Reply *wire.RollReply }

	// Above are the nodes above this one, as far as is known: besides the root, they
	// may push to it.
	Above struct{ Nodes []uint32 }

	// AnswerRoll answers a Rolled. Nodes are those that live by it, where it was taken.
	AnswerRoll struct {
		Ref   Ref
		Reply wire.RollReply
		Nodes []wire.Standing
	}

	// TellRoll asks for a roll to be told to the nearest ancestor that takes it, or, with
	// Beyond, to the nearest that is also linked to the root, if there is one.
	// RollTold answers. At most one is under way.
	TellRoll struct {
		Roll   wire.Roll
		Beyond bool
	}

	// Unserved tells that the ancestor to which this node reports does not bring it
	// what it holds: another is to be found, for a while.
	Unserved struct{}
)

func (*Rolled) isInput()     {}
func (RollTold) isInput()    {}
func (Above) isInput()       {}
func (AnswerRoll) isEffect() {}
func (TellRoll) isEffect()   {}
func (Unserved) isEffect()   {}

// branches are the nodes that this one serves, because they report to it, and what
// each has said of those below it. A node chooses whom it reports to: the nearest
// ancestor that answers and is of use. So who takes the place of one that dies needs no
// agreement.
type branches struct {
	above    []uint32 // the nodes above this one
	byNode   map[uint32]*branch
	admitted map[uint32]bool // at the root: those that were let in
	equal    bool            // at the applied version the digest was the root's: it may be passed on
	root     uint32          // whose state that is
	passed   edition         // what was last passed on
}

// edition is what those below are told: in which epoch, what the root held, and when.
type edition struct {
	epoch   uint64
	version version.Version
	sent    int64
}

// branch is one node that reports to this one, and what it has said.
type branch struct {
	heard time.Duration   // when it reported last
	nodes []wire.Standing // as last told whole, the node itself first; never changed in place
	set   uint64          // fingerprint of nodes, as told; 0 while they are not known
	sum   uint64          // of the marks of nodes
	floor version.Version // what all but the few have confirmed at least
	fresh int64           // since when, in the root's time, likewise
	few   []wire.Standing // the node itself, and those that lag; nil where nodes tells of all: they are few, or many differ
}

// MaxLaggards bounds how many nodes a short roll tells of one by one. A set that is no
// larger is always told whole.
const MaxLaggards = 8

// rolled takes the report of a node below.
func (r *Replica) rolled(in *Rolled) {
	sender := &in.Roll.Nodes[0]
	reply := wire.RollReply{Linked: r.IsRoot() || r.uprolls.linked, Version: r.store.Applied(), Epoch: r.lag.epoch, Millis: r.HeardMillis()}
	if r.IsRoot() {
		reply.Epoch = r.store.Meta().Epoch
	}
	reply.Verdict = r.judgeRoll(&in.Roll)
	if reply.Verdict == wire.AskAbove || reply.Verdict == wire.JoinFirst {
		r.emit(AnswerRoll{Ref: in.Ref, Reply: reply})
		return
	}
	b := r.branches.byNode[sender.Node]
	if b == nil {
		b = &branch{}
		r.branches.byNode[sender.Node] = b
	}
	b.heard = r.now.Mono
	r.wakeBy(b.heard + r.cfg.Liveness)
	if in.Roll.Whole || b.set == in.Roll.Set {
		r.uprolls.changed = r.uprolls.changed || b.set != in.Roll.Set
		b.take(&in.Roll, r.cfg.Node)
	} else {
		reply.Verdict = wire.SendWhole
	}
	r.emit(AnswerRoll{Ref: in.Ref, Reply: reply, Nodes: b.nodes})
	r.serve(sender)
	r.handed() // the report may tell that who is to be the next root has everything
}

// take keeps what a roll says. Of itself a node knows better.
func (b *branch) take(roll *wire.Roll, self uint32) {
	b.set = roll.Set
	if roll.Whole {
		b.nodes = slices.DeleteFunc(roll.Nodes, func(s wire.Standing) bool { return s.Node == self })
		b.few, b.sum = nil, 0
		for i := range b.nodes {
			b.sum += mark(&b.nodes[i])
		}
		short := wire.Roll{Nodes: b.nodes[:1:1]}
		if len(b.nodes) > MaxLaggards && shorten(&short, slices.Clone(b.nodes[1:]), nil) {
			b.floor, b.fresh, b.few = short.Floor, short.Heard, short.Nodes // no step is to look at each of many nodes
		}
		return
	}
	b.floor, b.fresh = roll.Floor, roll.Heard
	b.few = slices.DeleteFunc(roll.Nodes, func(s wire.Standing) bool { return s.Node == self })
}

// judgeRoll says whether this node serves another.
func (r *Replica) judgeRoll(roll *wire.Roll) wire.RollVerdict {
	sender := &roll.Nodes[0]
	mine := r.store.Meta().Tree
	foreign := !roll.Tree.IsZero() && roll.Tree != mine && !sender.Version.IsZero()
	switch {
	case !r.cfg.Relay || sender.Node == r.cfg.Node || slices.Contains(r.branches.above, sender.Node) && !r.IsRoot():
		return wire.AskAbove
	case r.IsRoot() && (!r.tells() || !r.branches.admitted[sender.Node] || foreign || roll.Epoch > r.Fence()):
		return wire.JoinFirst
	case foreign || r.acceptor.stuck && !r.IsRoot():
		return wire.AskAbove
	}
	return wire.RollTaken
}

// serve has a node that reports be pushed to, from where it says that it is.
func (r *Replica) serve(s *wire.Standing) {
	instance := fmt.Sprint(s.Process)
	p := r.members.byNode[s.Node]
	if p == nil || p.member.Instance != instance {
		p = r.addMember(Member{Node: s.Node, Instance: instance})
		p.confirmed, p.due = s.Version, true
		if !s.Version.IsZero() && p.inFlight == 0 {
			p.state = following
		}
	}
	p.heard = max(p.heard, s.Heard)
	r.lives(p)
}

// dropSilent forgets whoever has not reported for the liveness time-out: it is dead,
// or reports to another.
func (r *Replica) dropSilent() {
	for node, b := range r.branches.byNode {
		if r.now.Mono < b.heard+r.cfg.Liveness {
			r.wakeBy(b.heard + r.cfg.Liveness)
			continue
		}
		delete(r.branches.byNode, node)
		r.uprolls.changed = true
		if r.elect.handing.node != node {
			r.dropMember(node)
		}
	}
}

// passOn is called when a push of the root, whoever brought it, found or left this node
// at its version: those below are told at once.
func (r *Replica) passOn(h *wire.Header, equal bool) {
	if !r.cfg.Relay {
		return
	}
	b, now := &r.branches, edition{h.Meta.Epoch, r.store.Applied(), r.lag.sent}
	b.equal, b.root = equal, h.Root
	if now == b.passed { // two nodes that serve each other for a moment would go on for ever
		return
	}
	b.passed = now
	for _, p := range r.members.ordered {
		p.due = true
	}
	r.advanceAll()
}

// mayPassOn reports whether this node may tell those below what it holds: as the root
// told it in this run, and nobody has a later epoch that it knows of.
func (r *Replica) mayPassOn() bool {
	_, heard := r.lag.Since()
	return r.cfg.Relay && heard && r.branches.equal && r.store.Meta().Epoch == r.Fence()
}

// standings yields all that this node knows of those below it: each branch, and what
// the pushes to the node itself have told since.
func (r *Replica) standings(yield func(wire.Standing)) {
	for _, b := range r.branches.sorted() {
		for i, s := range b.nodes {
			if j := slices.IndexFunc(b.few, func(e wire.Standing) bool { return e.Node == s.Node }); j >= 0 {
				s = b.few[j]
			} else if b.few != nil {
				s.Version, s.Heard, s.Differs = version.Max(s.Version, b.floor), max(s.Heard, b.fresh), false
			}
			if i == 0 {
				r.confirmedSince(&s)
			}
			yield(s)
		}
	}
}

// confirmedSince adds to what a node has said what it has answered to pushes.
func (r *Replica) confirmedSince(s *wire.Standing) {
	p := r.members.byNode[s.Node]
	if p == nil || p.state == probing || p.confirmed.Before(s.Version) {
		return
	}
	s.Version, s.Heard = p.confirmed, max(s.Heard, p.heard)
	s.Differs = p.state == lacking && p.mismatches > 0
}

// sorted are the branches by node, so that effects come in a fixed order.
func (b *branches) sorted() []*branch {
	sorted := make([]*branch, 0, len(b.byNode))
	for _, one := range b.byNode {
		if len(one.nodes) > 0 {
			sorted = append(sorted, one)
		}
	}
	slices.SortFunc(sorted, func(x, y *branch) int { return int(x.nodes[0].Node) - int(y.nodes[0].Node) })
	return sorted
}

// allAt reports whether every node of a branch is known to have the state at v.
func (r *Replica) allAt(b *branch, v version.Version) bool {
	told := b.few
	if told == nil {
		told = b.nodes
	}
	for i, s := range told {
		if i == 0 {
			r.confirmedSince(&s)
		}
		if s.Version != v || s.Differs {
			return false
		}
	}
	return len(told) > 0 && (len(told) == len(b.nodes) || b.floor == v)
}

// Serves lists those that report to this node.
func (r *Replica) Serves() []uint32 { return slices.Sorted(maps.Keys(r.branches.byNode)) }

// Linked reports whether this node's last report was taken by the root, or by an ancestor that is linked
// to it.
func (r *Replica) Linked() bool { return r.uprolls.linked && !r.IsRoot() }
