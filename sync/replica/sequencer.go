package replica

import (
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// maxBatchWrites bounds the writes of one group commit and of one forwarded
// batch, beside Config.BatchBytes.
const maxBatchWrites = 8192

// sequencer is the part of the root that gives writes their order. While one
// batch is on its way to the disk, the writes that arrive gather for the next:
// one batch is one group commit.
type sequencer struct {
	open     bool          // the epoch is durable; false while starting or adopting
	begin    uint64        // the epoch to begin once there is space on the disk; 0 for none
	beginAt  time.Duration // when to try
	halted   bool          // the disk failed: nothing is ordered until the next start
	ordered  bool          // a write was ordered in this run
	ordering bool          // a batch is on its way to the disk
	gathered []*Submit

	pending map[string]*store.Entry // the batch being decided, by key
	kept    []version.WriteID       // of that batch: those that repeats got
	repeats repeats
	encoder store.BlockEncoder
	block   []byte // memory for what encoder makes
}

// gather takes writes to be ordered.
func (r *Replica) gather(in *Submit) {
	if r.root.halted {
		r.waiting -= in.size()
		r.refuse(in, wire.Unreachable)
		return
	}
	r.root.gathered = append(r.root.gathered, in)
	r.order()
}

// beginEpoch makes a new epoch durable and opens the root for writes: the cut of
// the epoch before is what the store holds.
func (r *Replica) beginEpoch(epoch uint64) {
	meta := r.store.Meta()
	meta.BeginEpoch(epoch, r.cfg.NewRun, r.store.Applied())
	meta.Stamp = max(meta.Stamp, version.StampAt(r.RootMillis())) // which members hear from now on: the next run is to know
	r.persist(store.AppendMetaRecord(nil, meta), true, func(f Failure) {
		switch f {
		case Full: // nothing was written: try again
			r.root.begin, r.root.beginAt = epoch, r.now.Mono+r.cfg.RetryMax
			r.wakeBy(r.root.beginAt)
			return
		case Broken:
			r.halt()
			return
		}
		r.store.SetMeta(meta)
		r.root.open = !r.adoption.waiting
		r.hearTime(r.RootMillis())
		r.writeLocal()
		r.probeAll()
		r.order()
		r.requeue()
	})
}

// beginWhenDue tries again to begin an epoch for which the disk had no space.
func (r *Replica) beginWhenDue() {
	switch {
	case r.root.begin == 0 || r.adoption.waiting:
	case r.now.Mono < r.root.beginAt:
		r.wakeBy(r.root.beginAt)
	default:
		epoch := r.root.begin
		r.root.begin = 0
		r.beginEpoch(epoch)
	}
}

// order decides about the writes that have gathered, gives those that are to be
// ordered their versions and stamps, and has them persisted in one record.
func (r *Replica) order() {
	s := &r.root
	handing := &r.elect.handing
	switch {
	case s.ordering || r.held || len(s.gathered) == 0:
		return
	case r.cfg.Elected && r.elect.lease == 0: // the first is about to come, or the end
		return
	case (s.open || handing.node != 0) && !r.leased(), handing.stuck(r.now.Mono):
		gathered := s.gathered
		s.gathered = nil
		r.giveBack(gathered, wire.Unreachable)
		return
	case !s.open:
		return
	}
	batch, writes := []*Submit(nil), 0
	batch, s.gathered, writes = r.takeBatch(s.gathered)
	clear(s.pending)
	s.kept = s.kept[:0]
	s.encoder.Reset()
	from := r.store.Applied()
	next := version.Version{Epoch: r.store.Meta().Epoch, Seq: from.Seq}
	results := make([]wire.Result, 0, writes)
	made := make([]store.Entry, writes) // what entries point to
	entries := make([]*store.Entry, 0, writes)
	block := s.block[:0]
	for _, group := range batch {
		for j := range group.Writes {
			e := &made[len(entries)]
			res, ordered := r.decide(&group.Writes[j], group.Epoch, next, e)
			results = append(results, res)
			if ordered {
				next = e.Version
				s.pending[e.Key] = e
				entries = append(entries, e)
				block = s.encoder.Append(block, e)
			}
		}
	}
	s.keep(block)
	answerAll := func() {
		for _, group := range batch {
			n := len(group.Writes)
			r.answer(group, next.Epoch, results[:n:n])
			results = results[n:]
		}
	}
	if len(entries) == 0 {
		answerAll()
		r.order()
		return
	}
	r.commit(entries, block, batch, answerAll)
}

// keep keeps the memory of a block for the next, unless it is much.
func (s *sequencer) keep(block []byte) {
	const most = 1 << 20
	s.block = nil
	if cap(block) <= most {
		s.block = block[:0]
	}
}

// commit makes the entries of a batch durable, and then visible, and has the batch
// answered.
func (r *Replica) commit(entries []*store.Entry, block []byte, batch []*Submit, answerAll func()) {
	s := &r.root
	meta := r.store.Meta()
	meta.Stamp = r.clock.Last()
	s.ordering = true
	term := r.elect.term
	r.persist(store.AppendDelta(nil, r.store.Applied(), entries[len(entries)-1].Version, meta, block), true, func(f Failure) {
		s.ordering = false
		switch f {
		case None:
			s.ordered = true
			r.store.Commit(entries, meta.Stamp)
			if term != r.elect.term || !r.leased() { // another may be the root by now
				r.giveBack(batch, wire.Unknown)
				break
			}
			answerAll()
			r.advanceAll()
			r.handed()
		case Full:
			s.repeats.remove(s.kept) // nothing was decided
			r.refuseAll(batch, wire.Full)
		case Broken:
			r.refuseAll(batch, wire.Unknown)
			r.halt()
			return
		}
		r.order()
	})
}

// decide says what becomes of a write that came with an epoch when the last version
// given is last, and makes e its entry if it is to be ordered, which it reports.
func (r *Replica) decide(w *wire.Write, epoch uint64, last version.Version, e *store.Entry) (res wire.Result, ordered bool) {
	current := r.root.pending[w.Key]
	if current == nil {
		current = r.store.Current(w.Key)
	}
	if current != nil && current.Write == w.ID && current.Value == w.Value && !w.ID.IsZero() {
		return wire.Result{Outcome: wire.Ordered, Version: current.Version, Stamp: current.Stamp}, false
	}
	if r.root.repeats.has(w.ID) { // and it is not current any more
		return r.superseded(current), false
	}
	kept := r.keepsStamp(w, epoch)
	if met, version := holds(w.If, current); !met && !follows(w, current) {
		if kept {
			return r.superseded(current), false
		}
		asOf := last
		if applied := r.store.Applied(); applied.Seq == last.Seq { // which may be of an epoch before
			asOf = applied
		}
		return wire.Result{Outcome: wire.Unmet, Version: version, AsOf: asOf}, false
	}
	r.observeTaken(w.Stamp)
	*e = store.Entry{
		Key: w.Key, Value: w.Value, Stamp: w.Stamp, Write: w.ID, Version: version.Version{Epoch: last.Epoch, Seq: last.Seq + 1},
	}
	e.Origin = originOf(w, current, last.Epoch)
	beaten := current != nil && current.Beats(e)
	if kept {
		r.root.kept = append(r.root.kept, w.ID)
		r.root.repeats.add(w.ID, r.now.Mono, 4*r.cfg.Timeout)
		if beaten {
			return r.superseded(current), false
		}
	}
	if beaten || w.Stamp == 0 {
		r.stampAnew(e)
	}
	return wire.Result{Outcome: wire.Ordered, Version: e.Version, Stamp: e.Stamp}, true
}

// stampAnew gives an entry the root's stamp of now. The one that it was taken with is
// what other copies of it have, should it be sent again.
func (r *Replica) stampAnew(e *store.Entry) {
	if e.Stamp != 0 {
		if e.Origin == nil {
			e.Origin = &store.Origin{}
		}
		e.Origin.Taken = e.Stamp
	}
	e.Stamp = r.clock.Next(r.RootMillis())
}

// keepsStamp reports whether a write is judged by the stamp that it got where it
// was taken: it waited, or was sent again, or this is a copy that was under way for
// long enough that it may have been. The rest is stamped as it arrives. Conditional
// writes are not sent again, and may come as late as they like.
func (r *Replica) keepsStamp(w *wire.Write, epoch uint64) bool {
	switch {
	case w.Stamp == 0:
		return false
	case w.Kept:
		return true
	case w.If.Kind != store.Always:
		return false
	}
	late := r.RootMillis()-w.Stamp.UnixMillis() > r.cfg.Timeout.Milliseconds()
	return late || epoch < r.store.Meta().Epoch
}

// superseded is the answer to a write of a key whose current entry won. Where
// that was a tombstone and is gone, the floor stands for it.
func (r *Replica) superseded(current *store.Entry) wire.Result {
	if current == nil {
		return wire.Result{Outcome: wire.Superseded, Version: r.store.Meta().Floor}
	}
	return wire.Result{Outcome: wire.Superseded, Version: current.Version, Stamp: current.Stamp}
}

// holds judges a condition against a key's entry, and tells the version of the
// key, zero where it is absent.
func holds(c store.Condition, current *store.Entry) (bool, version.Version) {
	var at version.Version
	if current != nil && !current.Deleted() {
		at = current.Version
	}
	switch c.Kind {
	case store.Matches:
		return !at.IsZero() && at == c.Version, at
	case store.Exists:
		return !at.IsZero(), at
	case store.Absent:
		return at.IsZero(), at
	default:
		return true, at
	}
}

// follows reports whether a write comes back, and finds what it had been ordered behind.
func follows(w *wire.Write, current *store.Entry) bool {
	if current == nil {
		return false
	}
	origin := w.Origin()
	was := store.Entry{Origin: &origin}
	return was.Follows(current)
}

// originOf is what the entry of a write keeps of how it came, when it is ordered in an epoch
// on top of what its key has.
func originOf(w *wire.Write, current *store.Entry, epoch uint64) *store.Origin {
	o := w.Origin()
	o.Footing = footing(&o, current)
	switch {
	case current == nil:
	case current.Version.Epoch == epoch && current.First() == current.Version: // itself of this epoch
		if since := current.Since(); !since.IsZero() {
			o.Since = since
		}
	case w.If.Kind != store.Always, current.First() != current.Version:
		o.Since = current.First()
	}
	if o == (store.Origin{}) {
		return nil
	}
	kept := o // so that only this one is allocated
	return &kept
}

// footing is that of an entry of an origin when it is ordered on top of what its key has.
func footing(o *store.Origin, current *store.Entry) version.Stamp {
	if current == nil || o.If.Kind == store.Always {
		return o.Footing
	}
	return max(o.Footing, current.Footing())
}

// takeBatch splits off the groups, whole, that go into one batch, and counts its writes.
func (r *Replica) takeBatch(gathered []*Submit) (batch, rest []*Submit, writes int) {
	bytes, n := 0, 0
	for n < len(gathered) {
		g := gathered[n]
		bytes += g.size()
		if n > 0 && (writes+len(g.Writes) > maxBatchWrites || bytes > r.cfg.BatchBytes) {
			break
		}
		writes += len(g.Writes)
		n++
	}
	for _, g := range gathered[:n] {
		r.waiting -= g.size()
	}
	return gathered[:n:n], gathered[n:], writes
}

// size is the bytes of the group's keys and values.
func (in *Submit) size() int {
	if in.bytes == 0 {
		for i := range in.Writes {
			in.bytes += len(in.Writes[i].Key) + len(in.Writes[i].Value)
		}
	}
	return in.bytes
}

func (r *Replica) refuseAll(groups []*Submit, outcome wire.Outcome) {
	for _, g := range groups {
		r.refuse(g, outcome)
	}
}

// halt stops ordering until the process is started again: after a failed flush
// nobody knows what is on the disk. Reads and pushes of what is known go on.
func (r *Replica) halt() {
	r.root.open, r.root.halted = false, true
	r.refuseAll(r.root.gathered, wire.Unreachable)
	r.root.gathered, r.waiting = nil, 0
	if r.cfg.Elected {
		r.stepAside(0, "this node's disk failed")
	}
}

// Halted reports whether the root stopped ordering because its disk failed.
func (r *Replica) Halted() bool { return r.root.halted }

// expire moves the floor up to the last of the oldest tombstones with stamps
// before in.Before, and drops them.
func (r *Replica) expire(in Expire) {
	if !r.root.open {
		return
	}
	meta := r.store.Meta()
	floor := r.store.ExpiredTombstones(in.Before)
	if floor.Seq <= meta.Floor.Seq {
		return
	}
	meta.Floor = floor
	r.persist(store.AppendMetaRecord(nil, meta), false, func(f Failure) {
		if f != None {
			return // nothing is lost by keeping tombstones; the next Expire tries again
		}
		meta := r.store.Meta()
		meta.Floor = floor
		r.store.SetMeta(meta)
	})
}
