package coordinator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// errAway is what announcing to a root that is away returns.
var errAway = errors.New("connection refused")

// fakeRoot answers announcements, and keeps when they came.
type fakeRoot struct {
	start     time.Time
	answer    func(ctx context.Context, self Member) (View, error)
	calls     []time.Duration
	delivered []View
	withdrawn int
	log       bytes.Buffer
}

// run runs the Embedded of NODE-3 until ctx ends. Inside a synctest bubble.
func (r *fakeRoot) run(ctx context.Context) error {
	r.start = time.Now()
	e := Embedded{
		Self: process(3, "a"), LivenessTimeout: 3 * time.Second,
		Announce: func(ctx context.Context, self Member) (View, error) {
			r.calls = append(r.calls, time.Since(r.start))
			return r.answer(ctx, self)
		},
		Withdraw: func(context.Context, Member) error { r.withdrawn++; return nil },
		Logger:   slog.New(slog.NewTextHandler(&r.log, nil)),
	}
	return e.Run(ctx, func(v View) { r.delivered = append(r.delivered, v) })
}

// view is an answer of that revision.
func (r *fakeRoot) view(revision uint64, root string) View {
	return View{Revision: revision, Root: process(1, root), Self: process(3, "a"), Position: 2}
}

// wantCalls fails the test unless the announcements came at those seconds.
func (r *fakeRoot) wantCalls(t *testing.T, seconds ...time.Duration) {
	t.Helper()
	for i := range seconds {
		seconds[i] *= time.Second
	}
	if !slices.Equal(r.calls, seconds) {
		t.Fatalf("announced at %v, want %v", r.calls, seconds)
	}
}

// wantLog fails the test unless the log holds the words so often.
func (r *fakeRoot) wantLog(t *testing.T, times int, words string) {
	t.Helper()
	if got := strings.Count(r.log.String(), words); got != times {
		t.Fatalf("logged %q %d times, want %d:\n%s", words, got, times, r.log.String())
	}
}

// within is a context that ends after so long.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestAMemberGivesSignsAndHearsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fakeRoot{}
		r.answer = func(context.Context, Member) (View, error) {
			switch n := len(r.calls); {
			case n <= 2:
				return r.view(5, "x"), nil
			case n == 3:
				return r.view(6, "x"), nil
			default: // another root process that happens to be at the same revision
				return r.view(6, "y"), nil
			}
		}
		if err := r.run(within(t, 4500*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		r.wantCalls(t, 0, 1, 2, 3, 4)
		got := ""
		for _, v := range r.delivered {
			got += fmt.Sprint(v.Revision, v.Root.Instance, " ")
		}
		if got != "5x 6x 6y " || r.withdrawn != 1 {
			t.Fatalf("delivered %s, withdrew %d times", got, r.withdrawn)
		}
		r.wantLog(t, 1, "joined the tree")
	})
}

func TestARootThatIsAwayIsAskedEverMoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fakeRoot{}
		r.answer = func(context.Context, Member) (View, error) {
			if now := time.Since(r.start); now == 0 || now > 9*time.Second {
				return r.view(5, "x"), nil
			}
			return View{}, errAway
		}
		if err := r.run(within(t, 12500*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		r.wantCalls(t, 0, 1, 2, 4, 7, 10, 11, 12)
		if len(r.delivered) != 1 {
			t.Fatalf("delivered %v", r.delivered)
		}
		r.wantLog(t, 1, "does not answer")
		r.wantLog(t, 1, "answers again")
	})
}

func TestAHangingRootCostsTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fakeRoot{answer: func(ctx context.Context, _ Member) (View, error) {
			<-ctx.Done()
			return View{}, ctx.Err()
		}}
		if err := r.run(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		r.wantCalls(t, 0, 3, 6, 9)
		r.wantLog(t, 1, "no answer within the liveness timeout")
		if r.withdrawn != 0 {
			t.Fatal("withdrew what never was a member")
		}
	})
}

func TestATakenNameIsAskedForUntilItsOldProcessMustBeGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := fmt.Errorf("NODE-3: %w", ErrNameTaken)
		r := fakeRoot{answer: func(context.Context, Member) (View, error) { return View{}, taken }}
		wantError(t, r.run(t.Context()), ErrNameTaken)
		r.wantCalls(t, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		r.wantLog(t, 1, "another process has this name")

		r = fakeRoot{}
		r.answer = func(context.Context, Member) (View, error) {
			if time.Since(r.start) < 5*time.Second {
				return View{}, taken
			}
			return r.view(5, "x"), nil
		}
		if err := r.run(within(t, 30*time.Second)); err != nil || len(r.delivered) != 1 {
			t.Fatal(err, r.delivered)
		}
	})
}

func TestANameOutsideTheTreeEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fakeRoot{answer: func(context.Context, Member) (View, error) { return View{}, ErrOutsideTree }}
		wantError(t, r.run(t.Context()), ErrOutsideTree)
		r.wantCalls(t, 0)
	})
}

func TestAnAnswerAboutAnotherIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fakeRoot{answer: func(context.Context, Member) (View, error) { return View{}, nil }}
		if err := r.run(within(t, 500*time.Millisecond)); err != nil || len(r.delivered) != 0 {
			t.Fatal(err, r.delivered)
		}
		r.wantLog(t, 1, "does not answer")
	})
}

func TestEmbeddedChecksItsFields(t *testing.T) {
	announce := func(context.Context, Member) (View, error) { return View{}, nil }
	for _, e := range []Embedded{
		{},
		{Self: process(3, "a"), LivenessTimeout: silence},
		{Self: process(3, "a"), Announce: announce},
		{LivenessTimeout: silence, Announce: announce},
	} {
		wantError(t, e.Run(t.Context(), nil), ErrIncomplete)
	}
}

func TestTheRootHearsOfItsOwnTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		views := make(chan View, 10)
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx, func(v View) { views <- v }) }()
		if v := <-views; v.Position != 1 || len(v.Children) != 0 {
			t.Fatalf("%+v", v)
		}
		join(t, d, process(3, "a"), noon)
		if v := <-views; len(v.Children) != 1 {
			t.Fatalf("%+v", v)
		}
		d.SetEpoch(2)
		if v := <-views; v.Epoch != 2 {
			t.Fatalf("%+v", v)
		}
		d.SetEpoch(2)
		if _, err := d.Alive(3, "a", noon); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; err != nil || len(views) != 0 {
			t.Fatal(err, len(views))
		}
	})
}

// The whole of it: a member, its root, and the root's restart.
func TestEmbeddedWithADirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := NewDirectory(3, 3*time.Second, process(1, "x"), nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r := fakeRoot{}
		r.answer = func(_ context.Context, self Member) (View, error) {
			if len(r.calls) == 4 {
				placement, _ := d.Placement()
				if d, err = NewDirectory(3, 3*time.Second, process(1, "y"), placement, time.Now()); err != nil {
					return View{}, err
				}
			}
			view, err := d.Alive(self.ID, self.Instance, time.Now())
			if errors.Is(err, ErrUnknownMember) {
				view, _, err = d.Join(self, time.Now())
				persist(d)
			}
			return view, err
		}
		if err := r.run(within(t, 6500*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if len(r.delivered) != 2 || r.delivered[1].Root.Instance != "y" || r.delivered[1].Position != 2 {
			t.Fatalf("%+v", r.delivered)
		}
		if m := d.Members(time.Now())[1]; m.State != Alive || m.ID != 3 {
			t.Fatalf("%+v", m)
		}
	})
}
