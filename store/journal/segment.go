package journal

import (
	"errors"
	"fmt"
)

// rotate closes the last segment, durably, and starts the next. When it returns an error, nothing is lost and the last
// segment is still the last; unless that error is ErrFailed, appending may be tried again.
func (j *Journal) rotate() error {
	if j.synced != j.end {
		if err := j.fsync(); err != nil {
			return err
		}
	}
	old := j.file
	if err := j.startSegment(j.head.number+1, j.end); err != nil {
		return err
	}
	_ = old.Close() // it is synced: nothing can be lost
	return nil
}

// startSegment makes a segment and goes on in it. Its header is durable before it gets its name, and its name is
// before anything is appended.
func (j *Journal) startSegment(number uint64, previousBytes int64) error {
	head := j.newHeader(segmentMagic, number, previousBytes)
	path := j.path(segmentName(number))
	file, err := j.writeHeader(path+unfinishedSuffix, &head)
	if err != nil {
		return fmt.Errorf("journal: start %s: %w", segmentName(number), noSpace(err))
	}
	if err := j.fs.Rename(path+unfinishedSuffix, path); err != nil {
		_ = file.Close()
		if full := noSpace(err); errors.Is(full, ErrNoSpace) {
			_ = j.fs.Remove(path + unfinishedSuffix)
			return fmt.Errorf("journal: start %s: %w", segmentName(number), full)
		}
		return j.fail(err) // it may have happened, and then nothing may be appended to the segment before
	}
	if err := j.syncDir(); err != nil {
		_ = file.Close()
		return err
	}
	j.file, j.head, j.stale = file, head, false
	j.end, j.synced, j.marked = headerBytes, headerBytes, headerBytes
	return nil
}

// writeHeader makes a file that holds a header, durably, but under a name that is not durable yet. On an error the
// file is removed.
func (j *Journal) writeHeader(path string, head *header) (File, error) {
	file, err := j.fs.Create(path)
	if err != nil {
		return nil, err
	}
	if _, err = file.WriteAt(head.encode(), 0); err == nil {
		j.syncs.Add(1)
		err = file.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), j.fs.Remove(path))
	}
	return file, nil
}

// syncDir makes the names of the files durable. When that fails, so has the journal.
func (j *Journal) syncDir() error {
	j.syncs.Add(1)
	if err := j.fs.SyncDir(j.dir); err != nil {
		return j.fail(fmt.Errorf("sync directory %s: %w", j.dir, err))
	}
	return nil
}
