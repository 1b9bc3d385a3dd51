package node

import (
	"sync"
	"sync/atomic"
	"testing"
)

// What some bring and do themselves, and others leave to the queue's own goroutine, is all done:
// once, by one at a time, in the order in which each brought it.
func TestACombinerDoesAllThatIsBroughtOnceAndInOrder(t *testing.T) {
	const producers, each = 8, 2000
	type work struct{ producer, number int }
	var c combiner[work]
	c.init()
	var at atomic.Int32 // how many are at it
	var last [producers]int
	turn := func() {
		if at.Add(1) != 1 {
			t.Error("two are at it")
		}
		for _, w := range c.next() {
			if w.number != last[w.producer]+1 {
				t.Errorf("did %v after %d", w, last[w.producer])
			}
			last[w.producer] = w.number
		}
		at.Add(-1)
		c.end()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for own := true; ; own = c.own() {
			if own {
				turn()
			}
			if c.finished() {
				return
			}
			<-c.wake
		}
	}()
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			for i := range each {
				if !c.add(work{p, i + 1}) {
					t.Error("nothing is taken any more")
				}
				switch {
				case p%2 == 0:
					c.signal()
				case c.begin():
					turn()
				}
			}
		})
	}
	all.Wait()
	c.stop()
	<-ended
	for p, n := range last {
		if n != each {
			t.Errorf("%d of %d were done for producer %d", n, each, p)
		}
	}
	if c.add(work{}) || c.begin() {
		t.Error("it goes on after its end")
	}
}

func TestACombinerRefusesWhatDoesNotFit(t *testing.T) {
	var c combiner[int]
	c.init()
	if c.begin() {
		t.Error("somebody is at it before its own goroutine is")
	}
	c.end()
	c.add(7)
	if c.beginIf(func(waiting []int) bool { return waiting[0] != 7 }) {
		t.Error("what waits was to be another")
	}
	c.leave()
	if len(c.wake) != 1 {
		t.Error("its own goroutine is not woken for what is left")
	}
	if !c.begin() || len(c.next()) != 1 || c.some() {
		t.Error("it is not done")
	}
	if c.own() {
		t.Error("two are at it")
	}
	<-c.wake
	c.end()
	if len(c.wake) != 1 {
		t.Error("its own goroutine waits on after it was kept off")
	}
}
