package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"xylem/configs"
	"xylem/coordinator"
	"xylem/coordinator/zookeeper"
	"xylem/sync/replica"
)

// ensemble decides who is the root: zookeeper.Coordinator, whose methods say what
// these do.
type ensemble interface {
	Run(ctx context.Context) error
	Serve(ctx context.Context, epoch uint64, p coordinator.Placement) error
	Save(ctx context.Context, epoch uint64, p coordinator.Placement) error
	StepAside(epoch, beyond uint64, why string)
	HandOver(ctx context.Context, epoch uint64, to int) error
}

// election is a node's part in a tree whose root is elected. The coordinator tells of
// the roles of this node and of others by events, from a goroutine of its own; the
// core, on the loop, tells of what comes of this node's own by effects. Either may be
// late: what is of another epoch than this node's candidacy does nothing.
//
//	member --Elected--> candidate --Serving--> root
//	candidate, root --StepAside, HandedOver, Following, Leaderless--> member
//
// It is this node's coordinator.Coordinator: whoever is the root, this node keeps
// itself in that one's book, or keeps the book itself.
type election struct {
	node     *Node
	ensemble ensemble
	lease    lease

	mu        sync.Mutex
	ctx       context.Context // of the memberships; nil before Run, and once this node has resigned
	fail      context.CancelCauseFunc
	tasks     sync.WaitGroup
	changed   chan struct{}      // closed at the next change of any role, or of a move
	candidacy *candidacy         // nil for none
	root      coordinator.Member // whom this node follows; the zero Member for nobody
	epoch     uint64             // of root
	attending *attending         // the membership at the root that is; nil for none
}

// candidacy is this node's, from its election until it gives the role up or loses it.
type candidacy struct {
	epoch     uint64
	living    map[int]coordinator.Member // the others, by k
	placement coordinator.Placement      // of the root before; nil for none
	root      *registry                  // once this node serves
	moving    *move                      // away from this root, while that is under way
	handing   bool                       // it has stopped serving, in favour of another
}

// attending is one membership under way.
type attending struct{ stop context.CancelFunc }

// openElection makes the election of a tree whose root is elected.
func (n *Node) openElection() error {
	cfg := n.opts.Config
	if cfg.Coordinator.Kind != configs.CoordinatorZooKeeper {
		return nil
	}
	open := n.opts.ensemble
	if open == nil {
		open = func(c zookeeper.Config) (ensemble, error) { return zookeeper.New(c) }
	}
	e := &election{node: n, lease: lease{began: n.began}, changed: make(chan struct{})}
	zk := cfg.Coordinator.ZooKeeper
	made, err := open(zookeeper.Config{
		Self: n.self, Depth: cfg.Tree.Depth, ConfiguredRoot: cfg.Tree.Root,
		Servers: zk.Servers, Namespace: zk.Namespace, SessionTimeout: zk.SessionTimeout, Credentials: string(zk.Credentials),
		Holding: n.holding, Deliver: e.take, Leased: e.leased, Logger: n.log,
	})
	if err != nil {
		return fmt.Errorf("coordinator.zookeeper: %w", err)
	}
	e.ensemble, n.election = made, e
	return nil
}

// holding is what this node brings to an election.
func (n *Node) holding() zookeeper.Holding {
	applied, meta := n.store.Applied(), n.store.Meta()
	tree := meta.Tree
	if tree.IsZero() {
		tree = n.newTree
	}
	return zookeeper.Holding{
		Epoch: applied.Epoch, Seq: applied.Seq, Promised: max(n.fence.Load(), meta.Epoch), Tree: tree.String(), Fit: !n.unfit.Load(),
	}
}

// Run implements coordinator.Coordinator. The views go to this node, whoever made
// them; deliver is not called. When ctx ends this node first resigns: once its session
// has ended, another may be elected at once.
func (e *election) Run(ctx context.Context, _ func(coordinator.View)) error {
	inner, fail := context.WithCancelCause(context.WithoutCancel(ctx))
	e.mu.Lock()
	e.ctx, e.fail = inner, fail
	e.mu.Unlock()
	e.tasks.Go(func() {
		select {
		case <-ctx.Done():
		case <-inner.Done():
		}
		e.resign()
		fail(nil)
	})
	err := e.ensemble.Run(inner)
	fail(nil)
	e.tasks.Wait()
	if cause := context.Cause(inner); err == nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// resign gives up every role for good, and waits until the core has heard of it.
func (e *election) resign() {
	e.mu.Lock()
	if e.depose() {
		e.node.loop.post(replica.StandDown{})
	}
	e.leave()
	e.ctx = nil
	e.tell()
	e.mu.Unlock()
	e.node.loop.query(func(*replica.Replica) {})
}

// take acts on an event of the coordinator.
func (e *election) take(event zookeeper.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil {
		return
	}
	switch event := event.(type) {
	case zookeeper.Elected:
		e.elected(&event)
	case zookeeper.Following:
		e.following(&event)
	case zookeeper.Leaderless:
		e.leaderless()
	case zookeeper.Refused: // Run returns it
		e.leaderless()
	}
	e.tell()
}

// following takes in who is the root: this node keeps itself in its book. e.mu is held.
func (e *election) following(in *zookeeper.Following) {
	n := e.node
	e.depose()
	n.loop.post(replica.Follow{Root: uint32(in.Root.ID), Epoch: in.Epoch})
	if e.attending != nil && in.Root == e.root && in.Epoch == e.epoch {
		return
	}
	n.log.Info("following the root of an epoch", "root", in.Root.Name(), "address", in.Root.Address, "epoch", in.Epoch)
	e.root, e.epoch = in.Root, in.Epoch
	root := in.Root
	e.attend(&coordinator.Embedded{
		Self: n.self, LivenessTimeout: n.opts.Config.Liveness.Timeout, Interval: n.announceInterval(), Again: n.reporting.again, Logger: n.log,
		Announce: func(ctx context.Context, self coordinator.Member) (coordinator.View, error) {
			return e.announce(ctx, self, root)
		},
		Withdraw: func(ctx context.Context, self coordinator.Member) error {
			if e.member() { // it has only got another root
				return nil
			}
			return n.withdraw(ctx, self, root.Address)
		},
	})
}

// member reports whether this node goes on being a member of the tree.
func (e *election) member() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ctx != nil
}

// errOtherRoot says that what answers at the root's address is not that root.
var errOtherRoot = errors.New("what answers there is not the root of this epoch")

// announce gives the root a sign of life.
func (e *election) announce(ctx context.Context, self, root coordinator.Member) (coordinator.View, error) {
	known := e.node.view.Load()
	if known != nil && known.Root != root {
		known = nil
	}
	view, err := e.node.announce(ctx, self, root.Address, known)
	if err == nil && (view.Root.ID != root.ID || view.Root.Instance != root.Instance) {
		err = fmt.Errorf("%s says that %s is: %w", root.Address, view.Root.Name(), errOtherRoot)
	}
	return view, err
}

// leaderless takes in that nobody is known to serve. This node goes on by the last
// view: its ancestors may know more than it does. e.mu is held.
func (e *election) leaderless() {
	last := e.epoch
	if c := e.candidacy; c != nil {
		last = c.epoch
	}
	deposed := e.depose()
	if deposed {
		e.node.loop.post(replica.StandDown{})
	}
	if deposed || e.root.ID != 0 {
		e.node.log.Warn("no root is known until another is elected", "last_epoch", last)
	}
	e.leave()
	e.root = coordinator.Member{}
}

// attend makes a membership this node's, in place of the one before. e.mu is held.
func (e *election) attend(membership coordinator.Coordinator) {
	e.leave()
	ctx, stop := context.WithCancel(e.ctx)
	a := &attending{stop}
	e.attending = a
	e.tasks.Go(func() {
		defer stop()
		if err := membership.Run(ctx, func(v coordinator.View) { e.deliver(a, v) }); err != nil && ctx.Err() == nil {
			e.fail(err)
		}
	})
}

// leave ends the membership under way. e.mu is held.
func (e *election) leave() {
	if e.attending != nil {
		e.attending.stop()
		e.attending = nil
	}
}

// deliver takes a view, unless it comes from a membership that has ended: so none
// replaces that of a later root.
func (e *election) deliver(a *attending, view coordinator.View) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.attending == a {
		e.node.deliver(view)
	}
}

// tell wakes whoever waits for a change. e.mu is held.
func (e *election) tell() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// answerShare is what part of the session time-out the core stops deciding before the
// lease is over.
const answerShare = 32

// leased takes in until when this node may act as the candidate or root that it is, by
// a heartbeat that began when nobody else was. The core decides for a little less long, so that what it decides last can still be told:
// without that, whoever's write came just then would hear that its outcome is unknown,
// where it can wait in the queue.
func (e *election) leased(heard, until time.Time) {
	session := e.node.opts.Config.Coordinator.ZooKeeper.SessionTimeout
	e.lease.extend(heard, until)
	e.node.loop.post(replica.Leased{Until: until.Add(-session / answerShare).Sub(e.node.began)})
}

// candidate reports whether this node finds out whether it can be the root.
func (e *election) candidate() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.candidacy != nil && !e.candidacy.handing
}

// current is the root that this node knows of, itself or another, and its epoch;
// the zero Member for nobody.
func (e *election) current() (coordinator.Member, uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.candidacy; c != nil && c.root != nil {
		return e.node.self, c.epoch
	}
	return e.root, e.epoch
}
