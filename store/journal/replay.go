package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Source is where a replayed record comes from.
type Source int

const (
	// FromCheckpoint is a record that was written to the newest checkpoint.
	FromCheckpoint Source = iota
	// FromLog is a record that was appended since that checkpoint was started.
	FromLog
)

// String names the source, for messages.
func (s Source) String() string {
	if s == FromCheckpoint {
		return "checkpoint"
	}
	return "log"
}

// Report says what Replay found.
type Report struct {
	Checkpoint        string // name of the checkpoint file; empty when there is none
	CheckpointRecords int
	CheckpointBytes   int64 // size of that file
	Segments          int
	LogRecords        int
	LogBytes          int64  // of the segments' frames
	CutBytes          int64  // of a torn tail, which a loss of power or a kill amid a write left, and which was cut off
	CutFile           string // name of the segment that was cut; empty when none was
	CutOffset         int64  // where
}

// replay is one run of Replay.
type replay struct {
	*Journal
	reader        reader
	visit         func(Source, []byte) error
	report        Report
	previousBytes int64 // size of the segment before; 0 when that is not there any more
}

// Replay calls visit for each record of the newest checkpoint and then for each record appended since it was started,
// in order. A record is valid during its call only. Memory is bounded by the largest record. Afterwards all that was
// visited is durable (unless Options.NoSync), and the journal can be appended to.
//
// Errors: ErrDamaged and ErrFormat, upon which no file was changed; ErrReplayed; ErrNoSpace; what visit returned; or
// the file system's. After an error the journal can only be closed, and what was visited is to be forgotten.
func (j *Journal) Replay(visit func(Source, []byte) error) (Report, error) {
	switch j.phase {
	case closed:
		return Report{}, ErrClosed
	case replaying, ready:
		return Report{}, ErrReplayed
	}
	j.phase = replaying
	r := &replay{Journal: j, visit: visit}
	if err := r.run(); err != nil {
		return r.report, fmt.Errorf("journal: replay %s: %w", j.dir, err)
	}
	j.phase = ready
	return r.report, nil
}

func (r *replay) run() error {
	if r.found.checkpoint > 0 {
		if err := r.checkpoint(checkpointName(r.found.checkpoint)); err != nil {
			return err
		}
	}
	for i, number := range r.found.segments {
		if err := r.segment(number, i == len(r.found.segments)-1); err != nil {
			return err
		}
	}
	if len(r.found.segments) == 0 {
		if err := r.startSegment(1, 0); err != nil {
			return err
		}
	} else if err := r.syncDir(); err != nil { // names that a process gave before it was killed
		return err
	}
	r.removeBefore(r.found.checkpoint)
	return nil
}

// open makes the reader read a file and its header. short says that the file is not even as long as a header.
func (r *replay) open(name, magic string, number uint64) (file File, short bool, err error) {
	if file, err = r.fs.Open(r.path(name)); err != nil {
		return nil, false, err
	}
	if err = r.reader.reset(file); err != nil {
		return file, false, err
	}
	if r.reader.size < headerBytes {
		return file, true, nil
	}
	b, err := r.reader.peek(0, headerBytes)
	if err != nil {
		return file, false, err
	}
	r.reader.head, err = parseHeader(b, magic)
	switch {
	case errors.Is(err, ErrFormat):
		return file, false, fmt.Errorf("file %s: %w", name, err)
	case err != nil:
		return file, false, r.damaged(name, 0, "%v", err)
	case r.reader.head.number != number:
		return file, false, r.damaged(name, 0, "it says that its number is %d", r.reader.head.number)
	}
	return file, false, nil
}

// checkpoint reads a checkpoint, which must be whole.
func (r *replay) checkpoint(name string) error {
	file, short, err := r.open(name, checkpointMagic, r.found.checkpoint)
	if file != nil {
		defer file.Close()
	}
	if err != nil {
		return err
	}
	if short {
		return r.damaged(name, 0, "the file is %d bytes long, shorter than its header", r.reader.size)
	}
	r.report.Checkpoint, r.report.CheckpointBytes = name, r.reader.size
	for at := int64(headerBytes); ; {
		f, ok, err := r.reader.frame(at)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		case !ok:
			return r.damaged(name, at, "no valid record here, and the end of the checkpoint was not met yet")
		case f.control:
			if f.end != r.reader.size || !isTrailer(f.payload, r.report.CheckpointRecords) {
				return r.damaged(name, at, "the end of the checkpoint is not that of its %d records", r.report.CheckpointRecords)
			}
			r.checkpointBytes.Store(r.reader.size)
			return nil
		}
		if err := r.visit(FromCheckpoint, f.payload); err != nil {
			return err
		}
		r.report.CheckpointRecords++
		at = f.end
	}
}

// isTrailer says whether a checkpoint of so many records ends with this payload.
func isTrailer(payload []byte, records int) bool {
	return len(payload) == 8 && binary.LittleEndian.Uint64(payload) == uint64(records)
}
