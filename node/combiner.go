package node

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// combiner is a queue of work that one goroutine at a time does, in order: whoever brings some while nobody is at it
// (flat combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010), or a goroutine of the queue's own, which is woken for
// what nobody else does. To wake it costs more than most of the work; where there is little of it, nobody has to.
// Who is at it must get to end, or the process end (fatal).
type combiner[T any] struct {
	mu      sync.Mutex
	waiting []T
	spare   []T           // memory for those that will wait
	busy    bool          // somebody is at it
	wanted  bool          // its own goroutine would be
	stopped bool          // nothing is taken any more
	wake    chan struct{} // holds a token while the goroutine of its own is to look
}

// init makes the queue, with its own goroutine at work: until that has begun nothing is done.
func (c *combiner[T]) init() { c.wake, c.busy = make(chan struct{}, 1), true }

// add adds work, which the caller sees to: by begin, or signal. It reports whether there is
// still somebody to do it.
func (c *combiner[T]) add(work T) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.waiting = append(c.waiting, work)
	return true
}

// begin reports whether there is something to do and nobody at it. The caller then is, until end.
func (c *combiner[T]) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy || len(c.waiting) == 0 {
		return false
	}
	c.busy = true
	return true
}

// beginIf is begin where what waits is as the caller would have it, and takes just that.
func (c *combiner[T]) beginIf(fits func(waiting []T) bool) (work []T, free bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy || !fits(c.waiting) {
		return nil, false
	}
	c.busy = true
	return c.take(), true
}

// own is begin for the queue's own goroutine, whether or not there is something to do. If
// somebody is at it, the goroutine is woken at the end of that.
func (c *combiner[T]) own() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = c.busy
	if c.busy {
		return false
	}
	c.busy = true
	return true
}

// some reports whether there is something to do.
func (c *combiner[T]) some() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) > 0
}

// next takes all that waits. What was taken before is forgotten.
func (c *combiner[T]) next() []T {
	clear(c.spare)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.take()
}

// take is next where nothing was taken before. c.mu is held.
func (c *combiner[T]) take() []T {
	c.waiting, c.spare = c.spare[:0], c.waiting
	return c.spare
}

// fatal ends the process with a panic of who is at a queue: what it has left half done nobody may go on with. It is
// to be deferred there; a handler of requests would take the panic for its own.
func fatal() {
	if r := recover(); r != nil {
		stack := debug.Stack()
		go panic(fmt.Sprintf("%v\n\n%s", r, stack))
		select {}
	}
}

// end leaves what has come meanwhile to the queue's own goroutine.
func (c *combiner[T]) end() {
	clear(c.spare)
	c.mu.Lock()
	wake := len(c.waiting) > 0 || c.wanted || c.stopped
	c.busy, c.wanted = false, false
	c.mu.Unlock()
	if wake {
		c.signal()
	}
}

// signal wakes the queue's own goroutine.
func (c *combiner[T]) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// leave wakes the queue's own goroutine if there is something to do and nobody at it.
func (c *combiner[T]) leave() {
	c.mu.Lock()
	left := len(c.waiting) > 0 && !c.busy
	c.mu.Unlock()
	if left {
		c.signal()
	}
}

// stop has nothing be taken any more.
func (c *combiner[T]) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.signal()
}

// finished reports whether the queue is stopped and all of it done. It stays so.
func (c *combiner[T]) finished() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped && !c.busy && len(c.waiting) == 0
}
