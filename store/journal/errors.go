package journal

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrDamaged says that a record or file that had been durable is gone or unreadable. The files are left as they
	// were found; the message says which, where, and what to do.
	ErrDamaged = errors.New("journal is damaged")

	// ErrFormat says that a file was written in a format that this program does not know, by a newer one perhaps.
	ErrFormat = errors.New("unknown journal format")

	// ErrLocked says that another process, or another Journal in this one, holds the directory.
	ErrLocked = errors.New("journal is in use by another process")

	// ErrNoSpace says that the disk or the quota is full. Nothing of what was asked for was written; the journal can
	// be used further.
	ErrNoSpace = errors.New("no space left for the journal")

	// ErrFailed says that a sync, or the way back from a half-finished write, failed; it wraps the cause. What was
	// appended since the last Sync may or may not be on disk, and no later sync could tell, so that the journal takes
	// nothing any more until it is opened again.
	ErrFailed = errors.New("journal has failed")

	// ErrClosed says that the journal or checkpoint was closed, committed or aborted before.
	ErrClosed = errors.New("journal is closed")

	// ErrNotReplayed says that Replay has not been called yet, or did not succeed.
	ErrNotReplayed = errors.New("journal has not been replayed")

	// ErrReplayed says that Replay was called before.
	ErrReplayed = errors.New("journal was replayed before")

	// ErrCheckpointOpen says that the checkpoint started before was neither committed nor aborted yet.
	ErrCheckpointOpen = errors.New("a checkpoint is being written")

	// ErrTooLarge says that a record is larger than MaxRecordBytes.
	ErrTooLarge = errors.New("record is too large for the journal")
)

// damaged is an ErrDamaged for the file called name, whose fault was met at offset.
func (j *Journal) damaged(name string, offset int64, format string, args ...any) error {
	return fmt.Errorf("%w: file %s, offset %d: %s; nothing was changed. Restore the directory %s from a backup; or, "+
		"if this node is not the root, remove the directory and start the node again: it will take a snapshot from the root",
		ErrDamaged, name, offset, fmt.Sprintf(format, args...), j.dir)
}

// fail makes the journal fail for good, with the first cause, and returns that failure. Any goroutine may call it.
func (j *Journal) fail(cause error) error {
	err := fmt.Errorf("%w, start the node again: %w", ErrFailed, cause)
	j.failure.CompareAndSwap(nil, &err)
	return j.failed()
}

func (j *Journal) failed() error {
	if err := j.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// noSpace marks an error of a full disk or quota as ErrNoSpace and leaves others as they are.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
