package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// errSilent is why the context of an announcement ends by itself.
var errSilent = errors.New("no answer within the liveness timeout")

// attendance is what one Run of Embedded remembers from call to call:
//
//	any --view--------------> member: a sign every interval
//	any --ErrNameTaken------> waiting: likewise, and after takenTimeouts the end
//	any --other error-------> away: ever more seldom
//	any --ErrOutsideTree----> the end
//
// It is used by one goroutine.
type attendance struct {
	*Embedded
	deliver func(View)
	log     *slog.Logger

	joined bool          // the root has answered with a view
	last   View          // what was delivered last
	away   bool          // the last answer was an error, and that was logged
	taken  time.Time     // since when the name is taken, zero when it is not
	delay  time.Duration // from the start of the last call to that of the next
}

// take acts on an answer. It returns an error when there is no use in going on.
func (a *attendance) take(view View, err error) error {
	switch {
	case err == nil:
		a.heard(view)
	case errors.Is(err, ErrOutsideTree), errors.Is(err, ErrIncomplete):
		return fmt.Errorf("join the tree: %w", err)
	case errors.Is(err, ErrNameTaken):
		return a.wait(err)
	default:
		a.missed(err)
	}
	return nil
}

// heard takes in the root's answer.
func (a *attendance) heard(view View) {
	switch {
	case !a.joined:
		a.log.Info("joined the tree", "position", view.Position, "root", view.Root.Name(), "address", view.Root.Address)
	case a.away || !a.taken.IsZero():
		a.log.Info("the root answers again", "root", view.Root.Name(), "address", view.Root.Address)
	}
	fresh := !a.joined || !view.same(a.last)
	a.joined, a.away, a.taken = true, false, time.Time{}
	a.delay = max(a.interval(), a.Interval)
	if fresh {
		a.last = view
		a.deliver(view)
	}
}

// missed takes in that the root did not answer, or not usefully, and backs off.
func (a *attendance) missed(err error) {
	if !a.away {
		a.log.Warn("the root does not answer, or does not let this node in; trying on until it does", "err", err)
		a.delay = a.interval()
	} else {
		a.delay = min(2*a.delay, max(a.LivenessTimeout, a.Interval/10))
	}
	a.away, a.taken = true, time.Time{}
}

// wait takes in that another process has the name; its error ends the wait.
func (a *attendance) wait(err error) error {
	now := time.Now()
	if a.taken.IsZero() {
		a.taken = now
		a.log.Warn("another process has this name; waiting in case it is gone", "err", err)
	}
	if now.Sub(a.taken) >= takenTimeouts*a.LivenessTimeout {
		return fmt.Errorf("join the tree: %w", err)
	}
	a.away = false
	a.delay = a.interval()
	return nil
}

// interval is the time between two signs of life. At least 1 ns, so that nothing
// ever spins without the clock moving.
func (a *attendance) interval() time.Duration { return max(a.LivenessTimeout/SignsPerTimeout, 1) }

// withdraw tells the root that self stops, whose context has ended already.
func (a *attendance) withdraw(ended context.Context) {
	if a.Withdraw == nil || !a.joined || !a.taken.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ended), a.LivenessTimeout, errSilent)
	defer cancel()
	if err := a.Withdraw(ctx, a.Self); err != nil {
		a.log.Info("could not tell the root that this node stops", "err", err)
	}
}
