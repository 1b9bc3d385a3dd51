package node

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"xylem/coordinator"
)

// family is a lineage whose ancestors are played: NODE-3, NODE-2 above it and the
// root NODE-1.
type family struct {
	*lineage
	now    atomic.Pointer[coordinator.View]
	pings  [4]atomic.Int64 // of NODE-k
	play   atomic.Pointer[pinged]
	useful int
	log    logbook
}

var errDeaf = errors.New("no answer")

// pinged is what NODE-k answers.
type pinged func(ctx context.Context, k int) (linked bool, err error)

// newFamily makes it, and watches it until the test ends. Inside a synctest bubble.
func newFamily(t *testing.T) *family {
	f := &family{}
	f.plays(func(context.Context, int) (bool, error) { return false, errDeaf })
	f.lineage = &lineage{
		timeout: 3 * time.Second, gap: 30 * time.Millisecond, view: f.now.Load, wake: make(chan struct{}, 1),
		shunned: map[coordinator.Member]*shun{}, returned: map[coordinator.Member]time.Time{},
		log: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	f.lineage.useful = func() { f.useful++ }
	f.lineage.ping = func(ctx context.Context, m coordinator.Member) (bool, error) {
		f.pings[m.ID].Add(1)
		return (*f.play.Load())(ctx, m.ID)
	}
	f.see(3, 3, 2, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { f.watch(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

// plays is what the ancestors answer from now on.
func (f *family) plays(answer pinged) { f.play.Store(&answer) }

func ancestor(k int) coordinator.Member {
	return coordinator.Member{ID: k, Address: coordinator.Name(k), Instance: "a"}
}

// see makes the view one with that parent, and those ancestors.
func (f *family) see(parent int, above ...int) {
	p := ancestor(parent)
	view := &coordinator.View{Root: ancestor(1), Parent: &p}
	for _, k := range above {
		view.Ancestors = append(view.Ancestors, ancestor(k))
	}
	f.now.Store(view)
	f.moved()
}

// after lets that much time pass.
func (f *family) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (f *family) wantCandidates(t *testing.T, want ...int) {
	t.Helper()
	var got []int
	for _, m := range f.candidates() {
		got = append(got, m.ID)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the candidates are %v, want %v", got, want)
	}
}

func (f *family) wantPings(t *testing.T, k int, want int64) {
	t.Helper()
	if got := f.pings[k].Load(); got != want {
		t.Fatalf("%s was pinged %d times, want %d", coordinator.Name(k), got, want)
	}
}

func TestCandidatesGoFromTheParentUpward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFamily(t)
		f.wantCandidates(t, 3, 2, 1)
		f.see(2, 3, 2, 1) // NODE-3 is down, says the root
		f.wantCandidates(t, 2, 1)
		f.see(1, 1)
		f.wantCandidates(t, 1)
		f.now.Store(&coordinator.View{Root: ancestor(1)}) // the root's own
		f.wantCandidates(t)
		f.now.Store(nil)
		f.wantCandidates(t)
	})
}

func TestASilentAncestorIsPingedUntilItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFamily(t)
		f.silent(ancestor(3), false, errDeaf)
		f.silent(ancestor(3), false, errDeaf)
		f.wantCandidates(t, 2, 1)
		f.after(3500 * time.Millisecond)
		f.wantCandidates(t, 2, 1)
		if f.pings[3].Load() == 0 {
			t.Error("NODE-3 was not pinged")
		}
		f.plays(func(context.Context, int) (bool, error) { return true, nil })
		f.after(time.Second)
		f.wantCandidates(t, 3, 2, 1)
		last := f.pings[3].Load()
		f.after(5 * time.Second)
		f.wantPings(t, 3, last)
		f.wantPings(t, 2, 0)
		if f.useful != 1 {
			t.Errorf("told %d times that an ancestor is of use again", f.useful)
		}
		if err := errors.Join(f.log.says("does not answer", "NODE-3"), f.log.says("answers again", "NODE-3")); err != nil {
			t.Error(err)
		}
	})
}

// wantFound has the parent come back after an outage, and demands that this is found
// out, when a part of the outage has passed again and the time of one ping.
func (f *family) wantFound(t *testing.T, outage, within time.Duration) {
	t.Helper()
	f.plays(func(context.Context, int) (bool, error) { return false, errDeaf })
	f.silent(ancestor(3), false, errDeaf)
	f.after(outage)
	f.plays(func(context.Context, int) (bool, error) { return true, nil })
	f.after(within)
	f.wantCandidates(t, 3, 2, 1)
}

func TestTheParentIsFoundSoonerTheShorterItWasAway(t *testing.T) {
	for _, all := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFamily(t)
			f.all = all
			f.wantFound(t, 5*time.Second, 5*time.Second/outageShare*5/4)
			if got := f.pings[3].Load(); got > 300 {
				t.Errorf("it was pinged %d times in five seconds", got)
			}
			f.after(2 * f.timeout) // so that it does not come and go
			f.wantFound(t, 100*time.Millisecond, f.gap*5/4)
			f.after(2 * f.timeout)
			before := f.pings[3].Load()
			f.wantFound(t, time.Hour, 5*f.timeout/4)
			if hourly := f.pings[3].Load() - before; hourly > 5000 {
				t.Errorf("it was pinged %d times in an hour", hourly)
			}
		})
	}
}

// One that answers pings and nothing else would be tried again after each of them.
func TestOneThatComesAndGoesIsPingedNoMoreThanUsual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFamily(t)
		f.plays(func(context.Context, int) (bool, error) { return true, nil })
		f.lineage.useful = func() { f.silent(ancestor(3), false, errDeaf) }
		f.silent(ancestor(3), false, errDeaf)
		f.after(10 * time.Second)
		if got := f.pings[3].Load(); got < 5 || got > 15 {
			t.Errorf("it was pinged %d times in ten seconds, want about one in each", got)
		}
	})
}

// It may be well, and another above it silent: then it must not be gone round.
func TestAnAncestorThatLetARequestWaitIsPingedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFamily(t)
		f.plays(func(context.Context, int) (bool, error) { return true, nil })
		f.silent(ancestor(3), true, errDeaf)
		f.after(time.Nanosecond)
		f.wantPings(t, 3, 1)
		f.wantCandidates(t, 3, 2, 1)
	})
}

func TestAHangingAncestorGetsOnePingAtATimeAndDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFamily(t)
		f.plays(func(ctx context.Context, k int) (bool, error) {
			if k == 3 {
				<-ctx.Done()
				return false, ctx.Err()
			}
			return true, nil
		})
		f.silent(ancestor(3), true, errDeaf)
		f.after(500 * time.Millisecond)
		f.silent(ancestor(2), false, errDeaf)
		f.after(1500 * time.Millisecond)
		f.wantPings(t, 3, 1)
		f.wantCandidates(t, 2, 1)
		f.after(3500 * time.Millisecond)
		f.wantPings(t, 3, 2)
		f.wantCandidates(t, 2, 1)
	})
}

func TestACutOffAncestorIsShunnedUntilItHasAWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFamily(t)
		f.plays(func(context.Context, int) (bool, error) { return false, nil })
		f.cutOff(ancestor(3))
		f.cutOff(ancestor(1)) // the root never is
		f.silent(ancestor(2), false, errDeaf)
		f.wantCandidates(t, 1)
		f.after(1500 * time.Millisecond)
		f.wantCandidates(t, 1)
		if got := f.answering(); !slices.Equal(got, []coordinator.Member{ancestor(3), ancestor(2), ancestor(1)}) {
			t.Errorf("%v answer", got)
		}
		f.plays(func(_ context.Context, k int) (bool, error) { return k == 3, nil })
		f.after(time.Second)
		f.wantCandidates(t, 3, 1)
		if f.useful != 1 {
			t.Errorf("told %d times that an ancestor is of use again", f.useful)
		}
	})
}

// newPinging is a family in which a ping of NODE-3 is under way until it is ended, without an answer.
func newPinging(t *testing.T) (f *family, end func()) {
	f = newFamily(t)
	answered := make(chan struct{})
	f.plays(func(context.Context, int) (bool, error) { <-answered; return false, errDeaf })
	f.silent(ancestor(3), true, errDeaf)
	f.after(time.Nanosecond)
	return f, func() { close(answered) }
}

func TestWhoIsNoAncestorAnyMoreIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, end := newPinging(t)
		f.see(2, 2, 1)
		end()
		f.silent(ancestor(3), true, errDeaf)
		f.after(5 * time.Second)
		f.wantPings(t, 3, 1)
		f.see(3, 3, 2, 1)
		f.wantCandidates(t, 3, 2, 1)
	})
}

// A node that is elected has no ancestors any more, and may have asked one a moment ago.
func TestAPingThatEndsAtTheRootIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, end := newPinging(t)
		f.now.Store(&coordinator.View{Root: ancestor(4)})
		f.moved()
		end()
		f.after(5 * time.Second)
		f.wantPings(t, 3, 1)
		f.wantCandidates(t)
	})
}

func TestAnAnswerToAnotherRequestEndsTheShunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFamily(t)
		f.silent(ancestor(1), false, errDeaf)
		f.wantCandidates(t, 3, 2)
		f.answers(ancestor(1)) // the root's answer to an announcement
		f.answers(ancestor(1))
		f.wantCandidates(t, 3, 2, 1)
		if f.useful != 1 {
			t.Errorf("told %d times that an ancestor is of use again", f.useful)
		}
	})
}
