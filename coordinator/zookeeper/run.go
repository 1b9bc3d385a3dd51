package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	// firstRetry and retryShare bound the pause after a call that failed: from
	// firstRetry, doubling, to the session time-out by retryShare.
	firstRetry = 20 * time.Millisecond
	retryShare = 4
)

// errAgain says that what was read is out of date: look again.
var errAgain = errors.New("changed meanwhile")

// run is the state of one Run. One goroutine owns it. Whatever happened, it looks
// at everything and does what there is to do (step); so it does not matter which of
// many events woke it, or whether some were missed.
type run struct {
	*Coordinator
	ctx     context.Context
	session *session
	paths   paths
	acl     []zk.ACL
	log     *slog.Logger

	seen       state         // the connection, as of the last step
	unreached  bool          // it was logged that ZooKeeper cannot be reached
	began      time.Time     // when Run did
	complaint  string        // the last error that was logged
	retry      time.Duration // the pause after the next failure
	wake       time.Time     // when to step again, zero for never
	authorized bool
	prepared   bool      // in this session
	enrolled   bool      // this session holds the member node
	taken      time.Time // since when another has it, zero when none
	joined     time.Time // when this session began
	root       sight
	crowded    bool  // the watch on the list of members is armed
	told       Event // what was delivered last
	role       *role // nil unless candidate or root
	ballot     *ballot
	back       backOff
	pending    []*request
}

// Run keeps the session, the membership and the part in the election until ctx
// ends; then it gives all up, so that others need not wait for the session to run
// out, and returns nil. It is called once. While ZooKeeper cannot be reached it tries
// on. The error wraps coordinator.ErrNameTaken: another process has had this name
// for three session time-outs.
func (c *Coordinator) Run(ctx context.Context) error {
	defer close(c.stopped)
	s, err := open(zk.FormatServers(c.Servers), c.SessionTimeout, c.Logger, c.kick)
	if err != nil {
		return fmt.Errorf("begin to connect to ZooKeeper: %w", err)
	}
	r := &run{
		Coordinator: c, ctx: ctx, session: s, paths: pathsBelow(c.Namespace), acl: accessFor(c.Credentials),
		log: c.Logger, began: time.Now(), retry: firstRetry, told: Leaderless{},
	}
	defer s.close()
	defer r.endRole()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.kicked:
		case <-timer.C:
		}
		r.wake = time.Time{}
		if err := r.step(); err != nil {
			r.endRole()
			c.Deliver(Refused{err})
			return err
		}
		timer.Stop()
		if !r.wake.IsZero() {
			timer.Reset(time.Until(r.wake))
		}
	}
}

// by makes the next step come at that time at the latest.
func (r *run) by(t time.Time) {
	if r.wake.IsZero() || t.Before(r.wake) {
		r.wake = t
	}
}

// step does all that can be done now. Its error ends Run.
func (r *run) step() error {
	r.notice()
	requests, asides := r.take()
	for _, a := range asides {
		r.stepAside(a)
	}
	r.pending = slices.DeleteFunc(append(r.pending, requests...), r.settled)
	if !r.seen.connected {
		return nil
	}
	err := r.act()
	var end fatal
	switch {
	case err == nil:
		r.retry, r.complaint = firstRetry, ""
		return nil
	case errors.As(err, &end):
		return end.error
	case r.ctx.Err() != nil:
		return nil
	}
	r.root.fresh = false // its outcome may be unknown
	if errors.Is(err, zk.ErrNoNode) {
		r.prepared = false // somebody removed what is always there
	}
	if !transient(err) && r.complaint != err.Error() {
		r.complaint = err.Error()
		if errors.Is(err, zk.ErrNoAuth) {
			err = fmt.Errorf("%w: set coordinator.zookeeper's credentials to those of the other nodes", err)
		}
		r.log.Warn("ZooKeeper refuses; trying on", "err", err)
	}
	r.by(time.Now().Add(r.retry))
	r.retry = min(2*r.retry, r.timeout()/retryShare)
	return nil
}

// fatal is an error that ends Run.
type fatal struct{ error }

// act is step while there is a session on a connection. The lease comes first: all
// else can wait for as long as it takes.
func (r *run) act() error {
	for _, do := range []func() error{r.renew, r.prepare, r.enroll, r.look, r.takeEpoch, r.answer, r.renew, r.attend, r.elect} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// settled answers a request that there is no use in trying, and reports whether it
// has.
func (r *run) settled(q *request) bool {
	switch {
	case q.ctx.Err() != nil: // who asked has gone
	case r.role == nil || r.role.epoch != q.epoch:
		q.done <- fmt.Errorf("epoch %d: %w", q.epoch, ErrDeposed)
	default:
		return false
	}
	return true
}

// answer carries out what was asked for. What failed for now stays.
func (r *run) answer() error {
	for len(r.pending) > 0 {
		q := r.pending[0]
		if !r.settled(q) {
			err := q.do(r)
			if err != nil && transient(err) {
				return err
			}
			q.done <- err
		}
		r.pending = r.pending[1:]
	}
	return nil
}

// timeout is the session time-out that holds: the granted one once there is any.
func (r *run) timeout() time.Duration {
	if r.seen.granted > 0 {
		return r.seen.granted
	}
	return r.SessionTimeout
}

// tell delivers an event unless it says nothing new.
func (r *run) tell(e Event) {
	if old, ok := r.told.(Elected); ok {
		if now, ok := e.(Elected); ok && old.Epoch == now.Epoch {
			return
		}
	} else if _, ok := e.(Elected); !ok && r.told == e {
		return
	}
	r.told = e
	r.Deliver(e)
}
