package zookeeper

import (
	"errors"

	"xylem/coordinator"
)

// ErrDeposed says that this node is not the candidate or root of that epoch (any
// more).
var ErrDeposed = errors.New("not the candidate or root of that epoch")

// Event is what a node has to know of the election: Elected, Following, Leaderless
// or Refused. An event that follows another replaces it: a Following that comes
// after an Elected also says that this node is no candidate or root any more.
type Event interface{ event() }

// Elected says that this node is the candidate of an epoch that nobody else ever
// takes. It gathers, and then serves or steps aside.
type Elected struct {
	// Epoch is above every epoch taken before, every promise that a living member
	// had made, and what earlier candidacies were told is beyond them.
	Epoch uint64
	// Living are all other nodes whose ephemeral node was there just before Epoch was
	// taken, by k. Who joins later is not asked: it hears of the root like anybody.
	Living []coordinator.Member
	// Placement is the last root's; nil when there was none.
	Placement coordinator.Placement
	// Tree is the id that the tree has if nobody holds a state yet: the same for every
	// candidate, so that what one of them ordered alone is not of another tree than the rest.
	Tree string
}

// Following says that another node serves as the root of an epoch.
type Following struct {
	Root  coordinator.Member
	Epoch uint64
}

// Leaderless says that nobody is known to serve. It is the state before the first
// event. If this node was candidate or root, it is that no more.
type Leaderless struct{}

// Refused says why this node cannot be a member; Run then returns Err.
type Refused struct{ Err error }

func (Elected) event()    {}
func (Following) event()  {}
func (Leaderless) event() {}
func (Refused) event()    {}
