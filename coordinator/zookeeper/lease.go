package zookeeper

import (
	"errors"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	// renewals is how many heartbeats there are in a session time-out.
	renewals = 8
	// leaseShare is what part of the session time-out a lease lasts at most: one half.
	leaseShare = 2
)

// renew gives a heartbeat when one is due, and after it the lease. A heartbeat is a
// transaction that only checks the version of NS/root. It goes through ZooKeeper's
// leader and is agreed on as any write is, and it wakes no watch, so the others do
// not read NS/root eight times in every session time-out.
func (r *run) renew() error {
	if r.role == nil || !r.role.elected {
		return nil
	}
	began := time.Now()
	if due := r.role.renewed.Add(r.timeout() / renewals); began.Before(due) {
		r.by(due)
		return nil
	}
	_, err := r.session.transact(r.ctx, &zk.CheckVersionRequest{Path: r.paths.root, Version: r.role.version})
	if errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNoNode) {
		r.root.fresh = false // it may be this node's own write whose answer was lost
		return r.look()
	}
	if err != nil {
		return err
	}
	r.role.renewed = began
	r.by(began.Add(r.timeout() / renewals))
	if until := leaseUntil(began, r.session.heard(began, r.timeout()), r.timeout()); until.After(time.Now()) {
		r.Leased(began, until)
	}
	return nil
}

// leaseUntil is until when a node may act after a heartbeat that began at a time;
// heard is the time of a sign of this session that ZooKeeper's leader must know of,
// zero for none. With heartbeats that come regularly it is half a session time-out
// T after the heartbeat began.
//
// # Why nobody else can be candidate while a lease lasts
//
// Another can create NS/root only when the leader of ZooKeeper has ended this
// session. The leader counts T from the last sign of the session that it knows of,
// and rounds up to a whole tick. But a server passes the signs of its clients on only when
// the leader pings it, every half a tick; the writes that it passes on at once do not
// count as signs. If it is cut off from the leader right after the heartbeat, the
// leader may know of no sign of the last half tick. A tick is T/2 at most, unless an
// operator sets minSessionTimeout below its default of two ticks. So:
//
//   - a sign that is older than T/4 when the heartbeat begins, the leader knows, since
//     the heartbeat came to it later by the same stream (session.heard). With a
//     heartbeat every T/8 the youngest such sign is at most 3/8 T old;
//   - it ends the session no sooner than T after that sign: 5/8 T after the heartbeat began;
//   - the lease ends T/8 before. That margin is for clocks that run at different
//     rates (which differ by less than a thousandth) and for pings that are late.
//
// After a pause of this process there is no such sign for a while, and so a shorter
// lease or none. A new leader counts T anew for every session.
//
// That the process stands still within a lease is covered by nothing here: whoever
// holds one looks at the clock before it acts, and again before it answers. While a
// machine is suspended its monotonic clock may stand still too; the time that is
// returned has a reading of the wall clock as well, for who wants to look at both.
func leaseUntil(began, heard time.Time, timeout time.Duration) time.Time {
	until := began.Add(timeout / leaseShare)
	if heard.IsZero() {
		return time.Time{}
	}
	if limit := heard.Add(timeout - timeout/renewals); limit.Before(until) {
		return limit
	}
	return until
}
