package replica

import (
	"slices"
	"time"

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

// queue is the writes that this node has promised to have ordered. It drains in
// the order in which they were taken, one batch under way at a time, beside the
// fresh writes. Invariant: local is what the journal holds once all records
// under way are written; at most one of the queue's own is.
type queue struct {
	local    store.Local
	bytes    int64                    // of local.Queue and of incoming
	ids      map[version.WriteID]bool // of local.Queue
	incoming []*queuing
	inFlight []*queuing // the record of these is on its way to the journal
	writing  bool       // some record of the queue is

	taken map[version.WriteID]time.Duration // when provisional writes of this run came; nil once the root's time is known
	final []*store.Entry                    // what those are with their final stamps, to be written before anything is sent

	underWay    int // how many at the front of local.Queue are being ordered or settled
	settling    []settling
	rootTime    int64 // to be written down
	rootTimeDue bool
	failures    int // batches in a row that did not get through
	notBefore   time.Duration
	counts      QueueCounts
}

// QueueCounts is what became of queued writes in this run.
type QueueCounts struct {
	Ordered    uint64
	Superseded uint64
	Refused    uint64 // for lack of room
}

// queuing is a write on its way into the queue.
type queuing struct {
	in    *Submit
	entry *store.Entry
	after wire.Outcome // of sending it before: Unreachable or Unknown
}

// settling is a write on its way out of the queue.
type settling struct {
	entry  *store.Entry
	result wire.Result
}

// recoverQueue takes over what the journal kept.
func (r *Replica) recoverQueue() {
	q := &r.queue
	q.local = r.cfg.Local
	q.ids = make(map[version.WriteID]bool, len(q.local.Queue))
	q.taken = make(map[version.WriteID]time.Duration)
	for _, e := range q.local.Queue {
		q.bytes += int64(e.Bytes())
		q.ids[e.Write] = true
		r.clock.Observe(e.Stamp)
	}
	for _, e := range q.local.Queue[:len(q.local.Queue)-q.local.Provisional] {
		r.observe(e.Stamp)
	}
}

// mayQueue reports whether a group is a write that this node may queue: a client
// brought it here, and it has no condition.
func (r *Replica) mayQueue(in *Submit) bool {
	return in.Client && r.cfg.QueueBytes > 0 && in.Writes[0].If.Kind == wire.Always && !r.root.halted
}

// enqueue has a write made durable here; after is what sending it came to.
func (r *Replica) enqueue(in *Submit, after wire.Outcome) {
	e := queued(&in.Writes[0])
	if !r.fits(in) {
		r.noRoom(in, after)
		return
	}
	if !r.timeHeard {
		r.queue.taken[e.Write] = r.now.Mono
	}
	r.queue.bytes += int64(e.Bytes())
	r.queue.incoming = append(r.queue.incoming, &queuing{in: in, entry: e, after: after})
	r.writeLocal()
}

// queued is a write as the queue holds it.
func queued(w *wire.Write) *store.Entry {
	return &store.Entry{Key: w.Key, Value: w.Value, Stamp: w.Stamp, Write: w.ID}
}

// fits reports whether the queue has room for a write.
func (r *Replica) fits(in *Submit) bool {
	return r.queue.bytes+int64(queued(&in.Writes[0]).Bytes()) <= r.cfg.QueueBytes
}

// noRoom answers a write that cannot be queued. One that was sent may have been
// ordered all the same.
func (r *Replica) noRoom(in *Submit, after wire.Outcome) {
	r.queue.counts.Refused++
	if after == wire.Unreachable {
		after = wire.QueueFull
	}
	r.refuse(in, after)
}

// writeLocal has the next record of the queue written, if there is one to write:
// those that gather while one is on its way go together.
func (r *Replica) writeLocal() {
	q := &r.queue
	if q.writing || r.idle != nil {
		return
	}
	// What the disk refused to take is not to come back with its final stamp.
	q.final = slices.DeleteFunc(q.final, func(e *store.Entry) bool { return !q.ids[e.Write] })
	switch {
	case len(q.final) > 0:
		r.writeFinal()
	case len(q.settling) > 0:
		r.writeSettled()
	case len(q.incoming) > 0:
		r.writeQueued()
	case q.rootTimeDue:
		q.rootTimeDue = false
		q.local.RootTime = q.rootTime
		r.persistLocal(store.AppendRootTime(nil, q.rootTime), true, func(Failure) {})
	}
}

// writeFinal makes the final stamps of provisional writes durable. It must not fail:
// until it succeeds nothing of the queue is sent.
func (r *Replica) writeFinal() {
	q := &r.queue
	if r.now.Mono < q.notBefore {
		r.wakeBy(q.notBefore)
		return
	}
	r.persistLocal(store.AppendQueued(nil, q.final), true, func(f Failure) {
		if f != None {
			q.notBefore = r.now.Mono + r.cfg.RetryMax
			return
		}
		q.local.Finalize(q.final)
		for _, e := range q.final {
			r.observe(e.Stamp)
			r.store.Pend(e)
		}
		q.final = nil
		r.drain()
	})
}

// persistLocal writes one record of the queue.
func (r *Replica) persistLocal(record []byte, sync bool, then func(Failure)) {
	r.queue.writing = true
	r.persist(record, sync, func(f Failure) {
		r.queue.writing = false
		then(f)
		r.writeLocal()
	})
}

// writeQueued makes the writes that have gathered durable: only then do they show,
// and are their clients answered.
func (r *Replica) writeQueued() {
	q := &r.queue
	batch := q.incoming
	q.incoming, q.inFlight = nil, batch
	entries := make([]*store.Entry, len(batch))
	for i, item := range batch {
		entries[i] = item.entry
	}
	record := store.AppendQueued
	provisional := !r.timeHeard
	if provisional {
		record = store.AppendProvisional
	}
	r.persistLocal(record(nil, entries), true, func(f Failure) {
		q.inFlight = nil
		if f != None {
			for _, item := range batch {
				q.bytes -= int64(item.entry.Bytes())
				if f == Broken { // it may be on the disk, and come back from there
					item.after = wire.Unknown
				}
				r.noRoom(item.in, item.after)
			}
			return
		}
		q.local.Queue = append(q.local.Queue, entries...)
		if provisional {
			q.local.Provisional += len(entries)
		}
		for _, item := range batch {
			q.ids[item.entry.Write] = true
			r.store.Pend(item.entry)
			r.answer(item.in, 0, []wire.Result{{Outcome: wire.Pending}})
		}
		r.drain()
	})
}

// drain sends the next batch of the queue, or, at the root, has it ordered.
func (r *Replica) drain() {
	q := &r.queue
	switch {
	case q.underWay > 0 || len(q.local.Queue) == 0 || !r.timeHeard || q.local.Provisional > 0:
		return
	case r.IsRoot() && !r.root.open:
		return
	}
	if r.now.Mono < q.notBefore {
		r.wakeBy(q.notBefore)
		return
	}
	var writes []wire.Write
	for bytes := 0; q.underWay < min(len(q.local.Queue), maxDrainWrites); q.underWay++ {
		e := q.local.Queue[q.underWay]
		if bytes += e.Bytes(); q.underWay > 0 && bytes > maxDrainBytes {
			break
		}
		writes = append(writes, wire.Write{ID: e.Write, Key: e.Key, Value: e.Value, Stamp: e.Stamp, Kept: true})
	}
	meta := r.store.Meta()
	if r.IsRoot() {
		in := &Submit{Writes: writes, Epoch: meta.Epoch, done: r.drained}
		r.waiting += in.size()
		r.gather(in)
		return
	}
	r.emit(Forward{Queue: true, Batch: wire.Batch{Tree: meta.Tree, Epoch: meta.Epoch, Writes: writes}})
}

// drained takes what became of the batch under way; results is nil where nothing
// is known. What was not decided stays in the queue, and is tried again later.
func (r *Replica) drained(_ uint64, results []wire.Result) {
	q := &r.queue
	for i, res := range results {
		if res.Outcome == wire.Ordered || res.Outcome == wire.Superseded {
			q.settling = append(q.settling, settling{entry: q.local.Queue[i], result: res})
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
	settled := make([]store.Settled, len(batch))
	for i, s := range batch {
		settled[i] = store.Settled{Write: s.entry.Write, Superseded: s.result.Outcome == wire.Superseded, Version: s.result.Version}
	}
	r.persistLocal(store.AppendSettled(nil, settled), false, func(Failure) {
		for _, s := range batch {
			r.settle(s.entry, s.result)
		}
		q.local.Settle(settled)
		q.local.Covered(r.store.Applied())
		q.underWay = 0
		r.drain()
	})
}

// settle shows what became of a queued write in place of the write.
func (r *Replica) settle(e *store.Entry, res wire.Result) {
	q := &r.queue
	q.bytes -= int64(e.Bytes())
	delete(q.ids, e.Write)
	r.observe(res.Stamp)
	if res.Outcome == wire.Superseded {
		q.counts.Superseded++
		r.store.Unpend(e, res.Version)
		return
	}
	q.counts.Ordered++
	r.store.Learn(&store.Entry{Key: e.Key, Value: e.Value, Version: res.Version, Stamp: res.Stamp, Write: e.Write})
	r.store.Unpend(e, version.Version{})
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

// Pending is how many writes wait in the queue, and their bytes.
func (r *Replica) Pending() (writes int, bytes int64) {
	return len(r.queue.local.Queue) + len(r.queue.incoming), r.queue.bytes
}

// QueueCounts tells what became of queued writes in this run.
func (r *Replica) QueueCounts() QueueCounts { return r.queue.counts }
