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
	relay      bool // nodes pass pushes on to those below them
	gathers    bool // Scenario.Hold
	pace       time.Duration
	schedule   time.Duration
	queueBytes int64 // of each node
	forgets    bool  // tombstones are dropped after seconds
	jumps      bool  // wall clocks may jump when their node starts
	rootTime   rootTime
	bug        bug
	ensemble   *ensemble // nil where NODE-1 is the root

	issued    int // writes of clients
	history   history
	wiped     bool // the root's disk was replaced by an empty one
	abandoned bool // something that was shown is on no history any more
	failure   error
}

// NewTree makes a tree of the given depth from a seed. Nothing runs yet.
func NewTree(seed uint64, depth int, trace io.Writer) *Tree {
	w := NewWorld(seed, trace)
	t := &Tree{world: w, partitions: make(map[*partition]bool), forgets: w.Chance(0.3), jumps: w.Chance(0.5), eager: w.Chance(0.7), schedule: w.Between(500*time.Millisecond, 5*time.Second)}
	t.history = newHistory()
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

// root is the root that there is, or, where it is elected and there is none, NODE-1.
func (t *Tree) root() *Node {
	if t.ensemble != nil && t.ensemble.holder.node != 0 {
		return t.node(t.ensemble.holder.node)
	}
	return t.nodes[0]
}

// fail keeps the first thing that must not happen.
func (t *Tree) fail(format string, args ...any) {
	for i, arg := range args {
		if e, is := arg.(*store.Entry); is {
			args[i] = text(e)
		}
	}
	if t.failure == nil {
		t.failure = fmt.Errorf("at %v: "+format, append([]any{t.world.Now()}, args...)...)
		t.world.Tracef("FAILED: %v", t.failure)
	}
}

// text is an entry in a few words.
func text(e *store.Entry) string {
	if e == nil {
		return "nothing"
	}
	return fmt.Sprintf("{%q %v by %v with %v, if %v}", e.Value, e.Version, e.Write, e.Stamp, e.Condition())
}

// startAll starts every node that is down.
func (t *Tree) startAll() {
	for _, n := range t.nodes {
		if !n.up() && !n.away {
			t.start(n)
		}
	}
}

func (t *Tree) start(n *Node) {
	if t.jumps && t.world.Chance(0.3) {
		t.Stats.Jumps++
		n.skew = t.skew()
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
	if t.ensemble != nil && !t.ensemble.holder.serving {
		return false
	}
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
