// Package replica is the protocol by which nodes stay equal, as a deterministic
// core: it takes inputs and returns effects. It does no I/O, reads no clock,
// starts no goroutine and draws no random number, so the same code runs in the
// process and in the simulation.
//
// A node is the root or a member. The root orders writes (sequencer.go), keeps
// every member's progress (pusher.go, progress.go) and may begin by adopting its
// members' state (adoption.go). A member combines writes upward (uplink.go) and
// takes pushes (acceptor.go), and, in a tree that relays, passes them on to those that report
// to it and tells above what they confirm (branches.go, uprolls.go). What cannot be ordered now waits in the durable
// queue of the node that took it (queue.go).
package replica

import (
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// Config is what a Replica is told once.
type Config struct {
	Node       uint32         // k of NODE-k
	Root       uint32         // k of the root; the same as Node at the root. Nobody where Elected
	Elected    bool           // the root is elected: roles come by Lead and Follow
	Store      *store.Store   // recovered; the Replica is its one writer
	NewTree    version.TreeID // random; the name of the tree if this root starts one. Not where Elected
	NewRun     uint64         // random; names this process, and the epochs that it runs if it is the root
	Eager      bool           // push as soon as something was written
	Relay      bool           // the root pushes to those that report to it, they to those that report to them
	Liveness   time.Duration  // where Relay: how long without a sign until a node counts as dead
	Interval   time.Duration  // least time between two pushes to one member; 0 for none
	Pace       time.Duration  // least time between the begins of pushes to one member that follow each other at once, from the third of them on; 0 for none
	Grace      time.Duration  // how long a root that may lack data, or the time, waits for members that have it
	WaitBytes  int            // most bytes of keys and values that wait for a batch; more are refused
	BatchBytes int            // most bytes of keys and values in one batch; at least one group goes in
	RetryMin   time.Duration  // wait after a first failed push or forward; doubles
	RetryMax   time.Duration  // bound of that wait
	Timeout    time.Duration  // how long a forwarded write may take
	QueueBytes int64          // bound of the durable queue, in bytes of entries; 0 for no queue
	Local      store.Local    // recovered
}

// Now is the time at which an input happens.
type Now struct {
	Mono time.Duration // monotonic, since the process began
	Unix int64         // wall clock, milliseconds since 1970
}

// Replica is the protocol state of one node. One goroutine owns it.
//
// Invariants: nothing is applied, answered or pushed before it is persisted; at
// most one batch is being ordered, one of fresh and one of queued writes forwarded,
// one push applied, and one push under way to each node, whether it is a member or was one.
type Replica struct {
	cfg   Config
	store *store.Store
	now   Now
	began int64 // the root's time at the monotonic time 0, milliseconds, as known when Started came
	clock version.Clock
	seen  version.Stamp // the latest that is not just this node's own guess

	timeHeard bool // the root's time is known in this run, at the root its own
	effects   []Effect

	persisting []func(Failure) // what to do once the journal has taken each record, in order
	idle       func()          // what waits for all of that to be done; nil mostly
	compact    bool            // the journal has grown: have the state written in its place
	root       sequencer
	members    pusher
	adoption   adoption
	waiting    int  // bytes of the groups that are gathered
	held       bool // Submits are about to come, or to be taken: no batch is begun before
	uplink     uplink
	queue      queue
	branches   branches
	uprolls    uprolls
	acceptor   acceptor
	lag        Lag
	elect      elections
}

// New returns the replica of a node whose store was recovered. Step it with
// Started first.
func New(cfg Config) *Replica {
	r := &Replica{cfg: cfg, store: cfg.Store}
	r.observe(cfg.Store.Meta().Stamp)
	r.root.pending = make(map[string]*store.Entry)
	r.members.byNode, r.members.gone = make(map[uint32]*progress), make(map[uint32]*progress)
	r.forgetMembers()
	r.recoverQueue()
	if !cfg.Elected {
		r.elect.leader = cfg.Root
	}
	return r
}

// IsRoot reports whether this node is the root, or its candidate.
func (r *Replica) IsRoot() bool { return r.cfg.Node == r.elect.leader }

// Step takes one input at a time now and returns what is to be done about it.
// The effects are to be carried out in order; the slice is reused by the next
// Step.
func (r *Replica) Step(now Now, in Input) []Effect {
	r.now = now
	clear(r.effects)
	r.effects = r.effects[:0]
	switch in := in.(type) {
	case Started:
		r.beginTime()
		r.start()
		r.rollNow()
		r.drain()
	case *Submit:
		r.submit(in)
	case *Submits:
		r.submitAll(in)
	case Hold:
		r.held = true
	case Persisted:
		r.persisted(in.Failure)
	case Forwarded:
		r.forwarded(in)
	case *Piece:
		r.piece(in)
	case Members:
		r.setMembers(in)
	case Confirmed:
		r.confirmed(in)
	case Tick:
		r.tick()
	case Wake:
		r.wake()
	case Reachable:
		r.reachable()
		r.rollNow()
	case RootTime:
		r.told(in)
	case Expire:
		r.expire(in)
	case CompactDue:
		r.compact = true
	case *Announced:
		r.announced(in)
	case Fetched:
		r.fetched(in)
	case *Rolled:
		r.rolled(in)
	case RollTold:
		r.rollTold(in)
	case Above:
		r.branches.above = in.Nodes
	default:
		r.stepRole(in)
	}
	r.goOn()
	r.tellRoll()
	return r.effects
}

// stepRole takes the inputs of a tree whose root is elected.
func (r *Replica) stepRole(in Input) {
	switch in := in.(type) {
	case Lead:
		r.lead(in)
	case Gathered:
		r.gathered(in)
	case *Asked:
		r.asked(in)
	case Follow:
		r.follow(in.Root, in.Epoch)
	case StandDown:
		r.demote()
	case Leased:
		r.extendLease(in.Until)
	case HandOver:
		r.handOver(in)
	}
}

func (r *Replica) emit(e Effect) { r.effects = append(r.effects, e) }

// persist asks for record to be written, and flushed to the disk where sync is
// set; then is called when that is done or failed.
func (r *Replica) persist(record []byte, sync bool, then func(Failure)) {
	if r.compact && len(r.persisting) == 0 {
		// Now, and only now, the store and the queue hold what the journal holds.
		r.compact = false
		state := r.store.Cut(version.Version{})
		r.emit(Compact{State: state, Local: r.queue.local.Clone(state)})
	}
	r.persisting = append(r.persisting, then)
	r.emit(Persist{Record: record, Sync: sync})
}

func (r *Replica) persisted(f Failure) {
	then := r.persisting[0]
	r.persisting = r.persisting[1:]
	r.elect.broken = r.elect.broken || f == Broken
	then(f)
	r.whenIdle()
}

// checkpoint asks for a state to be written in place of all that the journal
// holds, once nothing is on its way there: a queued write that the journal then
// refuses would come back with the checkpoint. What the node alone knows goes with it,
// as alter leaves it.
func (r *Replica) checkpoint(state *store.Cut, alter func(*store.Local), then func(Failure)) {
	r.idle = func() {
		r.persisting = append(r.persisting, then)
		local := r.queue.local.Clone(state)
		alter(&local)
		r.emit(Checkpoint{State: state, Local: local})
	}
	r.whenIdle()
}

func (r *Replica) whenIdle() {
	if do := r.idle; do != nil && len(r.persisting) == 0 {
		r.idle = nil
		do()
		r.writeLocal() // behind the checkpoint
	}
}

// Epoch is the epoch in which the root orders, 0 before it does.
func (r *Replica) Epoch() uint64 {
	if !r.root.open {
		return 0
	}
	return r.store.Meta().Epoch
}

// submit takes a client's write or a child's batch. What waits is bounded: a root
// that stays closed, or a parent that hangs, must not fill the memory.
func (r *Replica) submit(in *Submit) {
	if r.waiting > 0 && r.waiting+in.size() > r.cfg.WaitBytes {
		r.refuse(in, wire.Unreachable)
		return
	}
	if in.Client {
		in.Epoch = r.Fence()
	}
	mayQueue := r.mayQueue(in)
	if in.Client && (mayQueue || r.timeHeard) { // what is not queued is sent as it is
		in.Writes[0].Stamp = r.clock.Next(r.RootMillis())
	}
	if mayQueue && (r.cutOff() || in.Async && !r.IsRoot() && r.fits(queued(&in.Writes[0]))) {
		r.enqueue(in, wire.Unreachable)
		return
	}
	r.waiting += in.size()
	if r.IsRoot() {
		r.gather(in)
		return
	}
	r.combine(in)
}

// cutOff reports whether this node knows that nothing can be ordered now.
func (r *Replica) cutOff() bool {
	if r.IsRoot() {
		return r.adoption.waiting || !r.leased() || r.elect.handing.stuck(r.now.Mono)
	}
	return r.uplink.down || !r.timeHeard
}

// refuse answers every write of a group with one outcome.
func (r *Replica) refuse(in *Submit, outcome wire.Outcome) {
	results := make([]wire.Result, len(in.Writes))
	for i := range results {
		results[i].Outcome = outcome
	}
	r.answer(in, 0, results)
}

// answer tells whoever submitted a group what became of it.
func (r *Replica) answer(in *Submit, epoch uint64, results []wire.Result) {
	if in.done != nil {
		in.done(results)
		return
	}
	r.emit(Reply{Ref: in.Ref, Epoch: epoch, Results: results})
}

// NextWake is when the replica wants to be stepped with Wake at the latest, and
// false when nothing waits for time to pass.
func (r *Replica) NextWake() (time.Duration, bool) {
	return r.members.wakeAt, r.members.wakeSet
}

// wakeBy makes NextWake no later than at.
func (r *Replica) wakeBy(at time.Duration) {
	if m := &r.members; !m.wakeSet || at < m.wakeAt {
		m.wakeAt, m.wakeSet = at, true
	}
}

func (r *Replica) wake() {
	r.members.wakeSet = false
	r.adoptWhenDue()
	r.beginWhenDue()
	r.handed()
	r.forward()
	r.writeLocal()
	r.drain()
	r.dropSilent()
	r.advanceAll()
}
