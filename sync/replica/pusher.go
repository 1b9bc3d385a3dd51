package replica

import (
	"slices"
	"time"
)

// pusher is the part of the root that brings every member to its state, and where the
// tree relays, of each node for those that report to it.
type pusher struct {
	byNode  map[uint32]*progress
	ordered []*progress          // the same, by node, so that effects come in a fixed order
	gone    map[uint32]*progress // those who are none any more, while a push to them is under way
	numbers uint64               // of the last push
	shared  shared               // what snapshots that begin now are cut from
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
		if was := m.gone[member.Node]; was != nil { // the next push waits for the end of that one, which says nothing
			p.inFlight, p.stale, p.report.LastPush = was.inFlight, true, was.report.LastPush
			delete(m.gone, member.Node)
		}
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

// dropMember has a node be pushed to no more. A push that is under way goes on.
func (r *Replica) dropMember(node uint32) {
	m := &r.members
	if p := m.byNode[node]; p != nil && p.inFlight != 0 {
		m.gone[node] = p
	}
	delete(m.byNode, node)
	m.ordered = slices.DeleteFunc(m.ordered, func(p *progress) bool { return p.member.Node == node })
}

// forgetMembers ends what was for the members of another root.
func (r *Replica) forgetMembers() {
	for _, p := range slices.Clone(r.members.ordered) {
		r.dropMember(p.member.Node)
	}
	r.branches.admitted, r.branches.byNode = nil, make(map[uint32]*branch)
}

// confirmed takes the end of a push. What is not about the push under way is
// stale and says nothing.
func (r *Replica) confirmed(in Confirmed) {
	m := &r.members
	if p := m.byNode[in.Node]; p != nil && p.inFlight == in.Number {
		r.answered(p, in)
	}
	if p := m.gone[in.Node]; p != nil && p.inFlight == in.Number {
		delete(m.gone, in.Node)
	}
	m.release()
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
