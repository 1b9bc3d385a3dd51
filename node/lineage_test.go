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
	pings  [4]int // of NODE-k
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
		timeout: 3 * time.Second, view: f.now.Load, wake: make(chan struct{}, 1), shunned: map[coordinator.Member]*shun{},
		log: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	f.lineage.useful = func() { f.useful++ }
	f.lineage.ping = func(ctx context.Context, m coordinator.Member) (bool, error) {
		f.pings[m.ID]++
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

func (f *family) wantPings(t *testing.T, k, want int) {
	t.Helper()
	if f.pings[k] != want {
		t.Fatalf("%s was pinged %d times, want %d", coordinator.Name(k), f.pings[k], want)
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
		f.wantPings(t, 3, 3)
		f.wantCandidates(t, 2, 1)
		f.plays(func(context.Context, int) (bool, error) { return true, nil })
		f.after(time.Second)
		f.wantCandidates(t, 3, 2, 1)
		f.after(5 * time.Second)
		f.wantPings(t, 3, 4)
		f.wantPings(t, 2, 0)
		if f.useful != 1 {
			t.Errorf("told %d times that an ancestor is of use again", f.useful)
		}
		if err := errors.Join(f.log.says("does not answer", "NODE-3"), f.log.says("answers again", "NODE-3")); err != nil {
			t.Error(err)
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
		f.after(time.Second)
		f.wantPings(t, 3, 1)
		f.wantCandidates(t, 2, 1)
		f.after(4 * time.Second)
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

func TestWhoIsNoAncestorAnyMoreIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFamily(t)
		begin := make(chan struct{})
		f.plays(func(context.Context, int) (bool, error) { <-begin; return false, errDeaf })
		f.silent(ancestor(3), true, errDeaf)
		f.after(time.Nanosecond)
		f.see(2, 2, 1)
		close(begin) // the ping that was under way ends
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
		f := newFamily(t)
		begin := make(chan struct{})
		f.plays(func(context.Context, int) (bool, error) { <-begin; return false, errDeaf })
		f.silent(ancestor(3), true, errDeaf)
		f.after(time.Nanosecond)
		f.now.Store(&coordinator.View{Root: ancestor(4)})
		f.moved()
		close(begin)
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
