package replica

import (
	"slices"
	"time"
)

// pusher is the part of the root that brings every member to its state.
type pusher struct {
	byNode  map[uint32]*progress
	ordered []*progress // the same, by node, so that effects come in a fixed order
	numbers uint64      // of the last push
	wakeAt  time.Duration
	wakeSet bool
}

// setMembers takes the list of whom to push to. Who is new or was restarted is
// probed.
func (r *Replica) setMembers(in Members) {
	m := &r.members
	listed := make(map[uint32]bool, len(in.Members))
	for _, member := range in.Members {
		listed[member.Node] = true
		p := m.byNode[member.Node]
		switch {
		case p == nil:
			p = &progress{member: member}
			m.byNode[member.Node] = p
			m.ordered = append(m.ordered, p)
		case p.member.Instance != member.Instance:
			p.member = member
			p.failures, p.notBefore = 0, 0
			p.probe()
		}
	}
	m.ordered = slices.DeleteFunc(m.ordered, func(p *progress) bool {
		if !listed[p.member.Node] {
			delete(m.byNode, p.member.Node)
			return true
		}
		return false
	})
	slices.SortFunc(m.ordered, func(a, b *progress) int { return int(a.member.Node) - int(b.member.Node) })
	r.advanceAll()
}

// forgetMembers ends what was for the members of another root.
func (r *Replica) forgetMembers() {
	r.members.byNode, r.members.ordered = make(map[uint32]*progress), nil
}

// confirmed takes the end of a push. What is not about the push under way is
// stale and says nothing.
func (r *Replica) confirmed(in Confirmed) {
	p := r.members.byNode[in.Node]
	if p == nil || p.inFlight != in.Number {
		return
	}
	r.answered(p, in)
}

// tick makes a push due for everybody: a delta where something is new, else a
// heartbeat.
func (r *Replica) tick() {
	for _, p := range r.members.ordered {
		p.due = true
	}
	r.advanceAll()
	if r.IsRoot() {
		r.keepRootTime()
	}
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
