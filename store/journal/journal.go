// Package journal is the log on disk of a node: opaque records, appended by one writer to segment files, and
// checkpoint files that stand for all segments before them.
//
// Append makes records survive the end of the process; Sync makes them survive the loss of power. Open, then
// Replay, then Append: Replay gives back the newest checkpoint's records, then the records appended since.
// What power cut short is cut off; what was durable and is not readable any more is ErrDamaged, never skipped.
// DESIGN.md has the file format and the rule that tells the two apart.
package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
)

// DefaultSegmentBytes is the size at which a segment is followed by the next, unless Options say otherwise.
const DefaultSegmentBytes = 64 << 20

const (
	lockName        = "LOCK"
	keptBufferBytes = 4 << 20 // a larger append buffer is given back after use
)

// Options say where a journal lives and how it is written.
type Options struct {
	FS  FS     // default OS()
	Dir string // made when missing; belongs to the journal alone

	// SegmentBytes is the size at which a new segment is started; default 64 MiB. Small ones cost a sync each, large
	// ones keep disk space longer after a checkpoint. One Append never spans two segments, so that a segment is
	// larger when one Append is.
	SegmentBytes int64

	// NoSync makes Sync do nothing: appended records survive the end of the process, not the loss of power. Closing
	// a segment, committing a checkpoint and Close are synced all the same.
	NoSync bool

	// Marker draws the number that marks each new file's records; default: at random. Whoever could guess it could
	// write values that look like records. A simulation may give its own.
	Marker func() uint32
}

type phase int

const (
	opened    phase = iota // Replay may be called
	replaying              // under way, or failed: only Close may be called
	ready                  // Append may be called
	closed
)

// Journal is an open journal. One goroutine owns it and makes all calls, except that a Checkpoint may be written by
// another one, and that LogBytes, CheckpointBytes and Syncs may be called by any.
//
// Invariant: headerBytes <= synced <= end; the file's bytes before synced are durable, those before end are written.
type Journal struct {
	fs           FS
	dir          string
	segmentBytes int64
	noSync       bool
	marker       func() uint32
	lock         io.Closer

	phase  phase
	found  inventory // by Open, for Replay
	file   File      // the last segment
	head   header    // of file
	end    int64
	synced int64
	marked int64 // end of the last mark in file; see mark
	stale  bool  // the header's flags are not how we write: start a new segment first
	buffer []byte

	logBytes        atomic.Int64
	checkpointBytes atomic.Int64
	syncs           atomic.Uint64
	failure         atomic.Pointer[error]
	checkpointing   atomic.Bool
	drafting        atomic.Bool // until its file has another name, or is removed
	released        atomic.Bool // by Close
}

// Open makes the directory when it is missing, locks it and looks at which files are there. It reads no record:
// Replay does. Errors: ErrLocked, ErrDamaged (a file is missing), or the file system's.
func Open(opts Options) (*Journal, error) {
	j := &Journal{fs: opts.FS, dir: opts.Dir, segmentBytes: opts.SegmentBytes, noSync: opts.NoSync, marker: opts.Marker}
	if j.fs == nil {
		j.fs = OS()
	}
	if j.segmentBytes <= 0 {
		j.segmentBytes = DefaultSegmentBytes
	}
	if j.marker == nil {
		j.marker = randomMarker
	}
	if err := j.fs.MkdirAll(j.dir); err != nil {
		return nil, fmt.Errorf("journal: make %s: %w", j.dir, err)
	}
	lock, err := j.fs.Lock(j.path(lockName))
	if err != nil {
		return nil, fmt.Errorf("journal: lock %s: %w", j.dir, err)
	}
	j.lock = lock
	if err := j.takeInventory(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: open %s: %w", j.dir, err), lock.Close())
	}
	return j, nil
}

// LogBytes is how many bytes, framing included, were appended since the last committed checkpoint was started: what
// the next start has to replay besides the checkpoint.
func (j *Journal) LogBytes() int64 { return j.logBytes.Load() }

// CheckpointBytes is the size of the newest committed checkpoint; 0 when there is none.
func (j *Journal) CheckpointBytes() int64 { return j.checkpointBytes.Load() }

// Syncs counts the fsyncs that were really made since Open: of segments, checkpoints and the directory.
func (j *Journal) Syncs() uint64 { return j.syncs.Load() }

// Close syncs what was appended, unless the journal has failed, and unlocks the directory. Commit or Abort an open
// checkpoint before. It returns ErrFailed when the journal has failed or the sync fails; the directory is unlocked
// in any case. A second Close does nothing.
func (j *Journal) Close() error {
	if j.phase == closed {
		return nil
	}
	err := j.failed()
	if j.phase == ready && err == nil {
		err = j.closeSegment()
	}
	j.phase = closed
	j.released.Store(true)
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
		j.file = nil
	}
	return errors.Join(err, j.lock.Close())
}

func (j *Journal) closeSegment() error {
	if j.synced != j.end {
		if err := j.fsync(); err != nil {
			return err
		}
	}
	return j.mark()
}

// usable says why the owner may not append now, if so.
func (j *Journal) usable() error {
	switch {
	case j.phase == closed:
		return ErrClosed
	case j.phase != ready:
		return ErrNotReplayed
	}
	return j.failed()
}

func (j *Journal) path(name string) string { return filepath.Join(j.dir, name) }

// newHeader is the header of a file that is about to be written.
func (j *Journal) newHeader(magic string, number uint64, previousBytes int64) header {
	h := header{magic: magic, number: number, previousBytes: previousBytes, noSync: j.noSync}
	h.marker = j.marker() | 1 // never zero: holes in a torn file read as zeros
	return h
}

func randomMarker() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return binary.LittleEndian.Uint32(b[:])
}
