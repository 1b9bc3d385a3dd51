package replica

import (
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// The root's time is its wall clock as it was when its run began, and monotonic
// time since: a wall clock that is set back during a run would make everything that
// is sent or ordered after that look old. It never goes back, from root to root
// either: a root goes on from the last stamp that it knows, and from one that is
// ahead of it.

// rootTimeSlack is by how much, in milliseconds, the difference between the root's
// time and the wall clock may change until it is written down anew.
const rootTimeSlack = 100

// maxAheadMillis is by how much stamps may be ahead of the root's time until that
// moves up to them: clocks drift.
const maxAheadMillis = 1000

// beginTime is the root's time as far as this node knows it at the start: its wall
// clock, and the difference that there was when it last heard from the root.
func (r *Replica) beginTime() {
	r.began = r.now.Unix - r.now.Mono.Milliseconds() + r.queue.local.RootTime
	if r.IsRoot() {
		r.goOnFrom(r.clock.Last().UnixMillis())
	}
}

// setBack reports whether a root's wall clock is behind the last stamp that it knows.
// Then only its members can tell how long it was away: what it ordered before it heard
// them would look older than writes that they had queued long before.
func (r *Replica) setBack() bool {
	return r.clock.Last().UnixMillis() > r.now.Unix+r.queue.local.RootTime
}

// goOnAsRoot makes the root's time this node's own to keep, from where it is.
func (r *Replica) goOnAsRoot() {
	r.began = r.RootMillis() - r.now.Mono.Milliseconds()
	r.goOnFrom(r.clock.Last().UnixMillis())
	r.lag = Lag{}
}

// goOnFrom makes the root's time no earlier than that, in milliseconds.
func (r *Replica) goOnFrom(millis int64) {
	r.began = max(r.began, millis-r.now.Mono.Milliseconds())
}

// RootMillis is the root's time, in milliseconds since 1970: its own at the root; at
// a member as last heard, which is late by the fastest transit, and monotonic time
// since.
func (r *Replica) RootMillis() int64 {
	if offset, heard := r.lag.offset(); heard && !r.IsRoot() {
		return r.now.Mono.Milliseconds() - offset
	}
	return r.began + r.now.Mono.Milliseconds()
}

// HeardMillis is RootMillis, or 0 before the root was heard in this run.
func (r *Replica) HeardMillis() int64 {
	if !r.timeHeard {
		return 0
	}
	return r.RootMillis()
}

// observe takes in a stamp that the root gave or took: later ones come after it.
func (r *Replica) observe(s version.Stamp) {
	r.seen = max(r.seen, s)
	r.clock.Observe(s)
}

// observeTaken takes in, at the root, the stamp of a write from where it was taken.
// The stamp that the root gives comes after it: should the write be sent again and
// be judged by its own, whatever overwrote it is later still.
func (r *Replica) observeTaken(s version.Stamp) {
	r.observe(s)
	r.goOnFrom(s.UnixMillis() - maxAheadMillis)
}

// heard takes in when a push was sent. What the push brings is observed after that,
// for writes that were taken before it came are not to look later.
func (r *Replica) heard(h *wire.Header) {
	r.lag.heard(r.now, h)
	r.hearTime(r.RootMillis())
}

// told takes in the root's time as the root told it.
func (r *Replica) told(in RootTime) {
	if r.IsRoot() {
		return
	}
	r.lag.sample(r.now, in.Epoch, in.Millis)
	r.hearTime(r.RootMillis())
	r.keepRootTime()
	r.writeLocal()
	r.drain()
}

// hearTime takes in, for the first time in this run, what the root's time is now.
func (r *Replica) hearTime(millis int64) {
	if r.timeHeard {
		return
	}
	r.timeHeard = true
	r.began = millis - r.now.Mono.Milliseconds()
	r.finalize()
}

// finalize gives the provisional writes their final stamps: they went by this node's
// wall clock, which may have been set while it was down. By its monotonic clock it
// knows when it took those of this run; those of a run before that never heard the
// root keep their stamps, where they are not of the future.
func (r *Replica) finalize() {
	q := &r.queue
	r.clock = version.Clock{} // it may have run ahead with the wall clock
	r.clock.Observe(r.seen)
	final := func(e *store.Entry) *store.Entry {
		taken := min(e.Stamp.UnixMillis(), r.RootMillis())
		if mono, thisRun := q.taken[e.Write]; thisRun {
			taken = r.began + mono.Milliseconds()
		}
		made := *e
		made.Stamp = r.clock.Next(taken)
		return &made
	}
	for _, e := range q.local.Queue[len(q.local.Queue)-q.local.Provisional:] {
		q.final = append(q.final, final(e))
	}
	for _, item := range q.inFlight {
		q.final = append(q.final, final(item.entry))
	}
	for _, item := range q.incoming {
		item.entry = final(item.entry)
	}
	q.taken = nil
}

// maxFinalBytes bounds a record of final stamps.
const maxFinalBytes = 4 << 20

// writeFinal makes the final stamps of provisional writes durable. It must succeed
// at last: until then nothing of the queue is sent, nor taken.
func (r *Replica) writeFinal() {
	q := &r.queue
	if r.now.Mono < q.notBefore {
		r.wakeBy(q.notBefore)
		r.refuseIncoming()
		return
	}
	n := 0
	for bytes := 0; n < len(q.final) && bytes < maxFinalBytes; n++ {
		bytes += q.final[n].Bytes()
	}
	part := q.final[:n]
	r.persistLocal(store.AppendQueued(nil, part), true, func(f Failure) {
		if f != None {
			q.notBefore = r.now.Mono + r.cfg.RetryMax
			r.refuseIncoming()
			return
		}
		q.local.Finalize(part)
		for _, e := range part {
			r.observe(e.Stamp)
			r.store.Pend(e)
		}
		q.final = q.final[n:]
		r.drain()
	})
}

// keepRootTime has the difference between the root's time and this node's wall
// clock written down when it has changed, for the next start.
func (r *Replica) keepRootTime() {
	if !r.timeHeard {
		return
	}
	difference := r.RootMillis() - r.now.Unix
	if kept := r.queue.local.RootTime; difference > kept+rootTimeSlack || difference < kept-rootTimeSlack {
		r.queue.rootTime, r.queue.rootTimeDue = difference, true
		r.writeLocal()
	}
}
