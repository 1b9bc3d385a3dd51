package coordinator

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// SignsPerTimeout is how many signs of life a member gives within the liveness
// timeout, so that one or two may be lost.
const SignsPerTimeout = 3

// takenTimeouts is for how many liveness timeouts a taken name is asked for.
const takenTimeouts = 3

// Embedded is the membership of a node other than the root, with the coordinator
// that is embedded in the root. Its fields are set before Run and then left alone.
type Embedded struct {
	// Self is this process. Required.
	Self Member
	// LivenessTimeout is how long without a sign until a node counts as dead. A
	// sign is given every third of it, or at Interval. Required, above 0.
	LivenessTimeout time.Duration
	// Interval is the time between two signs where others tell the root that self
	// lives; 0 for a third of LivenessTimeout. While the root is away it is LivenessTimeout
	// at most, or a tenth of Interval if that is more.
	Interval time.Duration
	// Again, if not nil, has self announce itself at once.
	Again <-chan struct{}
	// Announce asks the root to let self join, or to take in its sign of life, and
	// returns what the root answered: self's View, or an error that wraps
	// ErrNameTaken, ErrOutsideTree or ErrIncomplete, or any other, which counts as
	// the root being away. A member that the root does not know (any more) joins again within the
	// same call. Its context ends after LivenessTimeout. Required.
	Announce func(ctx context.Context, self Member) (View, error)
	// Withdraw, if not nil, tells the root that self stops. It is called once at
	// the end of Run when self was a member, with LivenessTimeout to do it in.
	Withdraw func(ctx context.Context, self Member) error
	// Logger gets the loss and the return of the root, in words. Default:
	// slog.Default().
	Logger *slog.Logger
}

// Run implements Coordinator. It announces self every third of LivenessTimeout, or at Interval;
// while the root does not answer, ever more seldom, up to once in LivenessTimeout.
// A View is delivered when it differs from the last, also when only Parent does: who
// lives is as fresh as the last sign of life. A taken name is asked for
// until three times LivenessTimeout have passed, for its old process may just
// have died; then Run returns an error that wraps ErrNameTaken. ErrOutsideTree
// and ErrIncomplete are returned at once.
func (e *Embedded) Run(ctx context.Context, deliver func(View)) error {
	a, err := e.attend(deliver)
	if err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			a.withdraw(ctx)
			return nil
		case <-timer.C:
		case <-e.Again:
		}
		began := time.Now()
		view, err := e.announce(ctx)
		if ctx.Err() != nil {
			continue
		}
		if err := a.take(view, err); err != nil {
			return err
		}
		timer.Reset(a.delay - time.Since(began)) // a call that took longer than the delay was the wait
	}
}

// attend checks the fields and begins.
func (e *Embedded) attend(deliver func(View)) (*attendance, error) {
	if err := e.Self.complete(); err != nil {
		return nil, err
	}
	if e.Announce == nil || e.LivenessTimeout <= 0 {
		return nil, fmt.Errorf("the embedded coordinator needs Announce and a LivenessTimeout above 0: %w", ErrIncomplete)
	}
	logger := e.Logger
	if logger == nil {
		logger = slog.Default()
	}
	return &attendance{Embedded: e, deliver: deliver, log: logger}, nil
}

// announce asks the root once, and checks whom the answer is about.
func (e *Embedded) announce(ctx context.Context) (View, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.LivenessTimeout, errSilent)
	defer cancel()
	view, err := e.Announce(ctx, e.Self)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return View{}, err
	}
	if view.Self.ID != e.Self.ID || view.Self.Instance != e.Self.Instance || view.Position < 1 {
		return View{}, fmt.Errorf("the answer is the view of %s at position %d: %w", view.Self.Name(), view.Position, ErrUnknownMember)
	}
	return view, nil
}
