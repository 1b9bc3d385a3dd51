package replica

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/sync/version"
	"xylem/sync/wire"
)

func TestQueuedWritesAreStampedInTheRootsTime(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := memberScript(t)
	s.now.Unix += time.Hour.Milliseconds() // wrong by an hour
	in := o.snapshot()
	in.Header.Sent = wallClock + 5000
	s.push(in)
	for len(s.asked) > 0 {
		s.persisted()
	}
	s.cutOff()
	stampOf := func(counter uint64) int64 {
		t.Helper()
		s.client(fmt.Sprintf("b=1 by 2-%d", counter))
		s.persisted()
		queue := s.core.queue.local.Queue
		return queue[len(queue)-1].Stamp.UnixMillis() - wallClock
	}
	if got := stampOf(1); got != 5000 {
		t.Errorf("the stamp is %d ms after the start, want 5000", got)
	}
	s.after(time.Minute)
	if got := stampOf(2); got != 65_000 {
		t.Errorf("a minute later it is %d", got)
	}
	s.now.Unix -= time.Hour.Milliseconds() // restart makes an hour pass
	s.restart()
	s.cutOff()
	if got := stampOf(3); got != 65_000 {
		t.Errorf("after a restart in the same moment it is %d", got)
	}
}

func TestProvisionalStampsAreMadeFinal(t *testing.T) {
	for _, jump := range []time.Duration{-time.Hour, 0, time.Hour} {
		s := queueScript(t)
		s.step(RootTime{Epoch: s.core.store.Meta().Epoch, Millis: wallClock})
		s.cutOff()
		s.client("a=2 by 2-1")
		s.persisted()
		s.now.Unix += (jump - time.Hour).Milliseconds() // restart makes an hour pass
		s.restart()
		s.trace = ""
		s.client("a=3 by 2-2")
		s.client("b=1 by 2-3")
		s.persisted()
		s.after(time.Minute)
		s.client("b=2 by 2-4")
		s.step(RootTime{Epoch: s.core.store.Meta().Epoch, Millis: wallClock + 62_000})
		for len(s.asked) > 0 {
			if countForwards(s) > 0 && s.core.queue.local.Provisional > 0 {
				t.Fatalf("%v: it sends what is not final:\n%s", jump, s.trace)
			}
			s.persisted()
		}
		for range 2 {
			var stamps []int64
			for _, e := range s.recovered().Local.Queue {
				stamps = append(stamps, e.Stamp.UnixMillis()-wallClock)
			}
			want := []int64{0, 2000, 2000, 62_000}
			if !slices.Equal(stamps, want) {
				t.Fatalf("%v: the stamps are %v, want %v:\n%s", jump, stamps, want, s.trace)
			}
			s.step(CompactDue{})
			s.cutOff()
			s.client("x=1 by 2-9") // now the journal is written anew
		}
		s.see("a", "3", "b", "2")
		if countForwards(s) != 1 {
			t.Errorf("%v: %d batches were sent:\n%s", jump, countForwards(s), s.trace)
		}
	}
}

func TestAFullDiskKeepsNobodyWaitingForFinalStamps(t *testing.T) {
	s := queueScript(t)
	s.restart()
	s.client("a=2 by 2-1")
	s.persisted()
	s.step(RootTime{Epoch: s.core.store.Meta().Epoch, Millis: s.core.RootMillis()})
	s.step(&Submit{Ref: 90, Writes: []wire.Write{parseWrite(t, "b=1 by 2-2")}, Client: true, Async: true})
	s.fails(Full)
	if got := lastReply(s); got != "the queue is full" {
		t.Errorf("it answers %s", got)
	}
	s.step(&Submit{Ref: 91, Writes: []wire.Write{parseWrite(t, "b=1 by 2-3")}, Client: true, Async: true})
	if !strings.Contains(s.trace, "-> reply #91: the queue is full") {
		t.Errorf("it answers %s", lastReply(s))
	}
	s.after(s.cfg.RetryMax)
	s.step(Wake{})
	s.persisted()
	if countForwards(s) != 1 {
		t.Errorf("%d batches were sent:\n%s", countForwards(s), s.trace)
	}
}

func TestWhatWasTakenBeforeTheFirstPushIsNotLaterThanIt(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := queueScript(t)
	s.step(RootTime{Epoch: 1, Millis: wallClock})
	s.restart()
	s.client("a=2 by 2-1")
	s.persisted()
	s.after(time.Minute)
	o.clock.Observe(version.StampAt(wallClock + time.Hour.Milliseconds() + 59_000)) // restart makes an hour pass
	in := o.write("a=3").delta("1.1")
	in.Header.Sent = wallClock + time.Hour.Milliseconds() + 60_000
	s.push(in)
	for len(s.asked) > 0 {
		s.persisted()
	}
	s.see("a", "3")
	if e := s.core.queue.local.Queue[0]; e.Stamp.UnixMillis() > wallClock+time.Hour.Milliseconds() {
		t.Errorf("its stamp is %d ms after it was taken", e.Stamp.UnixMillis()-wallClock-time.Hour.Milliseconds())
	}
}

func TestASlowPushDoesNotSetTheTimeBack(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := memberScript(t)
	s.step(RootTime{Epoch: 1, Millis: wallClock})
	s.after(3 * time.Second)
	in := o.snapshot()
	in.Header.Sent = wallClock
	s.push(in)
	for len(s.asked) > 0 {
		s.persisted()
	}
	if got := s.core.RootMillis(); got != wallClock+3000 {
		t.Errorf("the root's time is thought to be %d ms after the start", got-wallClock)
	}
	lag := s.core.Lag()
	if since, known := lag.Since(); !known || since != 0 {
		t.Errorf("the state is thought to be of %v", since)
	}
}

// The root was away for ten minutes, and its clock was set back meanwhile: what a member
// queued when it had just gone does not win over what is written when it is back.
func TestARootWhoseClockWasSetBackIsToldTheTime(t *testing.T) {
	s := openRoot(t, "a=1")
	s.now.Unix -= 2 * time.Hour.Milliseconds() // restart makes an hour pass
	s.restart()
	s.submit("a=3")
	s.step(&Announced{Ref: 3, Node: 3, RootMillis: wallClock + 599_000})
	s.step(&Announced{Ref: 2, Node: 2, RootMillis: wallClock + 600_000})
	if !s.core.Adopting() || s.core.Epoch() != 0 {
		t.Fatalf("it does not wait:\n%s", s.trace)
	}
	s.wake()
	s.persisted()
	s.persisted()
	if at := s.stampOf("a").UnixMillis(); at != wallClock+600_000+s.cfg.Grace.Milliseconds() {
		t.Errorf("what comes next is stamped %d ms after the start", at-wallClock)
	}
	s.submit("a=2 at 5000 by 2-7")
	if got := lastReply(s); got != "superseded 2.2" {
		t.Errorf("what was queued when it had gone is %s", got)
	}
}

// Also a run that ordered nothing has told its members the time.
func TestARootKnowsWhenItsLastEpochBegan(t *testing.T) {
	s := openRoot(t, "a=1")
	for _, passed := range []time.Duration{time.Hour, -time.Minute} {
		s.now.Unix += (passed - time.Hour).Milliseconds() // restart makes an hour pass
		s.restart()
		if back := passed < 0; s.core.Adopting() != back {
			t.Errorf("%v later it waits for the time: %v", passed, !back)
		}
		if !s.core.Adopting() {
			s.persisted()
		}
	}
}
