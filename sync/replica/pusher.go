package replica

import (
	"slices"
	"time"
)

// pusher is the part of the root that brings every member to its state, and where the
// tree relays, of each node for those that report to it.
type pusher struct {
	byNode  map[uint32]*progress
	ordered []*progress // the same, by node, so that effects come in a fixed order
	numbers uint64      // of the last push
	shared  shared      // what snapshots that begin now are cut from
	wakeAt  time.Duration
	wakeSet bool
}

// setMembers takes the list of whom to push to. Who is new or was restarted is
// probed.
func (r *Replica) setMembers(in Members) {
	listed := make(map[uint32]bool, len(in.Members))
	for _, member := range in.Members {
		listed[member.Node] = true
		if !r.cfg.Relay { // else those that report
			r.addMember(member)
		}
	}
	r.branches.admitted = listed
	for _, p := range slices.Clone(r.members.ordered) {
		if !listed[p.member.Node] {
			r.dropMember(p.member.Node)
		}
	}
	r.advanceAll()
}

// addMember has a node be pushed to, which is probed if it is new or was restarted.
func (r *Replica) addMember(member Member) *progress {
	m := &r.members
	p := m.byNode[member.Node]
	switch {
	case p == nil:
		p = &progress{member: member}
		m.byNode[member.Node] = p
		at, _ := slices.BinarySearchFunc(m.ordered, p, func(a, b *progress) int { return int(a.member.Node) - int(b.member.Node) })
		m.ordered = slices.Insert(m.ordered, at, p)
	case p.member.Instance != member.Instance:
		p.member = member
		p.failures, p.notBefore = 0, 0
		p.collected = Collected{}
		p.probe()
	}
	return p
}

func (r *Replica) dropMember(node uint32) {
	m := &r.members
	delete(m.byNode, node)
	m.ordered = slices.DeleteFunc(m.ordered, func(p *progress) bool { return p.member.Node == node })
}

// forgetMembers ends what was for the members of another root.
func (r *Replica) forgetMembers() {
	r.members.byNode, r.members.ordered = make(map[uint32]*progress), nil
	r.branches.admitted, r.branches.byNode = nil, make(map[uint32]*branch)
}

// confirmed takes the end of a push. What is not about the push under way is
// stale and says nothing.
func (r *Replica) confirmed(in Confirmed) {
	if p := r.members.byNode[in.Node]; p != nil && p.inFlight == in.Number {
		r.answered(p, in)
	}
	r.members.shared.release(r.members.ordered)
}

// tick makes a push due for everybody: a delta where something is new, else a
// heartbeat. Who passes pushes on does so as they come.
func (r *Replica) tick() {
	if !r.IsRoot() {
		return
	}
	for _, p := range r.members.ordered {
		p.due = true
	}
	r.advanceAll()
	r.keepRootTime()
}

// probeAll forgets what is known of the members: a new epoch begins.
func (r *Replica) probeAll() {
	for _, p := range r.members.ordered {
		p.probe()
	}
	r.advanceAll()
}

// probe forgets what is known of the member, and what the push under way will
// tell.
func (p *progress) probe() {
	p.state, p.stale = probing, p.inFlight != 0
}

func (r *Replica) advanceAll() {
	for _, p := range r.members.ordered {
		r.advance(p)
	}
}
