package simulation

import "time"

// Faults is how badly the network behaves. The zero Faults is a good network.
type Faults struct {
	Lose, Double float64       // probabilities, per message
	Slow         float64       // probability that a message takes up to Slowest
	Slowest      time.Duration // late enough to come after its successors
}

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
	t.send(from, to, t.faults.Double, serve, done)
}

// callOnce is call for requests that the transport delivers at most once: a
// write's proof is good for one request, and a connection that was refused
// delivers nothing afterwards.
func (t *Tree) callOnce(from, to *Node, serve func(answer func(any)), done func(any, fate)) {
	t.send(from, to, 0, serve, done)
}

func (t *Tree) send(from, to *Node, double float64, serve func(answer func(any)), done func(any, fate)) {
	boot, ended := from.boot, false
	end := func(answer any, how fate) {
		if !ended && from.boot == boot {
			ended = true
			done(answer, how)
		}
	}
	t.world.After(callTimeout, func() { end(nil, silent) })
	t.deliver(double, func() {
		if !to.up() {
			t.deliver(double, func() { end(nil, refused) })
			return
		}
		receiver := to.boot
		serve(func(answer any) {
			if to.boot == receiver {
				t.deliver(double, func() { end(answer, answered) })
			}
		})
	})
}

// deliver has a message arrive: once, twice or never, sooner or later.
func (t *Tree) deliver(double float64, arrive func()) {
	w, f := t.world, t.faults
	if w.Chance(f.Lose) {
		t.Stats.Lost++
		return
	}
	copies := 1
	if w.Chance(double) {
		copies = 2
	}
	for range copies {
		delay := w.Between(50*time.Microsecond, 2*time.Millisecond)
		if w.Chance(f.Slow) {
			delay = w.Between(delay, f.Slowest)
		}
		w.After(delay, arrive)
	}
}
