package replica

import (
	"slices"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// queue is the writes that this node has promised to have ordered. It drains in
// the order in which they were taken, one batch under way at a time, beside the
// fresh writes. Invariant: local is what the journal holds, but for the one record
// that may be under way, and for settled writes that it refused to take.
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
	settling    []store.Settled
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
	Rescued    uint64 // ordered here or pushed here beyond a cut, and taken back into the queue
}

// queuing is a write on its way into the queue.
type queuing struct {
	in    *Submit
	entry *store.Entry
	after wire.Outcome // of sending it before: Unreachable or Unknown
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
	return in.Client && r.cfg.QueueBytes > 0 && in.Writes[0].If.Kind == store.Always && !r.root.halted
}

// enqueue has a write made durable here; after is what sending it came to.
func (r *Replica) enqueue(in *Submit, after wire.Outcome) {
	e := queued(&in.Writes[0])
	if !r.fits(e) {
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
func (r *Replica) fits(e *store.Entry) bool {
	return r.queue.bytes+int64(e.Bytes()) <= r.cfg.QueueBytes
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
	if q.writing || r.held || r.idle != nil {
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
			r.refuseQueuing(batch, f)
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

// refuseIncoming answers the writes that were not handed to the disk yet.
func (r *Replica) refuseIncoming() {
	incoming := r.queue.incoming
	r.queue.incoming = nil
	r.refuseQueuing(incoming, Full)
}

// refuseQueuing answers writes that the disk did not take.
func (r *Replica) refuseQueuing(batch []*queuing, f Failure) {
	for _, item := range batch {
		r.queue.bytes -= int64(item.entry.Bytes())
		if f == Broken { // it may be on the disk, and come back from there
			item.after = wire.Unknown
		}
		r.noRoom(item.in, item.after)
	}
}

// Pending is how many writes wait in the queue, and their bytes.
func (r *Replica) Pending() (writes int, bytes int64) {
	q := &r.queue
	return len(q.local.Queue) + len(q.inFlight) + len(q.incoming), q.bytes
}

// QueueCounts tells what became of queued writes in this run.
func (r *Replica) QueueCounts() QueueCounts { return r.queue.counts }
