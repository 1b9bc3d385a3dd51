package coordinator

import (
	"fmt"
	"time"
)

// State is what the root knows of a member's life.
type State string

// The states of a member.
const (
	Alive  State = "alive"  // a sign of life within the liveness timeout
	Down   State = "down"   // it has a position, but is silent, left, or not back since the root started
	Absent State = "absent" // it never joined and has no position
)

// MemberState is one line of the book.
type MemberState struct {
	Member             // address and instance are empty until it joins this root
	Position int       // from 1; 0 when absent
	Parent   int       // k of who holds the position above, down or not; 0 for none
	Children []int     // k of those who hold the positions below, left before right
	State    State     // as of the time asked for
	Since    time.Time // when that state began, at the earliest when the root started; zero when absent
	LastSign time.Time // zero: none since the root started
	StandIn  int       // of a node that is down: k of its nearest living ancestor, whom its children take as parent; else 0
}

// Members lists all N nodes as of now: those with a position in heap order, then
// those that never joined, by k.
func (d *Directory) Members(now time.Time) []MemberState {
	d.mu.Lock()
	defer d.mu.Unlock()
	states := make([]MemberState, 0, len(d.placement))
	for _, k := range d.placement {
		if k != 0 {
			states = append(states, d.stateOf(d.records[k], now))
		}
	}
	for k := 1; k <= len(d.placement); k++ {
		if d.records[k] == nil {
			states = append(states, MemberState{Member: Member{ID: k}, State: Absent})
		}
	}
	return states
}

// stateOf is the line of a node that has a position. d.mu is held.
func (d *Directory) stateOf(r *record, now time.Time) MemberState {
	s := MemberState{
		Member: r.member, Position: r.position, Parent: d.placement.Holder(ParentPosition(r.position)), LastSign: r.lastSign,
	}
	for _, p := range d.placement.ChildPositions(r.position) {
		if k := d.placement.Holder(p); k != 0 {
			s.Children = append(s.Children, k)
		}
	}
	s.State, s.Since = r.state(now, d.timeout)
	switch {
	case d.isRoot(r):
		s.State, s.Since, s.LastSign = Alive, r.since, now
	case s.State == Down:
		s.StandIn = d.nearestLiving(r.position, now).member.ID
	}
	return s
}

// isRoot reports whether a record is that of who keeps the book, and so lives.
func (d *Directory) isRoot(r *record) bool { return r.member.ID == d.root.ID }

// nearestLiving is the nearest ancestor of a position below the root's that lives
// as of now. d.mu is held.
func (d *Directory) nearestLiving(position int, now time.Time) *record {
	for _, p := range AncestorPositions(position) {
		if r := d.records[d.placement.Holder(p)]; r != nil && !d.isRoot(r) {
			if state, _ := r.state(now, d.timeout); state == Alive {
				return r
			}
		}
	}
	return d.records[d.root.ID]
}

// View is what NODE-k needs to know of the tree as of now. The error wraps
// ErrUnknownMember when it has not joined since the root started.
func (d *Directory) View(k int, now time.Time) (View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[k]
	if r == nil || !r.joined() {
		return View{}, fmt.Errorf("%s: %w", Name(k), ErrUnknownMember)
	}
	return d.view(r, now), nil
}

// view makes the View of a member as of now. d.mu is held.
func (d *Directory) view(r *record, now time.Time) View {
	v := View{
		Revision: d.revision, Epoch: d.epoch, Root: d.root, Self: r.member, Position: r.position,
		Ancestors: d.joinedAt(AncestorPositions(r.position)),
		Children:  d.joinedAt(d.placement.ChildPositions(r.position)),
	}
	if !d.isRoot(r) {
		parent := d.nearestLiving(r.position, now).member
		v.Parent = &parent
	}
	return v
}

// joinedAt are the members at those positions whose address is known. d.mu is held.
func (d *Directory) joinedAt(positions []int) []Member {
	members := make([]Member, 0, len(positions))
	for _, p := range positions {
		if r := d.records[d.placement.Holder(p)]; r != nil && r.joined() {
			members = append(members, r.member)
		}
	}
	return members
}
