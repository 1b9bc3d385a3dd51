package simulation

import (
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
	w.Run(s.Hurt)

	t.faults = Faults{}
	t.startAll()
	healed := w.Now()
	for !t.equalAndIdle() && w.Now() < healed+s.Heal && t.failure == nil {
		w.Run(w.Now() + 100*time.Millisecond)
	}
	if t.failure == nil {
		t.settle()
	}
	if t.failure != nil {
		return t.Stats, w.TraceHash(), fmt.Errorf("seed %d: %w", seed, t.failure)
	}
	return t.Stats, w.TraceHash(), nil
}

// equalAndIdle reports whether the tree is equal and late messages are gone.
func (t *Tree) equalAndIdle() bool {
	return t.equal() && t.world.Now() > t.faults.Slowest && t.history.applied[1].boot == t.root().boot
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
					t.start(n)
				}
			})
		})
	}
}
