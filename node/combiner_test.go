package node

import (
	"errors"
	"os"
	"os/exec"
	"strings"
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
	if _, free := c.beginIf(func(waiting []int) bool { return waiting[0] != 7 }); free {
		t.Error("what waits was to be another")
	}
	c.leave()
	if len(c.wake) != 1 {
		t.Error("its own goroutine is not woken for what is left")
	}
	work, free := c.beginIf(func(waiting []int) bool { return waiting[0] == 7 })
	if !free || len(work) != 1 || c.some() {
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

// A handler of requests recovers from panics; a queue that somebody left half way must not
// outlive that.
func TestAPanicOfWhoIsAtAQueueEndsTheProcess(t *testing.T) {
	if os.Getenv("XYLEM_TEST_PANIC") != "" {
		func() {
			defer func() { _ = recover() }()
			defer fatal()
			panic("a bug in the core")
		}()
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "XYLEM_TEST_PANIC=1")
	said, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(said), "a bug in the core") {
		t.Errorf("it ended with %v, and said: %s", err, said)
	}
}
