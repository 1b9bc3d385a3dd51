package replica

import (
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// A batch from a queue is small beside one of fresh writes: at the root those that
// arrive meanwhile wait for it.
const (
	maxDrainWrites = 1024
	maxDrainBytes  = 256 << 10
)

// drain sends the next batch of the queue, or, at the root, has it ordered.
func (r *Replica) drain() {
	q := &r.queue
	switch {
	case q.underWay > 0 || len(q.local.Queue) == 0 || !r.timeHeard || q.local.Provisional > 0:
		return
	case r.IsRoot() && !(r.root.open && r.leased()):
		return
	}
	if r.now.Mono < q.notBefore {
		r.wakeBy(q.notBefore)
		return
	}
	if held := r.uplink.heldUntil; !r.IsRoot() && r.now.Mono < held { // as forward does: to fail now would take the uplink down
		r.wakeBy(held)
		return
	}
	var writes []wire.Write
	for bytes := 0; q.underWay < min(len(q.local.Queue), maxDrainWrites); q.underWay++ {
		e := q.local.Queue[q.underWay]
		if bytes += e.Bytes(); q.underWay > 0 && bytes > maxDrainBytes {
			break
		}
		writes = append(writes, sentAgain(e))
	}
	meta := r.store.Meta()
	if r.IsRoot() {
		in := &Submit{Writes: writes, Epoch: r.Fence(), done: r.drained}
		r.waiting += in.size()
		r.gather(in)
		return
	}
	r.emit(Forward{Queue: true, Tries: q.failures, Batch: wire.Batch{Tree: meta.Tree, Epoch: r.Fence(), Writes: writes}})
}

// sentAgain is a write of the queue as it is sent to the root.
func sentAgain(e *store.Entry) wire.Write {
	w := wire.Write{ID: e.Write, Key: e.Key, Value: e.Value, Stamp: e.Stamp, Kept: true, First: e.First()}
	if o := e.Origin; o != nil {
		w.If, w.Since, w.Footing = o.If, o.Since, o.Footing
	}
	return w
}

// drained takes what became of the batch under way; results is nil where nothing
// is known. What was not decided stays in the queue, and is tried again later.
func (r *Replica) drained(results []wire.Result) {
	q := &r.queue
	for i, res := range results {
		if res.Outcome == wire.Ordered || res.Outcome == wire.Superseded {
			q.settling = append(q.settling, store.Settled{
				Write: q.local.Queue[i].Write, Superseded: res.Outcome == wire.Superseded, Version: res.Version, Stamp: res.Stamp,
			})
		}
	}
	if len(q.settling) < q.underWay {
		q.failures++
		q.notBefore = r.now.Mono + r.retryAfter(q.failures)
	} else {
		q.failures = 0
	}
	if len(q.settling) == 0 {
		q.underWay = 0
		r.drain()
		return
	}
	r.writeLocal()
}

// writeSettled writes down what left the queue. That need not be flushed, nor
// succeed: a write that comes back from the disk is sent again, and the root finds
// it ordered or superseded.
func (r *Replica) writeSettled() {
	q := &r.queue
	batch := q.settling
	q.settling = nil
	r.persistLocal(store.AppendSettled(nil, batch), false, func(Failure) {
		for _, gone := range q.local.Settle(batch) {
			q.bytes -= int64(gone.Entry.Bytes())
			delete(q.ids, gone.Write)
			r.observe(gone.Stamp)
			if gone.Superseded {
				q.counts.Superseded++
			} else {
				q.counts.Ordered++
			}
			gone.Show(r.store)
		}
		meta := r.store.Meta()
		q.local.Covered(r.store.Applied(), &meta)
		q.underWay = 0
		r.requeue() // what was decided in an epoch that a push has ended while this waited for the disk
	})
}

// requeue takes back what was ordered in an epoch that is over, at a version that did
// not count, or lost to such a version.
func (r *Replica) requeue() {
	meta := r.store.Meta()
	r.pend(r.queue.local.Requeue(&meta))
	r.drain()
}

// pend shows writes that are in the queue again.
func (r *Replica) pend(writes []*store.Entry) {
	q := &r.queue
	for _, e := range writes {
		q.bytes += int64(e.Bytes())
		q.ids[e.Write] = true
		r.store.Pend(e)
	}
}

// Fate is what became of a write that this node had in its queue: wire.Pending,
// Ordered or Superseded; false where it is not known (any more).
func (r *Replica) Fate(id version.WriteID) (wire.Result, bool) {
	q := &r.queue
	if q.ids[id] {
		return wire.Result{Outcome: wire.Pending}, true
	}
	for i := len(q.local.Settled) - 1; i >= 0; i-- {
		if s := q.local.Settled[i]; s.Write == id {
			outcome := wire.Ordered
			if s.Superseded {
				outcome = wire.Superseded
			}
			return wire.Result{Outcome: outcome, Version: s.Version}, true
		}
	}
	return wire.Result{}, false
}
