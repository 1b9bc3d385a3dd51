package replica

import (
	"time"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// The inputs and effects of a tree whose root is elected (Config.Elected).
type (
	// Lead tells that the coordinator has made this node the candidate of an epoch
	// that nobody else ever gets. Members are the others that live. Tree is the name of
	// the tree if nobody has any state yet: the same to all candidates, for a root that is lost
	// before it has told its name to anybody is to come back to the same tree. It ends
	// with Serving or StepAside.
	Lead struct {
		Epoch   uint64
		Tree    version.TreeID
		Members []uint32
	}

	// Gathered tells how a Gather ended; Promise is nil when no answer came.
	Gathered struct {
		Node    uint32
		Epoch   uint64
		Promise *wire.Promise
	}

	// Asked is a candidate that gathers, at one of the others. It is answered by one
	// Promised.
	Asked struct {
		Ref    Ref
		Sender uint32 // k of NODE-k
		Epoch  uint64
		Tree   version.TreeID // zero from a node that belongs to none yet
	}

	// Follow tells that another node serves as the root of an epoch.
	Follow struct {
		Root  uint32
		Epoch uint64
	}

	// StandDown tells that this node is neither candidate nor root any more, as far
	// as the coordinator goes.
	StandDown struct{}

	// Leased tells until when, in monotonic time, a candidate or root may act: nobody
	// else can have been elected before.
	Leased struct{ Until time.Duration }

	// HandOver asks the root to order nothing more, and to bring a member to its
	// state. It ends with HandedOver.
	HandOver struct{ Node uint32 }

	// Gather asks for the promise of a member. Gathered answers.
	Gather struct {
		Node  uint32
		Epoch uint64
		Tree  version.TreeID
	}

	// Promised answers an Asked.
	Promised struct {
		Ref     Ref
		Promise wire.Promise
	}

	// Serving tells that this node orders writes now as the root of an epoch: the
	// coordinator is to make that known.
	Serving struct {
		Epoch uint64
		Again int // writes of the root before that were ordered again
	}

	// StepAside tells that this node gives up being the candidate or root of an epoch.
	// It may try again, with an epoch above Beyond.
	StepAside struct {
		Epoch  uint64
		Beyond uint64
		Why    string
	}

	// HandedOver tells that a member holds all that this root has ordered, and that
	// the root orders nothing any more: the coordinator is to make that one the root.
	// Where it Failed the member was not brought there in time, and the root goes on.
	HandedOver struct {
		Node   uint32
		Epoch  uint64
		Failed bool
	}
)

func (Lead) isInput()      {}
func (Gathered) isInput()  {}
func (*Asked) isInput()    {}
func (Follow) isInput()    {}
func (StandDown) isInput() {}
func (Leased) isInput()    {}
func (HandOver) isInput()  {}

func (Gather) isEffect()     {}
func (Promised) isEffect()   {}
func (Serving) isEffect()    {}
func (StepAside) isEffect()  {}
func (HandedOver) isEffect() {}
