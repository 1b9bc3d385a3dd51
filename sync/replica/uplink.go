package replica

import (
	"time"

	"xylem/store"
	"xylem/sync/wire"
)

// uplink is the part of a member that combines writes upward: while one batch is
// on its way to the parent, the writes that arrive gather for the next.
//
//	up:   writes are sent. Nothing got through, and there is no other way ------> down
//	down: clients' writes go into the queue at once; the queue, and now and then a
//	      write that may not be queued, find out. Something got through, or an
//	      ancestor can be reached that could not ------> up
type uplink struct {
	gathered []*Submit
	sent     []*Submit // the batch under way; empty when there is none

	down      bool
	doubt     bool // an answer never came: that somebody can be reached does not say that writes get through
	failures  int  // in a row
	notBefore time.Duration
	heldUntil time.Duration // what has gathered waits for a root that takes over
}

// combine gathers a group for the next batch. While the uplink is known to be down
// only one at a time is tried; the rest is refused at once.
func (r *Replica) combine(in *Submit) {
	u := &r.uplink
	if u.down && (len(u.sent) > 0 || r.now.Mono < u.notBefore) {
		r.waiting -= in.size()
		r.refuse(in, wire.Unreachable)
		return
	}
	u.gathered = append(u.gathered, in)
	r.forward()
}

func (r *Replica) forward() {
	u := &r.uplink
	if len(u.sent) > 0 || r.held || len(u.gathered) == 0 || r.IsRoot() {
		return
	}
	if r.now.Mono < u.heldUntil {
		r.wakeBy(u.heldUntil)
		return
	}
	var writes int
	u.sent, u.gathered, writes = r.takeBatch(u.gathered)
	meta := r.store.Meta()
	batch := wire.Batch{Tree: meta.Tree, Epoch: r.Fence(), Writes: make([]wire.Write, 0, writes)}
	for _, group := range u.sent {
		batch.Writes = append(batch.Writes, group.Writes...)
		// A copy of a write that has been under way since an older epoch is judged by
		// its stamp: it may have been sent again since, and ordered.
		batch.Epoch = min(batch.Epoch, group.Epoch)
	}
	r.emit(Forward{Batch: batch})
}

// forwarded takes the end of a forward. Results of another tree, or of an epoch
// that this node knows to be over, promise nothing.
func (r *Replica) forwarded(in Forwarded) {
	expected := r.queue.underWay
	if !in.Queue {
		expected = 0
		for _, group := range r.uplink.sent {
			expected += len(group.Writes)
		}
	}
	meta := r.store.Meta()
	failed := in.Failed
	otherTree := in.Results.Tree != meta.Tree && !in.Results.Tree.IsZero() && !meta.Tree.IsZero()
	if failed == 0 && (len(in.Results.Results) != expected || otherTree) {
		failed = wire.Unknown
	}
	results := in.Results.Results
	if in.Results.Epoch < r.Fence() {
		disbelieve(results)
	}
	if failed != 0 {
		results = nil
	}
	if in.Queue {
		r.drained(results)
	} else { // before what was taken after it
		r.hand(in.Results.Epoch, results, failed)
	}
	if in.Another && !r.uplink.down { // what comes next takes another way
		r.forward()
		return
	}
	if failed != 0 || undecided(results) {
		r.uplink.doubt = r.uplink.doubt || failed != wire.Unreachable
		r.goDown()
	} else {
		r.comeUp()
	}
	r.forward()
}

// disbelieve takes what was decided in an epoch that is over for what it is worth:
// that a write was refused is certain, and that it was ordered is not.
func disbelieve(results []wire.Result) {
	for i := range results {
		switch results[i].Outcome {
		case wire.Ordered, wire.Superseded:
			results[i] = wire.Result{Outcome: wire.Unknown}
		case wire.Unmet:
			results[i] = wire.Result{Outcome: wire.Unreachable}
		}
	}
}

// undecided reports whether a batch came to an ancestor that did not get it
// through.
func undecided(results []wire.Result) bool {
	for _, res := range results {
		if res.Outcome == wire.Unreachable || res.Outcome == wire.Unknown {
			return true
		}
	}
	return false
}

// hand gives each group of the batch its part of the results, or what it failed
// with. What was ordered is visible here before it is answered; a client's write of
// which nothing is known becomes a queued one.
func (r *Replica) hand(epoch uint64, results []wire.Result, failed wire.Outcome) {
	sent := r.uplink.sent
	r.uplink.sent = nil
	for _, group := range sent {
		if failed != 0 {
			r.failed(group, failed)
			continue
		}
		mine := results[:len(group.Writes):len(group.Writes)]
		results = results[len(group.Writes):]
		if outcome := mine[0].Outcome; r.mayQueue(group) && undecided(mine) {
			r.enqueue(group, outcome)
			continue
		}
		for i, res := range mine {
			r.learn(&group.Writes[i], res)
		}
		r.answer(group, epoch, mine)
	}
}

// failed ends a group that did not get through.
func (r *Replica) failed(group *Submit, outcome wire.Outcome) {
	if r.mayQueue(group) {
		r.enqueue(group, outcome)
		return
	}
	r.refuse(group, outcome)
}

// goDown takes in that nothing gets through: what has gathered certainly had no
// effect, and waits no longer.
func (r *Replica) goDown() {
	u := &r.uplink
	u.down = true
	u.failures++
	u.notBefore = r.now.Mono + r.retryAfter(u.failures)
	gathered := u.gathered
	u.gathered = nil
	for _, group := range gathered {
		r.waiting -= group.size()
		r.failed(group, wire.Unreachable)
	}
}

// comeUp takes in that something got through.
func (r *Replica) comeUp() {
	if u := &r.uplink; u.down {
		u.down, u.doubt = false, false
		r.tryNow()
	}
}

// reachable takes in that an ancestor answers again. Where only answers to writes
// had not come, that is no news: the next write is queued, and finds out.
func (r *Replica) reachable() {
	u := &r.uplink
	u.down = u.down && u.doubt
	u.heldUntil = 0
	r.tryNow()
	r.forward()
}

// tryNow ends all back-off of what goes upward.
func (r *Replica) tryNow() {
	r.uplink.failures, r.uplink.notBefore = 0, 0
	r.queue.failures, r.queue.notBefore = 0, 0
	r.drain()
}

// retryAfter is how long to wait after so many failures in a row, from 1.
func (r *Replica) retryAfter(failures int) time.Duration {
	return min(r.cfg.RetryMin<<min(failures-1, 20), r.cfg.RetryMax)
}

// learn adds a write that was ordered to what this node knows beyond its base.
func (r *Replica) learn(w *wire.Write, res wire.Result) {
	r.observe(res.Stamp)
	if res.Outcome != wire.Ordered {
		return
	}
	e := &store.Entry{Key: w.Key, Value: w.Value, Version: res.Version, Stamp: res.Stamp, Write: w.ID}
	taken := w.Stamp
	if taken == res.Stamp {
		taken = 0
	}
	o := w.Origin()
	if o.Taken = taken; o != (store.Origin{}) {
		e.Origin = &o
	}
	r.store.Learn(e)
}
