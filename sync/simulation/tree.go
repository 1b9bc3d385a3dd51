package simulation

import (
	"errors"
	"fmt"
	"io"
	"time"

	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/version"
)

// Tree is a simulated tree, its clients, and the checker of what they were told.
type Tree struct {
	Stats Stats

	world      *World
	nodes      []*Node
	faults     Faults
	partitions map[*partition]bool
	eager      bool
	schedule   time.Duration
	queueBytes int64 // of each node
	forgets    bool  // tombstones are dropped after seconds
	jumps      bool  // wall clocks may jump when their node starts
	rootJumped bool  // the root's did: nobody can tell it the time while all are cut off from it
	bug        bug

	issued  int // writes of clients
	history history
	loss    loss
	failure error
}

// NewTree makes a tree of the given depth from a seed. Nothing runs yet.
func NewTree(seed uint64, depth int, trace io.Writer) *Tree {
	w := NewWorld(seed, trace)
	t := &Tree{world: w, partitions: make(map[*partition]bool), forgets: w.Chance(0.3), jumps: w.Chance(0.5), eager: w.Chance(0.7), schedule: w.Between(500*time.Millisecond, 5*time.Second)}
	t.history = newHistory()
	t.loss = loss{entries: make(map[version.Version]*store.Entry), keys: make(map[string]bool)}
	t.queueBytes = 1 << 20
	if w.Chance(0.2) {
		t.queueBytes = w.Rand.Int64N(4 << 10)
	}
	for k := range uint32(1<<depth - 1) {
		t.nodes = append(t.nodes, &Node{
			id: k + 1, tree: t, disk: journal.NewMemDisk(w.Rand), skew: t.skew(),
		})
	}
	return t
}

// skew draws by how much a wall clock is wrong.
func (t *Tree) skew() time.Duration { return t.world.Between(-6*time.Hour, 6*time.Hour) }

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
	if t.jumps && t.world.Chance(0.3) {
		t.Stats.Jumps++
		n.skew = t.skew()
		t.rootJumped = t.rootJumped || n.isRoot()
	}
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

// equal reports whether all nodes live and hold the root's state, and no write
// waits to be ordered.
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
		if queued, _ := n.replica.Pending(); queued > 0 || v != at || d.String() != digest {
			return false
		}
	}
	return true
}
