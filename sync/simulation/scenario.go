package simulation

import (
	"errors"
	"fmt"
	"io"
	"time"

	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// Scenario is how long and how badly a tree is hurt before it heals.
type Scenario struct {
	Depth  int
	Hurt   time.Duration
	Heal   time.Duration // bound of the time to become equal again
	Writes int           // about how many clients issue while it is hurt
	Keys   int
}

// DefaultScenario is what a seed runs: seven nodes, ten seconds of faults.
func DefaultScenario() Scenario {
	return Scenario{Depth: 3, Hurt: 10 * time.Second, Heal: 2 * time.Minute, Writes: 300, Keys: 40}
}

// Run plays a scenario from a seed, and returns what was done, a hash of all
// that happened, and what went wrong, if anything.
func Run(seed uint64, s Scenario, trace io.Writer) (Stats, uint64, error) {
	t := NewTree(seed, s.Depth, trace)
	w := t.world
	t.faults = Faults{
		Lose: w.Rand.Float64() * 0.2, Double: w.Rand.Float64() * 0.2,
		Slow: w.Rand.Float64() * 0.2, Slowest: 3 * time.Second,
	}
	t.startAll()
	w.Run(time.Second)
	t.scheduleWrites(s)
	t.scheduleCrashes(s)
	t.scheduleDiskFaults(s)
	w.Run(s.Hurt)

	late := w.Now() + t.faults.Slowest // until then messages from before may come
	t.faults = Faults{}
	t.restartFailed()
	t.startAll()
	healed := w.Now()
	for (!t.equal() || w.Now() < late) && w.Now() < healed+s.Heal && t.failure == nil {
		w.Run(w.Now() + 100*time.Millisecond)
		t.restartFailed()
		t.startAll()
	}
	if t.failure == nil {
		t.settle()
	}
	if t.failure != nil {
		return t.Stats, w.TraceHash(), fmt.Errorf("seed %d: %w", seed, t.failure)
	}
	return t.Stats, w.TraceHash(), nil
}

// scheduleWrites has clients write at random nodes, spread over the hurt time.
func (t *Tree) scheduleWrites(s Scenario) {
	w := t.world
	for i := range s.Writes {
		w.After(w.Between(0, s.Hurt-w.Now()), func() { t.clientWrites(i, s.Keys) })
	}
}

func (t *Tree) clientWrites(i, keys int) {
	w := t.world
	n := t.nodes[w.Rand.IntN(len(t.nodes))]
	if !n.up() {
		return
	}
	n.counter++
	write := wire.Write{
		ID:  version.WriteID{Node: n.id, Counter: n.counter},
		Key: fmt.Sprintf("key-%d", w.Rand.IntN(keys)),
	}
	if !w.Chance(0.2) {
		write.Value = fmt.Sprintf(`"value %d"`, i)
	}
	if w.Chance(0.1) {
		write.If.Kind = wire.Absent
	}
	n.submit([]wire.Write{write}, func(reply replica.Reply) { t.told(n, write, reply.Results[0]) })
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
			w.After(w.Between(0, 3*time.Second), func() {
				if !n.up() {
					n.disk.SetFree(-1) // nobody starts a node on a full disk
					t.start(n)
				}
			})
		})
	}
}
