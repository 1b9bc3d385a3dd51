package journal

import (
	"errors"
	"fmt"
)

// draftSyncBytes is how much of a draft is written before it is made durable, beside what is written next: so little is
// left to be made durable when the draft becomes a checkpoint. That is so with NoSync too, for its Commit syncs.
const draftSyncBytes = 8 << 20

// draftName is what the file of a draft is called. Open removes it as what was never finished.
const draftName = checkpointPrefix + "draft"

// Draft is the file of a checkpoint that is written before it is known where in the log it will belong: state that is
// coming from elsewhere. It stands for nothing until Adopt makes it a checkpoint, and that is committed. One goroutine
// at a time makes all calls; it need not be the journal's owner.
type Draft struct {
	c       *Checkpoint // nil once it was adopted or aborted
	syncing chan error  // gets the end of the last sync; nil before the first
	asked   int64       // up to where it was to be durable
}

// StartDraft starts a draft. There is one at a time. Any goroutine may call it once Replay has returned. End the draft
// with Abort or Adopt.
//
// Errors: ErrCheckpointOpen, ErrClosed, ErrNoSpace, ErrFailed, or the file system's; nothing is lost.
func (j *Journal) StartDraft() (*Draft, error) {
	switch {
	case j.released.Load():
		return nil, ErrClosed
	case j.failed() != nil:
		return nil, j.failed()
	case !j.drafting.CompareAndSwap(false, true):
		return nil, ErrCheckpointOpen
	}
	c := &Checkpoint{j: j, head: j.newHeader(checkpointMagic, 0, 0)}
	c.head.draft = true
	if err := c.create(draftName); err != nil {
		j.drafting.Store(false)
		return nil, err
	}
	return &Draft{c: c}, nil
}

// Write adds a record, which is the parts one behind the other. It waits for no sync. After an error the draft can only
// be aborted.
func (d *Draft) Write(parts ...[]byte) error {
	if d.c == nil {
		return ErrClosed
	}
	if err := d.c.write(parts...); err != nil {
		return err
	}
	underWay := d.syncing != nil && len(d.syncing) == 0
	if underWay || d.c.end-d.asked < draftSyncBytes {
		return nil
	}
	if d.c.err = d.synced(); d.c.err != nil {
		return d.c.err
	}
	ended, c := make(chan error, 1), d.c
	d.syncing, d.asked = ended, c.end
	c.j.syncs.Add(1)
	go func() { ended <- c.file.Sync() }()
	return nil
}

// synced waits for the sync under way.
func (d *Draft) synced() error {
	if d.syncing == nil {
		return nil
	}
	err := <-d.syncing
	d.syncing = nil
	if err != nil {
		return fmt.Errorf("journal: sync %s: %w", draftName, noSpace(err))
	}
	return nil
}

// Abort gives the draft up and removes its file. After Adopt it does nothing.
func (d *Draft) Abort() error {
	c := d.c
	if c == nil {
		return nil
	}
	_ = d.synced() // what it could not sync is of no use any more
	d.c = nil
	return c.discard()
}

// Adopt is StartCheckpoint where what was written to the draft is the checkpoint already, so far. After an error the
// draft is aborted, and StartCheckpoint may do.
func (j *Journal) Adopt(d *Draft) (*Checkpoint, error) {
	if d.c == nil {
		return nil, ErrClosed
	}
	if err := errors.Join(j.usable(), d.synced(), d.c.err); err != nil {
		return nil, errors.Join(err, d.Abort())
	}
	if !j.checkpointing.CompareAndSwap(false, true) {
		return nil, errors.Join(ErrCheckpointOpen, d.Abort())
	}
	if err := j.number(d.c); err != nil {
		j.checkpointing.Store(false)
		return nil, errors.Join(err, d.Abort())
	}
	c := d.c
	d.c = nil
	return c, nil
}

// number gives a draft the number of the segment that follows what it is to stand for.
func (j *Journal) number(c *Checkpoint) error {
	if err := j.beginSegment(); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.head.number, c.log = j.head.number, j.logBytes.Load()
	if _, err := c.file.WriteAt(c.head.encode(), 0); err != nil {
		return fmt.Errorf("journal: write %s: %w", draftName, noSpace(err))
	}
	return nil
}
