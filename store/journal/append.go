package journal

import (
	"errors"
	"fmt"
	"io"
)

// Append writes the records, in order, with one write. They survive the end of the process from then on, and the loss
// of power from the next Sync on. It copies what it needs.
//
// On an error none of them is in the journal, except that after ErrFailed a prefix of them may come back with the next
// Replay. ErrNoSpace and ErrTooLarge leave the journal usable; after another error of the file system the next Append
// may be tried.
func (j *Journal) Append(records ...[]byte) error {
	if err := j.usable(); err != nil {
		return err
	}
	var total int64
	for _, record := range records {
		if len(record) > MaxRecordBytes {
			return fmt.Errorf("%w: %d bytes of at most %d", ErrTooLarge, len(record), MaxRecordBytes)
		}
		total += frameBytes + int64(len(record))
	}
	if total == 0 {
		return nil
	}
	if j.stale || j.end > headerBytes && j.end+total > j.segmentBytes {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	j.buffer = j.buffer[:0]
	for _, record := range records {
		j.buffer = j.head.appendFrame(j.buffer, j.end+int64(len(j.buffer)), j.synced, false, record)
	}
	err := j.write(j.buffer)
	if cap(j.buffer) > keptBufferBytes {
		j.buffer = nil
	}
	return err
}

// Sync makes durable what was appended; it does nothing when there is nothing new, or with Options.NoSync. When it
// fails, so has the journal: an fsync that is tried again may report success for bytes that were thrown away.
func (j *Journal) Sync() error {
	if err := j.usable(); err != nil {
		return err
	}
	if j.noSync || j.synced == j.end {
		return nil
	}
	return j.fsync()
}

func (j *Journal) fsync() error {
	j.syncs.Add(1)
	if err := j.file.Sync(); err != nil {
		return j.fail(fmt.Errorf("sync %s: %w", segmentName(j.head.number), err))
	}
	j.synced = j.end
	return nil
}

// write puts whole frames at the end of the segment.
func (j *Journal) write(frames []byte) error {
	n, err := j.file.WriteAt(frames, j.end)
	if err == nil && n < len(frames) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return j.takeBack(fmt.Errorf("append to %s: %w", segmentName(j.head.number), err))
	}
	j.end += int64(n)
	j.logBytes.Add(int64(n))
	return nil
}

// takeBack cuts off what a failed write left after the end, durably, so that records that Append refused never come
// back. It returns the cause, or ErrFailed when that does not work.
func (j *Journal) takeBack(cause error) error {
	if err := j.file.Truncate(j.end); err != nil {
		return j.fail(errors.Join(cause, fmt.Errorf("and cannot cut it off: %w", err)))
	}
	if err := j.fsync(); err != nil {
		return errors.Join(err, cause)
	}
	return fmt.Errorf("journal: %w", noSpace(cause))
}

// mark appends a control frame, which says that all before it is durable. Without one, the records of the last sync
// before a rest have nothing after them to prove that they were durable, and later damage to them would look torn.
// A full disk is no reason to fail for want of it. Call it when synced == end.
func (j *Journal) mark() error {
	if j.marked == j.end {
		return nil
	}
	j.buffer = j.head.appendFrame(j.buffer[:0], j.end, j.synced, true, nil)
	if err := j.write(j.buffer); err != nil {
		return j.failed()
	}
	j.marked = j.end
	return nil
}
