package node

import (
	"errors"
	"log/slog"
	"slices"

	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/replica"
)

// The journal is compacted once it has grown by this many bytes and by twice its
// checkpoint: so it takes at most about four times the state, or this bound; and as much as
// the state twice more while one is compacted and a snapshot comes.
const compactBytes = 64 << 20

// disk owns the journal. Requests are carried out in order; those that wait
// together are written together and share one flush: group commit.
type disk struct {
	journal   *journal.Journal
	drafts    *drafts
	identity  store.Identity
	placement []int // as last written
	log       *slog.Logger
	loop      *loop // hears of each reported request, in order, and once when the journal should be compacted
	failing   bool  // the last request failed
	err       error // of closing; read after run has ended

	work     combiner[diskRequest]
	asked    bool       // it was told that the journal has grown
	compacts chan error // gets the end of the compaction under way; nil when there is none
	patience int64      // log bytes below which no compaction is asked for, after one that failed
}

// diskRequest is a record to append, a state to write in place of everything, or
// a placement.
type diskRequest struct {
	record    []byte
	sync      bool
	state     *store.Cut
	local     *store.Local // with state
	placement []int
	report    bool            // tell persisted
	done      func(err error) // if not nil
}

func newDisk(j *journal.Journal, id store.Identity, placement []int, log *slog.Logger) *disk {
	d := &disk{journal: j, drafts: &drafts{journal: j, log: log}, identity: id, placement: placement, log: log}
	d.work.init()
	return d
}

// put hands over a request, to be carried out by another goroutine. After stop only its done
// hears of it.
func (d *disk) put(req diskRequest) {
	if !d.work.add(req) && req.done != nil {
		req.done(journal.ErrClosed)
	}
	d.work.signal()
}

// help carries out what waits, if nobody does and all of it are records: a state takes long. The
// caller sees to it that the loop hears of it.
func (d *disk) help() bool {
	records := func(waiting []diskRequest) bool {
		return len(waiting) > 0 && !slices.ContainsFunc(waiting, func(req diskRequest) bool { return req.state != nil })
	}
	reqs, free := d.work.beginIf(records)
	if free {
		d.turn(reqs)
	}
	return free
}

// run carries out what nobody else does, until the disk is stopped and all was carried out;
// then it closes the journal.
func (d *disk) run() {
	for d.work.end(); !d.work.finished(); <-d.work.wake {
		for d.work.begin() {
			d.turn(d.work.next())
			if d.work.some() { // the loop goes on beside it
				d.loop.inputs.leave()
			} else if d.loop.inputs.begin() {
				d.loop.turn(helpingRounds)
			}
		}
	}
	if d.compacts != nil {
		d.compacted(<-d.compacts)
	}
	d.err = d.journal.Close()
}

// turn carries out what was taken of d.work. Whoever calls it is at work there; then no more.
func (d *disk) turn(reqs []diskRequest) {
	defer fatal()
	d.carryOut(reqs)
	d.askToCompact()
	d.work.end()
}

// carryOut splits requests into runs of records, which go together, and states.
func (d *disk) carryOut(reqs []diskRequest) {
	for len(reqs) > 0 {
		n := 0
		for n < len(reqs) && reqs[n].state == nil {
			n++
		}
		if n > 0 {
			d.append(reqs[:n])
		} else {
			n = 1
			d.write(&reqs[0])
		}
		reqs = reqs[n:]
	}
}

func (d *disk) append(reqs []diskRequest) {
	records := make([][]byte, len(reqs))
	sync := false
	for i, req := range reqs {
		records[i] = req.record
		sync = sync || req.sync
		if req.placement != nil {
			records[i] = store.AppendPlacement(nil, req.placement)
			d.placement = req.placement
		}
	}
	err := d.journal.Append(records...)
	if err == nil && sync {
		err = d.journal.Sync()
	}
	for i := range reqs {
		d.finish(&reqs[i], err)
	}
}

// write has a state written in place of the journal: for a snapshot, which is
// waited for, at once; for a compaction beside the appends that follow.
func (d *disk) write(req *diskRequest) {
	if d.compacts != nil {
		d.compacted(<-d.compacts)
	}
	checkpoint, drafted, err := d.begin(req.state)
	if err != nil {
		d.compacted(err)
		d.finish(req, err)
		return
	}
	state, local, placement := req.state, req.local, d.placement
	fill := func() (err error) {
		if drafted {
			err = store.WriteTail(local, d.identity, placement, checkpoint.Write)
		} else {
			err = store.WriteState(state, local, d.identity, placement, checkpoint.Write)
		}
		if err != nil {
			return errors.Join(err, checkpoint.Abort())
		}
		return checkpoint.Commit()
	}
	if req.report {
		d.finish(req, fill())
		return
	}
	ended := make(chan error, 1)
	d.compacts = ended
	go func() { ended <- fill() }()
}

// begin starts a checkpoint. drafted says that the state is in it already.
func (d *disk) begin(state *store.Cut) (checkpoint *journal.Checkpoint, drafted bool, err error) {
	if draft := d.drafts.take(state); draft != nil {
		if checkpoint, err = d.journal.Adopt(draft); err == nil {
			return checkpoint, true, nil
		}
		d.log.Debug("a state that was written as it came is written once more", "err", err)
	}
	checkpoint, err = d.journal.StartCheckpoint()
	return checkpoint, false, err
}

// compacted takes the end of a compaction. One that failed is not tried again
// before the journal has grown some more.
func (d *disk) compacted(err error) {
	d.compacts, d.asked, d.patience = nil, false, 0
	if err != nil {
		d.patience = d.journal.LogBytes() + compactBytes/4
		d.log.Error("the journal could not be compacted; it is complete, and keeps growing until it can", "err", err)
	}
}

func (d *disk) finish(req *diskRequest, err error) {
	switch {
	case err != nil && !d.failing:
		d.log.Error("writing to the data directory failed", "err", err)
	case err == nil && d.failing:
		d.log.Info("writing to the data directory works again")
	}
	d.failing = err != nil
	if req.done != nil {
		req.done(err)
	}
	if !req.report {
		return
	}
	failure := replica.Broken
	switch {
	case err == nil:
		failure = replica.None
	case errors.Is(err, journal.ErrNoSpace):
		failure = replica.Full
	}
	d.loop.inputs.add(replica.Persisted{Failure: failure})
}

// askToCompact tells the loop when the journal is over its bound and no compaction
// is under way.
func (d *disk) askToCompact() {
	if d.compacts != nil {
		select {
		case err := <-d.compacts:
			d.compacted(err)
		default:
			return
		}
	}
	if !d.asked && d.journal.LogBytes() > max(compactBytes, 2*d.journal.CheckpointBytes(), d.patience) {
		d.asked = true
		d.loop.inputs.add(replica.CompactDue{})
	}
}
