package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	checkpointBufferBytes = 256 << 10
	// A checkpoint is synced each time that so many bytes were written, so that a sync of the log never waits for
	// gigabytes that the system has gathered.
	checkpointSyncBytes = 32 << 20
)

// Checkpoint is a checkpoint being written. One goroutine makes all calls; it need not be the journal's owner.
type Checkpoint struct {
	j       *Journal
	head    header
	path    string // of the file while it is written
	file    File
	buffer  []byte
	end     int64 // of what is in the file
	synced  int64
	records int
	log     int64 // LogBytes when it was started
	err     error // of the write that failed, for Commit
	done    bool
}

// StartCheckpoint starts a segment, and a checkpoint that is to stand for everything appended before. The journal's
// owner calls it, and may append at once while the checkpoint is written. End it with Commit or Abort.
//
// Errors: ErrCheckpointOpen, ErrNoSpace, ErrFailed, or the file system's; nothing is lost.
func (j *Journal) StartCheckpoint() (*Checkpoint, error) {
	if err := j.usable(); err != nil {
		return nil, err
	}
	if !j.checkpointing.CompareAndSwap(false, true) {
		return nil, ErrCheckpointOpen
	}
	c, err := j.startCheckpoint()
	if err != nil {
		j.checkpointing.Store(false)
		return nil, err
	}
	return c, nil
}

// beginSegment has what is appended next begin a segment.
func (j *Journal) beginSegment() error {
	if j.stale || j.end > headerBytes {
		return j.rotate()
	}
	return nil
}

func (j *Journal) startCheckpoint() (*Checkpoint, error) {
	if err := j.beginSegment(); err != nil {
		return nil, err
	}
	c := &Checkpoint{j: j, head: j.newHeader(checkpointMagic, j.head.number, 0), log: j.logBytes.Load()}
	return c, c.create(checkpointName(c.head.number))
}

// create makes the file, which has its name not before it is finished.
func (c *Checkpoint) create(name string) (err error) {
	c.path = c.j.path(name + unfinishedSuffix)
	if c.file, err = c.j.fs.Create(c.path); err != nil {
		return fmt.Errorf("journal: start %s: %w", name, noSpace(err))
	}
	c.buffer = append(make([]byte, 0, checkpointBufferBytes), c.head.encode()...)
	return nil
}

// Write adds a record. After an error, ErrNoSpace among others, the checkpoint can only be aborted.
func (c *Checkpoint) Write(record []byte) error { return c.write(record) }

// write is Write of a record in parts.
func (c *Checkpoint) write(parts ...[]byte) error {
	bytes := 0
	for _, part := range parts {
		bytes += len(part)
	}
	switch {
	case c.done:
		return ErrClosed
	case c.err != nil:
		return c.err
	case bytes > MaxRecordBytes:
		c.err = fmt.Errorf("%w: %d bytes of at most %d", ErrTooLarge, bytes, MaxRecordBytes)
		return c.err
	}
	c.records++
	return c.add(false, parts...)
}

func (c *Checkpoint) add(control bool, parts ...[]byte) error {
	c.buffer = c.head.appendFrame(c.buffer, c.end+int64(len(c.buffer)), 0, control, parts...)
	if len(c.buffer) >= checkpointBufferBytes || control {
		c.err = c.flush()
	}
	return c.err
}

func (c *Checkpoint) flush() error {
	n, err := c.file.WriteAt(c.buffer, c.end)
	if err == nil && n < len(c.buffer) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("journal: write %s: %w", checkpointName(c.head.number), noSpace(err))
	}
	c.end += int64(n)
	c.buffer = c.buffer[:0]
	if cap(c.buffer) > keptBufferBytes {
		c.buffer = make([]byte, 0, checkpointBufferBytes)
	}
	if c.end-c.synced >= checkpointSyncBytes && !c.j.noSync && !c.head.draft {
		return c.sync()
	}
	return nil
}

func (c *Checkpoint) sync() error {
	c.j.syncs.Add(1)
	if err := c.file.Sync(); err != nil {
		return fmt.Errorf("journal: sync %s: %w", checkpointName(c.head.number), noSpace(err))
	}
	c.synced = c.end
	return nil
}

// Commit makes the checkpoint durable, gives it its name and removes the older segments and checkpoints. When it
// returns an error the checkpoint is aborted: the older one and all segments since are still what counts. Only an
// error that is ErrFailed makes the journal unusable.
func (c *Checkpoint) Commit() error {
	if c.done {
		return ErrClosed
	}
	if err := c.commit(); err != nil {
		return errors.Join(err, c.Abort())
	}
	return nil
}

func (c *Checkpoint) commit() error {
	j := c.j
	switch {
	case c.err != nil:
		return c.err
	case j.released.Load():
		return ErrClosed
	case j.failed() != nil:
		return j.failed()
	}
	if err := c.add(true, binary.LittleEndian.AppendUint64(nil, uint64(c.records))); err != nil {
		return err
	}
	if err := c.sync(); err != nil {
		return err
	}
	if err := j.fs.Rename(c.path, j.path(checkpointName(c.head.number))); err != nil {
		return fmt.Errorf("journal: %w", noSpace(err))
	}
	if err := j.syncDir(); err != nil { // either checkpoint may come back, so that nothing is removed
		return err
	}
	c.done = true
	_ = c.file.Close() // it is synced: nothing can be lost
	j.removeBefore(c.head.number)
	j.checkpointBytes.Store(c.end)
	j.logBytes.Add(-c.log)
	if c.head.draft {
		j.drafting.Store(false)
	}
	j.checkpointing.Store(false)
	return nil
}

// Abort gives the checkpoint up and removes its file. What it was to stand for stays. After Commit it does nothing.
func (c *Checkpoint) Abort() error {
	if c.done {
		return nil
	}
	err := c.discard()
	c.j.checkpointing.Store(false)
	return err
}

// discard closes and removes the file.
func (c *Checkpoint) discard() error {
	c.done = true
	err := c.file.Close()
	if !c.j.released.Load() { // else the directory may be another's by now; it removes what it finds unfinished
		if c.j.failed() == nil {
			err = errors.Join(err, c.j.fs.Remove(c.path))
		} else {
			_ = c.j.fs.Remove(c.path)
		}
	}
	if c.head.draft {
		c.j.drafting.Store(false)
	}
	return err
}
