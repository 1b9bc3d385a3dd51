package simulation

import "time"

// Faults is how badly the network behaves. The zero Faults is a good network.
type Faults struct {
	Lose, Double float64       // probabilities, per message
	Slow         float64       // probability that a message takes up to Slowest
	SlowWrites   float64       // the same for batches of writes and their results, where higher
	Slowest      time.Duration // late enough to come after its successors
}

// slowest is how long a message may take.
const slowest = 3 * time.Second

// callTimeout is how long a caller waits for an answer.
const callTimeout = time.Second

// fate is how a call ended without an answer.
type fate byte

const (
	answered fate = iota
	refused       // nobody listened: the call had no effect
	silent        // no answer came: it may have had one
)

// call sends a request from one node to another. serve runs at the receiver, if
// it lives, and answers through its argument, at once or later; done runs once at
// the caller, if it still lives.
func (t *Tree) call(from, to *Node, serve func(answer func(any)), done func(any, fate)) {
	t.send(from, to, t.faults, serve, done)
}

// callOnce is call for requests that the transport delivers at most once: a
// write's proof is good for one request, and a connection that was refused
// delivers nothing afterwards.
func (t *Tree) callOnce(from, to *Node, serve func(answer func(any)), done func(any, fate)) {
	f := t.faults
	f.Double, f.Slow = 0, max(f.Slow, f.SlowWrites)
	t.send(from, to, f, serve, done)
}

func (t *Tree) send(from, to *Node, f Faults, serve func(answer func(any)), done func(any, fate)) {
	boot, ended := from.boot, false
	end := func(answer any, how fate) {
		if !ended && from.boot == boot {
			ended = true
			from.do(func() { done(answer, how) })
		}
	}
	t.world.After(callTimeout, func() { end(nil, silent) })
	if _, told := t.severed(from, to); told {
		t.world.After(t.transit(), func() { end(nil, refused) })
		return
	}
	t.deliver(from, to, f, func() {
		if !to.up() {
			t.deliver(to, from, f, func() { end(nil, refused) })
			return
		}
		receiver := to.boot
		to.do(func() {
			serve(func(answer any) {
				if to.boot == receiver {
					t.deliver(to, from, f, func() { end(answer, answered) })
				}
			})
		})
	})
}

// deliver has a message arrive: once, twice or never, sooner or later.
func (t *Tree) deliver(from, to *Node, f Faults, arrive func()) {
	w := t.world
	if severed, _ := t.severed(from, to); severed || w.Chance(f.Lose) {
		t.Stats.Lost++
		return
	}
	copies := 1
	if w.Chance(f.Double) {
		copies = 2
	}
	for range copies {
		delay := t.transit()
		if w.Chance(f.Slow) {
			delay = w.Between(delay, f.Slowest)
		}
		w.After(delay, arrive)
	}
}

// transit is how long a message takes on a good day.
func (t *Tree) transit() time.Duration {
	return t.world.Between(50*time.Microsecond, 2*time.Millisecond)
}
