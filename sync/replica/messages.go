package replica

import (
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// Input is something that happened to a node.
type Input interface{ isInput() }

// Effect is something that a node is to do.
type Effect interface{ isEffect() }

// Failure is how writing to the journal ended.
type Failure byte

// The ends of a journal write.
const (
	None   Failure = iota
	Full           // no space; nothing was written, and later writes may succeed
	Broken         // what was written may or may not be on the disk; nothing more can be
)

// Ref is the driver's handle of a request that waits for an answer.
type Ref uint64

// The inputs.
type (
	// Started is the first input of a run.
	Started struct{}

	// Submit is the write of a client of this node, or the batch of a child. It is
	// answered by one Reply with as many results. The replica keeps Writes.
	Submit struct {
		Ref    Ref
		Writes []wire.Write
		Client bool   // one write, which this node took: it may wait in the queue
		Async  bool   // the client wants no more than that it is queued
		Epoch  uint64 // that the child's batch came with

		bytes int
		done  func(results []wire.Result) // instead of a Reply: it is from this root's own queue
	}

	// Persisted tells that the oldest Persist or Checkpoint under way is done.
	Persisted struct{ Failure Failure }

	// Forwarded tells how a Forward under way ended: with results, or with
	// Failed, which is Unreachable when the batch certainly had no effect and
	// Unknown otherwise.
	Forwarded struct {
		Queue   bool // which Forward it was
		Results wire.Results
		Failed  wire.Outcome // 0 when there are results
		Another bool         // where Failed is Unknown: an ancestor was lost with the batch, and the next goes to another
	}

	// Piece is a piece of a push from the proved sender, answered by one
	// Acknowledge. The driver gathers the pieces: all but the last come Partial,
	// with the header alone; the last comes with everything.
	Piece struct {
		Ref     Ref
		Sender  uint32 // k of NODE-k
		Header  wire.Header
		Partial bool
		Entries []*store.Entry // of a delta
		Blocks  [][]byte       // the same as they were encoded, for the journal
		Builder *store.Builder // of a snapshot
	}

	// Members are the nodes that the root is to push to, itself not among them.
	Members struct{ Members []Member }

	// Member is one of them. A changed Instance says that it was restarted.
	Member struct {
		Node     uint32
		Instance string
	}

	// Confirmed tells how the push under way to a member ended. Entries and Bytes are
	// what was sent. A push that got no answer ends with the outcome Lost.
	Confirmed struct {
		Node    uint32
		Number  uint64
		Ack     Ack
		Entries int
		Bytes   int
	}

	// Tick is the schedule's.
	Tick struct{}

	// Wake is asked for by NextWake.
	Wake struct{}

	// Reachable tells that an ancestor answers which did not before: what waits is
	// worth sending now.
	Reachable struct{}

	// RootTime is the root's time, in milliseconds, as the root of an epoch answered a
	// moment ago.
	RootTime struct {
		Epoch  uint64
		Millis int64
	}

	// Expire asks the root to drop tombstones with stamps before Before.
	Expire struct{ Before version.Stamp }

	// CompactDue tells that the journal has grown beyond its bound.
	CompactDue struct{}

	// Announced is a member that asks the root to be let in, with the state that
	// it holds. It is answered by one Admit.
	Announced struct {
		Ref     Ref
		Node    uint32
		Tree    version.TreeID
		Epoch   uint64
		Version version.Version
		Run     uint64 // of the version's epoch

		RootMillis int64 // the root's time as it knows it, 0 before it heard it in this run
	}

	// Fetched is the state that Fetch asked a member for; Builder is nil when it
	// could not be had.
	Fetched struct {
		Node    uint32
		Header  wire.Header
		Builder *store.Builder
	}
)

// The effects.
type (
	// Persist asks for a record to be appended to the journal, after all that was
	// asked for before, and to be on the disk if Sync. Persisted answers.
	Persist struct {
		Record []byte
		Sync   bool
	}

	// Checkpoint asks for the whole state to be written durably in place of all
	// that the journal holds. Persisted answers.
	Checkpoint struct {
		State *store.Cut
		Local store.Local
	}

	// Compact asks for a checkpoint, which stands for everything that was to be
	// persisted before; it may be written while later records are appended.
	// Nothing answers: if it fails, the journal just stays as long as it is.
	Compact struct {
		State *store.Cut
		Local store.Local
	}

	// Forward asks for a batch to be sent to the parent. Forwarded answers. At most
	// one is under way of those with Queue and of those without.
	Forward struct {
		Queue bool // from the durable queue
		Tries int  // how often in a row the queue did not get through: it may take longer each time
		Batch wire.Batch
	}

	// Reply answers a Submit. A client's write may be answered wire.Pending or
	// wire.QueueFull. Epoch is that in which the root decided, which a node
	// on the way may not have heard of yet; 0 where nothing was decided.
	Reply struct {
		Ref     Ref
		Epoch   uint64
		Results []wire.Result
	}

	// Acknowledge answers a Piece.
	Acknowledge struct {
		Ref Ref
		Ack Ack
	}

	// Push asks for a push to be sent to a member, in pieces. Confirmed answers.
	// The header is that of the first piece; Cut is nil for a heartbeat.
	Push struct {
		Node   uint32
		Header wire.Header
		Cut    *store.Cut
	}

	// Admit answers an Announced.
	Admit struct {
		Ref     Ref
		Verdict Verdict
		Time    RootTime
	}

	// Fetch asks for the whole state of a member. Fetched answers.
	Fetch struct{ Node uint32 }
)

// AckOutcome is what a node made of a piece of a push.
type AckOutcome string

// The outcomes of a piece.
const (
	Applied   AckOutcome = "applied"    // the state moved to the push's version
	Current   AckOutcome = "current"    // it was there already
	Late      AckOutcome = "late"       // it was beyond already; nothing changed
	Continue  AckOutcome = "continue"   // send the next piece
	Gap       AckOutcome = "gap"        // the push begins after this node's version
	Foreign   AckOutcome = "foreign"    // this node's version is not on the push's history
	OtherTree AckOutcome = "other-tree" // this node belongs to another tree
	NotRoot   AckOutcome = "not-root"   // the sender is not the root
	OldEpoch  AckOutcome = "old-epoch"  // the sender's epoch is over
	Damaged   AckOutcome = "damaged"    // the entries do not add up to the digest
	Failed    AckOutcome = "failed"     // this node could not write it to its disk
	Lost      AckOutcome = "lost"       // no answer came; never sent
	Ahead     AckOutcome = "ahead"      // it holds a version that the root never gave; never sent
)

// Refuses reports whether nothing changed, and the push is over.
func (o AckOutcome) Refuses() bool {
	switch o {
	case Applied, Current, Late, Continue:
		return false
	}
	return true
}

// Ack is a node's answer to a piece, with its own tree and version.
type Ack struct {
	Outcome  AckOutcome
	Tree     version.TreeID
	Version  version.Version
	Mismatch bool // at the push's version the state does not have the push's digest

	// Collected is what the node has of a snapshot that broke off; the driver, which
	// gathers the pieces, adds it where a push was refused.
	Collected Collected
}

// Verdict is whether a member is let in.
type Verdict byte

// The verdicts.
const (
	Welcome  Verdict = 1 // it is
	NotYet   Verdict = 2 // the root is adopting its members' state; ask again
	Stranger Verdict = 3 // it belongs to another tree, and both have ordered writes
	Beyond   Verdict = 4 // it holds writes that this root does not have, and the root has ordered others
)

func (Started) isInput()    {}
func (*Submit) isInput()    {}
func (Persisted) isInput()  {}
func (Forwarded) isInput()  {}
func (*Piece) isInput()     {}
func (Members) isInput()    {}
func (Confirmed) isInput()  {}
func (Tick) isInput()       {}
func (Wake) isInput()       {}
func (Reachable) isInput()  {}
func (RootTime) isInput()   {}
func (Expire) isInput()     {}
func (CompactDue) isInput() {}
func (*Announced) isInput() {}
func (Fetched) isInput()    {}

func (Persist) isEffect()     {}
func (Checkpoint) isEffect()  {}
func (Compact) isEffect()     {}
func (Forward) isEffect()     {}
func (Reply) isEffect()       {}
func (Acknowledge) isEffect() {}
func (Push) isEffect()        {}
func (Admit) isEffect()       {}
func (Fetch) isEffect()       {}
