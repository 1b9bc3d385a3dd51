package simulation

import (
	"math/rand/v2"
	"slices"
	"time"

	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// Node is one simulated process and its disk.
type Node struct {
	id   uint32
	tree *Tree
	disk *journal.MemDisk
	skew time.Duration // of its wall clock, constant while it runs

	boot       uint64        // counts starts; 0 while it is down
	began      time.Duration // when it started
	starts     uint64
	failed     bool // its journal takes nothing until the next start
	journal    *journal.Journal
	ident      store.Identity
	counter    uint64
	store      *store.Store
	replica    *replica.Replica
	waking     time.Duration    // when it is woken next, in its monotonic time; 0 for never
	due        []replica.Effect // of steps, to be performed in order
	performing bool
	pieces     replica.Assembly
	diskAt     time.Duration // when the last disk request ends
	together   together      // what it holds back

	welcomed bool           // by the root, in this run
	told     bool           // the time, as the root, in this run
	suspects map[*Node]bool // ancestors that did not answer

	refs    replica.Ref
	replies map[replica.Ref]func(replica.Reply)
	acks    map[replica.Ref]func(replica.Ack)
	admits  map[replica.Ref]func(replica.Admit)
	rolls   map[replica.Ref]func(wire.RollReply)
	pushing map[uint32]bool   // to whom a push is under way
	joined  map[uint32]uint64 // at the root: who was let in, and its boot

	elected                 // where the root is
	relayed                 // where the tree relays
	fence   uint64          // the highest epoch that it ever promised
	shown   version.Version // that it had given itself and shown
	away    bool            // it stays down until the others have been healed
	floor   version.Version // up to which it has dropped tombstones
	frozen  bool            // its process is
	backlog []func()        // what came since
	stall   time.Duration   // it is frozen for that long when its disk next answers
}

func (n *Node) up() bool { return n.boot != 0 }

// isRoot reports whether the node is the root, or the candidate.
func (n *Node) isRoot() bool {
	if n.tree.ensemble == nil {
		return n.id == 1
	}
	return n.up() && n.replica.IsRoot()
}

// ancestors are the nodes above this one, as far as it knows, the parent first.
func (n *Node) ancestors() (above []*Node) {
	if n.isRoot() {
		return nil
	}
	at := int(n.id)
	if n.tree.ensemble != nil {
		at = slices.Index(n.book, n.id) + 1
	}
	for at /= 2; at > 0; at /= 2 {
		if n.tree.ensemble != nil {
			above = append(above, n.tree.node(n.book[at-1]))
		} else {
			above = append(above, n.tree.node(uint32(at)))
		}
	}
	return above
}

// parent is the node above, or nil.
func (n *Node) parent() *Node {
	if above := n.ancestors(); len(above) > 0 {
		return above[0]
	}
	return nil
}

// unix is what the node's wall clock shows, in milliseconds: wrong by its skew.
func (n *Node) unix() int64 {
	return (1000*time.Hour + n.tree.world.Now() + n.skew).Milliseconds()
}

// start recovers the disk and begins a run.
func (n *Node) start() error {
	marker := rand.New(rand.NewPCG(n.tree.world.Rand.Uint64(), 0))
	j, err := journal.Open(journal.Options{FS: n.disk, Dir: "data", SegmentBytes: 16 << 10, Marker: marker.Uint32})
	if err != nil {
		return err
	}
	rec := store.NewRecovery()
	if _, err = j.Replay(func(_ journal.Source, record []byte) error { return rec.Visit(record) }); err == nil {
		err = rec.Finish()
	}
	if err != nil {
		return err
	}
	n.starts++
	n.boot, n.failed, n.began = n.starts, false, n.tree.world.Now()
	n.ident = store.Identity{Node: n.id, Boot: max(rec.Identity.Boot+1, n.starts<<8)}
	if err := j.Append(store.AppendIdentity(nil, n.ident)); err != nil {
		return err
	}
	if err := j.Sync(); err != nil {
		return err
	}
	n.counter = n.ident.Boot << version.BootShift
	n.journal, n.store, n.diskAt = j, rec.Store, n.tree.world.Now()
	n.pieces = replica.Assembly{}
	n.replies = make(map[replica.Ref]func(replica.Reply))
	n.acks = make(map[replica.Ref]func(replica.Ack))
	n.admits = make(map[replica.Ref]func(replica.Admit))
	n.rolls = make(map[replica.Ref]func(wire.RollReply))
	n.relayed = relayed{bypassed: make(map[*Node]time.Duration)}
	n.pushing, n.joined = make(map[uint32]bool), make(map[uint32]uint64)
	n.due, n.performing, n.waking, n.together = nil, false, 0, together{}
	n.suspects, n.welcomed, n.told = make(map[*Node]bool), false, false
	n.elected = elected{promises: make(map[replica.Ref]func(wire.Promise)), book: n.book}
	n.frozen, n.backlog, n.stall = false, nil, 0
	var tree version.TreeID
	tree[0], tree[1] = byte(n.id), byte(n.starts)
	core := replica.Defaults(callTimeout)
	core.Node, core.Root, core.Elected, core.Relay = n.id, 1, n.tree.ensemble != nil, n.tree.relay
	core.Store, core.Local, core.NewTree, core.NewRun = n.store, rec.Local, tree, n.starts
	core.Eager, core.Pace, core.Timeout, core.QueueBytes = n.tree.eager, n.tree.pace, callTimeout, n.tree.queueBytes
	core.Grace, core.WaitBytes, core.BatchBytes = grace, 1<<20, 4<<10 // so small that seeds come to their ends
	n.replica = replica.New(core)
	n.tree.world.Tracef("NODE-%d starts at %v, its clock wrong by %v", n.id, n.store.Applied(), n.skew)
	n.tree.recovered(n)
	n.step(replica.Started{})
	n.above()
	n.announce()
	n.scheduleTick()
	if n.tree.ensemble != nil {
		n.heartbeat()
	}
	return nil
}

// stop ends the run: by kill -9, or with the power of its disk.
func (n *Node) stop(power bool) {
	n.tree.world.Tracef("NODE-%d stops, power cut: %v", n.id, power)
	n.boot, n.frozen, n.backlog = 0, false, nil
	if power {
		n.disk.Crash()
	} else {
		n.disk.Kill()
	}
}

// after has something happen at this node, unless its run ends before.
func (n *Node) after(delay time.Duration, do func()) {
	boot := n.boot
	n.tree.world.After(delay, func() {
		if n.boot == boot {
			n.do(do)
		}
	})
}

func (n *Node) scheduleTick() {
	n.after(n.tree.schedule, func() {
		n.step(replica.Tick{})
		if n.tree.forgets && n.tree.world.Chance(0.3) {
			ago := n.tree.world.Between(0, 4*time.Second)
			n.step(replica.Expire{Before: version.StampAt(n.replica.RootMillis() - ago.Milliseconds())})
		}
		n.scheduleTick()
	})
}

// announce tells the root, again and again, that this node lives.
func (n *Node) announce() {
	if n.tree.relay && n.welcomed {
		n.after(time.Second, n.announce)
	} else {
		n.after(100*time.Millisecond, n.announce)
	}
	root, epoch := n.tree.node(1), uint64(0)
	if n.tree.ensemble != nil {
		if n.root == 0 {
			return
		}
		root, epoch = n.tree.node(n.root), n.replica.Fence()
	}
	if n.isRoot() {
		return
	}
	boot := n.boot
	meta, applied := n.store.Meta(), n.store.Applied()
	run, heard := meta.RunOf(applied.Epoch), n.replica.HeardMillis()
	n.tree.call(n, root, func(answer func(any)) {
		if !root.isRoot() {
			answer(nil)
			return
		}
		root.refs++
		root.told = root.told || n.tree.isTime(heard)
		root.admits[root.refs] = func(admit replica.Admit) {
			if admit.Verdict == replica.Welcome {
				root.welcome(n.id, boot)
			}
			answer(admit)
		}
		root.step(&replica.Announced{
			Ref: root.refs, Node: n.id, Tree: meta.Tree, Epoch: max(meta.Epoch, epoch), Version: applied, Run: run, RootMillis: heard,
		})
	}, func(answer any, _ fate) {
		got, _ := answer.(replica.Admit)
		switch {
		case got.Verdict == replica.Stranger, got.Verdict == replica.Beyond:
			n.tree.fail("NODE-%d of tree %v at %v is refused by the root: %v", n.id, meta.Tree, applied, got.Verdict)
		case got.Verdict == replica.Welcome:
			n.step(got.Time)
			if !n.welcomed {
				n.welcomed = true
				n.step(replica.Reachable{})
			}
		}
	})
}

// welcome lists a member, at the root.
func (n *Node) welcome(id uint32, boot uint64) {
	if n.joined[id] >= boot {
		return
	}
	n.joined[id] = boot
	n.step(n.members())
}

// step hands the core an input and carries out what it asks for.
func (n *Node) step(in replica.Input) {
	mono := n.tree.world.Now() - n.began
	now := replica.Now{Mono: mono, Unix: n.unix()}
	effects := slices.Clone(n.replica.Step(now, in))
	n.tree.observe(n)
	if _, answered := in.(replica.Persisted); answered && n.stall > 0 {
		n.freeze(n.stall)
		n.stall = 0
	}
	n.due = append(n.due, effects...)
	n.performAll()
	if at, set := n.replica.NextWake(); set && n.wakes(at) {
		n.after(max(at-mono, 0)+1, func() { n.waking = 0; n.step(replica.Wake{}) })
	}
}

// wakes reports whether the node is to be woken at a time, because nothing wakes it by then.
// Without relays that is always done: there it is rare, and seeds that are kept stay what they were.
func (n *Node) wakes(at time.Duration) bool {
	if n.tree.relay && n.waking != 0 && n.waking <= at {
		return false
	}
	n.waking = at
	return true
}

// performAll carries out what is due, in order, also where carrying out one effect has
// the core step again.
func (n *Node) performAll() {
	if n.performing {
		return
	}
	n.performing = true
	for len(n.due) > 0 {
		e := n.due[0]
		n.due = n.due[1:]
		n.do(func() { n.perform(e) })
	}
	n.performing = false
}

func (n *Node) perform(e replica.Effect) {
	switch e := e.(type) {
	case replica.Persist:
		n.tree.wrote(n, e.Record)
		n.write(func() error {
			err := n.journal.Append(e.Record)
			if err != nil {
				return err
			}
			n.tree.queued(e.Record) // it may be there after a flush that failed, too
			if e.Sync && !n.has(noFlush) {
				err = n.journal.Sync()
			}
			return err
		})
	case replica.Checkpoint:
		n.write(func() error { return n.checkpoint(e.State, &e.Local) })
	case replica.Compact:
		n.disks(func() error { return n.checkpoint(e.State, &e.Local) }, func(err error) {
			if err != nil {
				n.tree.world.Tracef("NODE-%d: its journal stays as long as it is: %v", n.id, err)
			}
		})
	case replica.Forward:
		n.forward(e)
	case replica.Reply:
		n.reply(e)
	case replica.Acknowledge:
		n.acks[e.Ref](e.Ack)
		delete(n.acks, e.Ref)
	case replica.Admit:
		n.admits[e.Ref](e)
		delete(n.admits, e.Ref)
	case replica.Push:
		n.push(e)
	case replica.TellRoll:
		n.tellRoll(&e)
	case replica.AnswerRoll:
		n.rolls[e.Ref](e.Reply)
		delete(n.rolls, e.Ref)
	case replica.Unserved:
		n.bypass()
	case replica.Fetch:
		n.fetch(e.Node)
	default:
		n.performRole(e)
	}
}

// submit takes writes of a client or a node below.
func (n *Node) submit(in *replica.Submit, reply func(replica.Reply)) {
	n.refs++
	in.Ref = n.refs
	n.replies[n.refs] = reply
	n.bring(in)
}
