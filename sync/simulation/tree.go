package simulation

import (
	"errors"
	"fmt"
	"io"
	"time"

	"xylem/store/journal"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// Tree is a simulated tree, its clients, and the checker of what they were told.
type Tree struct {
	Stats Stats

	world    *World
	nodes    []*Node
	faults   Faults
	eager    bool
	schedule time.Duration
	history  history
	failure  error
	wiped    bool // the root's disk was replaced by an empty one
}

// Stats counts what a run did, so that a run that proves nothing is found out.
type Stats struct {
	Acknowledged, Refused, Unknown int // writes, by what the client was told
	Kills, PowerCuts, DiskFaults   int
	Lost                           int // messages
	Forwards                       int // batches sent to parents
	Heartbeats, Deltas, Snapshots  int // pushes begun
}

// Add adds what another run did.
func (s *Stats) Add(other Stats) {
	s.Acknowledged += other.Acknowledged
	s.Refused += other.Refused
	s.Unknown += other.Unknown
	s.Kills += other.Kills
	s.PowerCuts += other.PowerCuts
	s.DiskFaults += other.DiskFaults
	s.Lost += other.Lost
	s.Forwards += other.Forwards
	s.Heartbeats += other.Heartbeats
	s.Deltas += other.Deltas
	s.Snapshots += other.Snapshots
}

// pushed counts a push.
func (s *Stats) pushed(kind wire.Kind) {
	switch kind {
	case wire.Heartbeat:
		s.Heartbeats++
	case wire.Delta:
		s.Deltas++
	case wire.Snapshot:
		s.Snapshots++
	}
}

// NewTree makes a tree of the given depth from a seed. Nothing runs yet.
func NewTree(seed uint64, depth int, trace io.Writer) *Tree {
	w := NewWorld(seed, trace)
	t := &Tree{world: w, eager: w.Chance(0.7), schedule: w.Between(500*time.Millisecond, 5*time.Second)}
	t.history = newHistory()
	for k := range uint32(1<<depth - 1) {
		t.nodes = append(t.nodes, &Node{
			id: k + 1, tree: t, disk: journal.NewMemDisk(w.Rand), skew: w.Between(-time.Hour, time.Hour),
		})
	}
	return t
}

func (t *Tree) node(id uint32) *Node { return t.nodes[id-1] }
func (t *Tree) root() *Node          { return t.nodes[0] }

// fail keeps the first thing that must not happen.
func (t *Tree) fail(format string, args ...any) {
	if t.failure == nil {
		t.failure = fmt.Errorf("at %v: "+format, append([]any{t.world.Now()}, args...)...)
		t.world.Tracef("FAILED: %v", t.failure)
	}
}

// startAll starts every node that is down.
func (t *Tree) startAll() {
	for _, n := range t.nodes {
		if !n.up() {
			t.start(n)
		}
	}
}

func (t *Tree) start(n *Node) {
	err := n.start()
	switch {
	case errors.Is(err, errFlush) || errors.Is(err, journal.ErrNoSpace):
		n.stop(false)
		t.world.After(100*time.Millisecond, func() {
			if !n.up() {
				n.disk.SetFree(-1) // nobody starts a node on a full disk
				t.start(n)
			}
		})
	case err != nil:
		t.fail("NODE-%d does not start: %v", n.id, err)
	}
}

// equal reports whether all nodes live and hold the root's state.
func (t *Tree) equal() bool {
	at, digest := version.Version{}, ""
	for i, n := range t.nodes {
		if !n.up() {
			return false
		}
		v, d := n.store.Digest()
		if i == 0 {
			at, digest = v, d.String()
		}
		if v != at || d.String() != digest {
			return false
		}
	}
	return true
}
