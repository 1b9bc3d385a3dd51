package simulation

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Scenario is how long and how badly a tree is hurt before it heals.
type Scenario struct {
	Depth  int
	Hurt   time.Duration
	Heal   time.Duration // bound of the time to become equal again
	Writes int           // about how many clients issue while it is hurt
	Keys   int

	// LoseDisk has the root lose its disk and the network delay writes, and nothing
	// else: what no member's base has is lost then, and only that.
	LoseDisk bool

	// Elected has the root elected, and replaced when it is gone.
	Elected bool

	// Relay has nodes pass pushes on to those below them.
	Relay bool

	// Hold has nodes bring to the core together what comes while they answer, as a process
	// does.
	Hold bool

	// Pace is the least time between the begins of pushes to one member that follow each
	// other at once, from the third of them on. A node has a millisecond.
	Pace time.Duration

	bug bug // planted
}

// DefaultScenario is what a seed runs: seven nodes, ten seconds of faults.
func DefaultScenario() Scenario {
	return Scenario{Depth: 3, Hurt: 10 * time.Second, Heal: 2 * time.Minute, Writes: 300, Keys: 40}
}

// ElectedScenario is the same with a root that is elected: roots are killed, frozen,
// parted from the ensemble that elects them, from their members, or from both.
func ElectedScenario() Scenario {
	s := DefaultScenario()
	s.Elected, s.Hurt = true, 16*time.Second
	return s
}

// Run plays a scenario from a seed, and returns what was done, a hash of all
// that happened, and what went wrong, if anything.
func Run(seed uint64, s Scenario, trace io.Writer) (Stats, uint64, error) {
	t := NewTree(seed, s.Depth, trace)
	t.bug, t.relay, t.gathers, t.pace = s.bug, s.Relay, s.Hold, s.Pace
	w := t.world
	bad := w.Rand.Float64()
	t.faults = Faults{
		Lose: bad * bad * 0.2, Double: w.Rand.Float64() * 0.2,
		Slow: w.Rand.Float64() * 0.1, Slowest: slowest,
	}
	if s.Elected {
		t.ensemble = newEnsemble(t)
	}
	t.startAll()
	w.Run(time.Second)
	if s.Elected { // the first root may have to wait for an answer that is lost
		w.Run(2 * time.Second)
	}
	t.scheduleClients(s)
	switch {
	case s.LoseDisk:
		t.forgets = false
		t.faults = Faults{Double: t.faults.Double, SlowWrites: 0.5, Slowest: callTimeout}
		t.scheduleLoss(s)
	default:
		t.scheduleCrashes(s)
		t.scheduleDiskFaults(s)
		t.schedulePartitions(s)
	}
	if s.Elected {
		t.scheduleFreezes(s)
		t.scheduleMoves(s)
	}
	w.Run(s.Hurt)
	t.heal(s)
	if t.failure == nil {
		t.settle()
	}
	if t.failure != nil {
		return t.Stats, w.TraceHash(), fmt.Errorf("seed %d: %w", seed, t.failure)
	}
	return t.Stats, w.TraceHash(), nil
}

// heal ends all faults, and lets time pass until all nodes are equal.
func (t *Tree) heal(s Scenario) {
	w := t.world
	late := w.Now() + t.faults.Slowest // until then messages from before may come
	t.faults = Faults{}
	t.healAll()
	for _, n := range t.nodes {
		if n.away {
			late = max(late, w.Now()+6*time.Second)
			w.After(w.Between(0, 5*time.Second), func() { n.away = false })
		}
	}
	t.restartFailed()
	t.startAll()
	healed := w.Now()
	for (!t.equal() || w.Now() < late) && w.Now() < healed+s.Heal && t.failure == nil {
		w.Run(w.Now() + 100*time.Millisecond)
		t.restartFailed()
		t.startAll()
	}
}

// scheduleClients has clients write and read at random nodes, spread over the hurt
// time.
func (t *Tree) scheduleClients(s Scenario) {
	w := t.world
	sessions := make([]*session, 8)
	for i := range sessions {
		sessions[i] = &session{tree: t}
	}
	for range s.Writes {
		client := sessions[w.Rand.IntN(len(sessions))]
		w.After(w.Between(0, s.Hurt-w.Now()), func() { client.write(s.Keys) })
		w.After(w.Between(0, s.Hurt-w.Now()), func() { client.readAny(s.Keys) })
	}
}

var errFlush = errors.New("the disk refuses to flush")

// scheduleDiskFaults has disks refuse a flush, after which a node's journal is of
// no use until it starts again, or run out of space for a while.
func (t *Tree) scheduleDiskFaults(s Scenario) {
	w := t.world
	for range w.Rand.IntN(4) {
		w.After(w.Between(0, s.Hurt-w.Now()), func() {
			n := t.nodes[w.Rand.IntN(len(t.nodes))]
			if w.Chance(0.5) {
				n = t.root()
			}
			t.Stats.DiskFaults++
			if w.Chance(0.3) {
				n.disk.FailNextSync(errFlush)
				return
			}
			n.disk.SetFree(w.Rand.Int64N(2000))
			w.After(w.Between(0, 2*time.Second), func() { n.disk.SetFree(-1) })
		})
	}
}

// restartFailed gives every disk space again and stops the nodes whose journal has
// failed, as their operators would.
func (t *Tree) restartFailed() {
	for _, n := range t.nodes {
		n.disk.SetFree(-1)
		if n.up() && n.failed {
			n.stop(false)
		}
	}
}

// restart is what the operator of a node does whose journal has failed.
func (n *Node) restart() {
	n.stop(false)
	n.disk.SetFree(-1)
	n.tree.start(n)
}

// scheduleCrashes has processes killed, or their power cut, and started again.
func (t *Tree) scheduleCrashes(s Scenario) {
	w := t.world
	for range 2 + w.Rand.IntN(8) {
		w.After(w.Between(0, s.Hurt-w.Now()), func() {
			n := t.nodes[w.Rand.IntN(len(t.nodes))]
			if w.Chance(0.4) {
				n = t.root()
			}
			if !n.up() {
				return
			}
			power := w.Chance(0.5)
			if power {
				t.Stats.PowerCuts++
			} else {
				t.Stats.Kills++
			}
			n.stop(power)
			n.away = s.Elected && w.Chance(0.2)
			w.After(w.Between(0, 2*time.Second), func() {
				if !n.up() && !n.away {
					n.disk.SetFree(-1) // nobody starts a node on a full disk
					t.start(n)
				}
			})
		})
	}
}
