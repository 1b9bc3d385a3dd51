// Package simulation runs the protocol core of a whole tree in virtual time,
// with a network that loses, delays, doubles and reorders messages and with
// processes and disks that fail, all from a seed. What a seed did once it does
// again, so a failure replays exactly.
package simulation

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"
)

// World is virtual time: what happens next, and the one source of chance.
type World struct {
	Rand  *rand.Rand
	now   time.Duration
	next  eventHeap
	count uint64
	trace io.Writer // nil: the trace is hashed only
	hash  interface {
		io.Writer
		Sum64() uint64
	}
}

// NewWorld begins a world at time zero. A trace, if not nil, gets a line for
// everything that happens.
func NewWorld(seed uint64, trace io.Writer) *World {
	return &World{Rand: rand.New(rand.NewPCG(seed, 0x78796c656d)), trace: trace, hash: fnv.New64a()}
}

// Now is the virtual time since the world began.
func (w *World) Now() time.Duration { return w.now }

// After has something happen after a delay.
func (w *World) After(delay time.Duration, do func()) {
	w.count++
	heap.Push(&w.next, event{at: w.now + delay, order: w.count, do: do})
}

// Run lets everything happen that is due before the given time.
func (w *World) Run(until time.Duration) {
	for len(w.next) > 0 && w.next[0].at <= until {
		e := heap.Pop(&w.next).(event)
		w.now = e.at
		e.do()
	}
	w.now = until
}

// Between draws a duration, evenly.
func (w *World) Between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.Rand.Int64N(int64(most-least)+1))
}

// Chance is true with the given probability.
func (w *World) Chance(p float64) bool { return w.Rand.Float64() < p }

// Tracef writes a line of the trace.
func (w *World) Tracef(format string, args ...any) {
	line := fmt.Sprintf("%9.3fms  "+format+"\n", append([]any{float64(w.now) / float64(time.Millisecond)}, args...)...)
	_, _ = io.WriteString(w.hash, line)
	if w.trace != nil {
		_, _ = io.WriteString(w.trace, line)
	}
}

// TraceHash tells whether two runs were the same.
func (w *World) TraceHash() uint64 { return w.hash.Sum64() }

type event struct {
	at    time.Duration
	order uint64 // events of one moment happen in the order in which they were made
	do    func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return last
}
