// Package node is the running process: it drives the protocol core with real
// HTTP, disks and clocks.
//
// One goroutine at a time, the loop, has the core, and one the journal: whoever brings
// work when nobody is at it, or one of its own. HTTP handlers read the store directly
// and bring everything else to the loop. Pushes, reports, forwarded batches, lookups,
// promises and fetches run in goroutines of their own, which Run waits for.
package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"xylem/configs"
	"xylem/coordinator"
	"xylem/coordinator/zookeeper"
	"xylem/node/proof"
	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/replica"
	"xylem/sync/version"
)

// ErrDirectory is wrapped when the data directory belongs to another node.
var ErrDirectory = errors.New("the data directory belongs to another node")

// ErrNotRoot is wrapped when a member is to start as the root of the embedded
// coordinator: what the last root ordered and had not pushed yet would be left behind.
var ErrNotRoot = errors.New("this node holds a member's data, and with the embedded coordinator the root is not replaced. " +
	"Name the last root again; if its disk is gone, start it without data, and it takes over what its members have")

// Options is what a node needs to start.
type Options struct {
	ID        int            // k of NODE-k
	Config    configs.Config // validated
	Listener  net.Listener   // where it serves; the node closes it once New has succeeded
	Advertise string         // URL under which other nodes reach this one
	RootURL   string         // URL of the configured root; not used where the root is elected
	DataDir   string         // made if missing
	Secret    []byte         // the cluster secret, at least 16 bytes
	Logger    *slog.Logger

	// Connections are shared with other nodes of this process, and closed by whoever made them; nil: the node
	// has its own.
	Connections *Connections

	// ensemble makes what decides who is the root; nil: ZooKeeper.
	ensemble func(zookeeper.Config) (ensemble, error)
}

// Node is one member of the tree.
type Node struct {
	opts  Options
	name  string
	log   *slog.Logger
	began time.Time // of the process: monotonic times count from here

	store    *store.Store
	disk     *disk
	loop     *loop
	counter  atomic.Uint64            // of write ids
	root     atomic.Pointer[registry] // nil elsewhere
	election *election                // nil with the embedded coordinator

	self     coordinator.Member
	newTree  version.TreeID // the tree's, if this node begins it
	process  uint64         // random: names this process
	view     atomic.Pointer[coordinator.View]
	joined   chan coordinator.View // holds the first view
	lineage  *lineage
	peers    *peers
	verifier *proof.Verifier

	submitting  atomic.Int64 // requests that wait for what becomes of their writes
	uplinked    traffic
	parentFails atomic.Bool // the last batch did not get through
	reporting   reporting
	flights     flights
	asking      chan struct{} // holds a token for each lookup under way
	news        news          // of the state, for readers that wait for it
	stopping    chan struct{} // closed by stopAsking when they are not to wait any longer

	encodings  encodings
	streams    streams
	pieces     pieces
	fresh      atomic.Int64               // when the state was up to date, nanoseconds since began; 0: not heard yet
	led        atomic.Int64               // likewise, as this node knew when it was the elected root; 0: it was not
	fence      atomic.Uint64              // the highest epoch that this node has accepted or promised
	unfit      atomic.Bool                // this node cannot be the root: its disk failed
	lastPush   atomic.Pointer[pushReport] // taken by this node
	mismatches atomic.Uint64              // digests of pushes that this node's state did not have

	schedules *schedules
	work      sync.WaitGroup  // all that runs beside the loop, the disk and HTTP
	working   context.Context // ends them when the node stops, after the last handler has answered
	stopWork  context.CancelFunc
}

// traffic counts what went to the parent.
type traffic struct{ requests, writes, lookups atomic.Uint64 }

// New opens the data directory, recovers what it holds and checks the
// configuration that only a node can check. Run must follow. Errors wrap
// ErrDirectory, ErrSchedule or those of journal, store, proof and coordinator.
func New(opts Options) (*Node, error) {
	n := &Node{
		opts: opts, name: coordinator.Name(opts.ID),
		log: opts.Logger, began: time.Now(), asking: make(chan struct{}, maxLookups), stopping: make(chan struct{}),
		joined: make(chan coordinator.View, 1),
	}
	n.reporting.again, n.reporting.bypassed = make(chan struct{}, 1), make(map[int]*bypass)
	if err := n.openPeers(); err != nil {
		return nil, err
	}
	if err := n.openElection(); err != nil {
		return nil, err
	}
	if err := n.openSchedules(); err != nil {
		return nil, err
	}
	recovered, err := n.openDisk()
	if err != nil {
		return nil, err
	}
	if err := n.openMembership(recovered); err != nil {
		return nil, errors.Join(err, n.disk.journal.Close())
	}
	return n, nil
}

func (n *Node) openPeers() error {
	instance, err := proof.NewInstance()
	if err != nil {
		return fmt.Errorf("draw this process's instance: %w", err)
	}
	signer, err := proof.NewSigner(n.opts.Secret, n.name, instance)
	if err != nil {
		return fmt.Errorf("auth.cluster_secret: %w", err)
	}
	if n.verifier, err = proof.NewVerifier(n.opts.Secret, instance); err != nil {
		return fmt.Errorf("auth.cluster_secret: %w", err)
	}
	connections := n.opts.Connections
	if connections == nil {
		connections = NewConnections()
	}
	n.peers = newPeers(signer, connections, n.opts.Config.Writes.Timeout)
	n.self = coordinator.Member{ID: n.opts.ID, Address: n.opts.Advertise, Instance: instance.String()}
	return nil
}

// closePeers closes the connections that are this node's alone.
func (n *Node) closePeers() {
	n.peers.client.CloseIdleConnections()
	if n.opts.Connections == nil {
		n.peers.connections.Close()
	}
}

// openDisk recovers the journal and makes this start's boot durable.
func (n *Node) openDisk() (*store.Recovery, error) {
	dir := journalDir(n.opts.DataDir)
	j, err := journal.Open(journal.Options{Dir: dir, NoSync: n.opts.Config.Data.Fsync == configs.FsyncNever})
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	recovered := store.NewRecovery()
	report, err := j.Replay(func(_ journal.Source, record []byte) error { return recovered.Visit(record) })
	if err == nil {
		err = recovered.Finish()
	}
	if err == nil && recovered.Identity.Node != 0 && recovered.Identity.Node != uint32(n.opts.ID) {
		err = fmt.Errorf("%s holds the data of NODE-%d, this is %s: %w", dir, recovered.Identity.Node, n.name, ErrDirectory)
	}
	known := recovered.Identity.Node != 0
	if err == nil {
		recovered.Identity, err = newIdentity(n.opts.ID)
	}
	if err == nil {
		err = j.Append(store.AppendIdentity(nil, recovered.Identity))
	}
	if known && errors.Is(err, journal.ErrNoSpace) { // whose directory this is stands there already
		n.log.Warn("the data directory is full; this node serves what it has", "err", err)
		err = nil
	}
	if err == nil {
		err = j.Sync()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recover %s: %w", dir, err), j.Close())
	}
	if report.CutBytes > 0 {
		n.log.Warn("cut off the end of the journal, which a crash had left half-written",
			"file", report.CutFile, "offset", report.CutOffset, "bytes", report.CutBytes)
	}
	n.store = recovered.Store
	n.counter.Store(recovered.Identity.Boot << version.BootShift)
	n.log.Info("recovered", "version", n.store.Applied(), "entries", n.store.Counts().Live, "log_bytes", report.LogBytes)
	n.disk = newDisk(j, recovered.Identity, recovered.Placement, n.log)
	n.pieces.drafts = n.disk.drafts
	return recovered, nil
}

// newIdentity is that of this start. Its boot is random, not counted: a node whose
// disk was replaced, or set back to an older copy, must not give its write ids again.
func newIdentity(id int) (store.Identity, error) {
	var random [3]byte
	if _, err := rand.Read(random[:]); err != nil {
		return store.Identity{}, fmt.Errorf("draw a boot number: %w", err)
	}
	boot := uint64(random[0])<<15 | uint64(random[1])<<7 | uint64(random[2])>>1
	return store.Identity{Node: uint32(id), Boot: boot}, nil
}

// openMembership makes the loop, and at the root the book of members.
func (n *Node) openMembership(recovered *store.Recovery) error {
	cfg := n.opts.Config
	placement := coordinator.Placement(recovered.Placement)
	queueBytes := int64(0)
	if cfg.Writes.Offline == configs.OfflineQueue {
		queueBytes = cfg.Writes.QueueMaxBytes
	}
	var run [8]byte
	if _, err := rand.Read(n.newTree[:]); err != nil {
		return fmt.Errorf("draw a tree id: %w", err)
	}
	if _, err := rand.Read(run[:]); err != nil {
		return fmt.Errorf("draw an epoch's run: %w", err)
	}
	n.process = binary.BigEndian.Uint64(run[:])
	root := uint32(cfg.Tree.Root)
	if n.election != nil {
		root = 0
	}
	core := replica.Defaults(cfg.Liveness.Timeout)
	core.Node, core.Root, core.Elected, core.Relay = uint32(n.opts.ID), root, n.election != nil, n.relays()
	core.Store, core.Local, core.NewTree, core.NewRun = n.store, recovered.Local, n.newTree, n.process
	core.Eager, core.Interval, core.Timeout, core.QueueBytes = cfg.Sync.Eager, cfg.Sync.MinInterval, cfg.Writes.Timeout, queueBytes
	n.loop = newLoop(n, replica.New(core))
	n.disk.loop = n.loop
	n.lineage = newLineage(n)
	if n.election != nil || n.opts.ID != cfg.Tree.Root {
		return nil
	}
	wasElected := recovered.Local.Promised > 0 // then any node may have been the root, and finds out first
	if placement == nil && !n.store.Applied().IsZero() && !wasElected {
		return fmt.Errorf("tree.root names %s: %w", n.name, ErrNotRoot)
	}
	directory, err := coordinator.NewDirectory(cfg.Tree.Depth, cfg.Liveness.Timeout, n.self, placement, time.Now())
	if err != nil {
		return fmt.Errorf("the members' places: %w", err)
	}
	n.root.Store(&registry{Directory: directory})
	return nil
}

// Run serves until ctx ends, then stops gracefully: it answers what is under way,
// flushes and closes. It returns nil after a graceful stop.
func (n *Node) Run(ctx context.Context) error {
	n.working, n.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	defer n.stopWork()
	var looping, writing sync.WaitGroup
	looping.Go(n.loop.run)
	writing.Go(n.disk.run)
	if root := n.root.Load(); root != nil {
		if err := n.persistPlacement(root); err != nil {
			n.log.Error("the members' places could not be written", "err", err)
		}
	}
	n.work.Go(func() { n.lineage.watch(n.working) })
	n.loop.post(replica.Started{})
	n.schedules.start(n)

	serving := n.serve()
	n.log.Info("serving", "role", n.role(), "address", n.opts.Listener.Addr(), "advertised", n.opts.Advertise)
	membership, leave := context.WithCancel(ctx)
	defer leave()
	member := make(chan error, 1)
	go func() { member <- n.coordinator().Run(membership, n.deliver) }()

	var cause error
	select {
	case <-ctx.Done():
	case cause = <-serving.failed:
	case cause = <-member:
		member <- nil
	}
	leave()
	<-member
	n.schedules.stop()
	n.stopAsking()
	serving.shutdown()
	n.stopWork()
	n.loop.inputs.stop()
	looping.Wait() // nothing else begins work any more
	n.work.Wait()
	n.pieces.close()
	n.disk.work.stop()
	writing.Wait()
	n.closePeers()
	return errors.Join(cause, n.disk.err)
}

// Joined gets this node's first view of the tree, once, when it has a position.
func (n *Node) Joined() <-chan coordinator.View { return n.joined }

// now is the time of an input.
func (n *Node) now() replica.Now {
	t := time.Now()
	return replica.Now{Mono: t.Sub(n.began), Unix: t.UnixMilli()}
}

// freshAt is when this node's state was up to date, in nanoseconds since it began; 0
// before it heard from a root.
func (n *Node) freshAt() int64 { return max(n.fresh.Load(), n.led.Load()) }

// nextWriteID names a write that a client brought to this node.
func (n *Node) nextWriteID() version.WriteID {
	return version.WriteID{Node: uint32(n.opts.ID), Counter: n.counter.Add(1)}
}

// parent is whom this node asks and forwards to, or, when it finds no ancestor of
// use, belongs to; false while it has not joined.
func (n *Node) parent() (coordinator.Member, bool) {
	if candidates := n.lineage.candidates(); len(candidates) > 0 {
		return candidates[0], true
	}
	if view := n.view.Load(); view != nil && view.Parent != nil {
		return *view.Parent, true
	}
	return coordinator.Member{}, false
}
