package journal

import "fmt"

// segment reads a segment. The last one is cut where it is torn, and stays open for appending.
func (r *replay) segment(number uint64, last bool) error {
	name := segmentName(number)
	file, short, err := r.open(name, segmentMagic, number)
	if err == nil && short && !last {
		err = r.damaged(name, 0, "the file is %d bytes long, shorter than its header", r.reader.size)
	}
	if err == nil && !short {
		err = r.records(name, file, last)
	}
	if file != nil && (err != nil || !last || short) {
		_ = file.Close() // nothing was written
	}
	if err != nil {
		return err
	}
	r.report.Segments++
	if short {
		return r.replaceShort(number, name)
	}
	r.previousBytes = r.reader.size
	return nil
}

// replaceShort starts the last segment anew, of which not even the header arrived on disk: no record was in it.
func (r *replay) replaceShort(number uint64, name string) error {
	r.report.CutFile, r.report.CutOffset, r.report.CutBytes = name, 0, r.reader.size
	return r.startSegment(number, r.previousBytes)
}

// records visits the records of the segment that the reader reads.
func (r *replay) records(name string, file File, last bool) error {
	before := r.reader.head.previousBytes
	if r.previousBytes > 0 && before != r.previousBytes {
		return r.damaged(name, 0, "the segment before it is %d bytes long, and was %d when it was closed", r.previousBytes, before)
	}
	at, synced, marked := int64(headerBytes), int64(headerBytes), int64(headerBytes)
	for at < r.reader.size {
		f, ok, err := r.reader.frame(at)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !ok {
			break
		}
		if f.control {
			marked = f.end
		} else if err := r.visit(FromLog, f.payload); err != nil {
			return err
		} else {
			r.report.LogRecords++
		}
		at, synced = f.end, max(synced, f.synced)
	}
	r.report.LogBytes += at - headerBytes
	r.logBytes.Add(at - headerBytes)
	if !last {
		if at < r.reader.size {
			return r.damaged(name, at, "no valid record here, and a later segment follows")
		}
		return nil
	}
	if at < r.reader.size {
		if why, err := r.reader.whyNotTorn(at); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		} else if why != "" {
			return r.damaged(name, at, "%s", why)
		}
		r.report.CutFile, r.report.CutOffset, r.report.CutBytes = name, at, r.reader.size-at
	}
	return r.adopt(file, at, synced, marked)
}

// adopt makes the segment that was read the one to append to. It cuts off the torn tail and makes the rest durable.
func (r *replay) adopt(file File, end, synced, marked int64) error {
	r.file, r.head = file, r.reader.head
	r.end, r.synced, r.marked = end, synced, marked
	r.stale = r.head.noSync != r.noSync
	if err := r.settle(); err != nil {
		r.file = nil // closed by the caller
		return err
	}
	return nil
}

func (r *replay) settle() error {
	torn := r.end < r.reader.size
	if torn {
		if err := r.file.Truncate(r.end); err != nil {
			return err
		}
		r.reader.size = r.end
	}
	if !r.noSync {
		if err := r.writeAgain(); err != nil {
			return err
		}
	}
	if torn || !r.noSync && r.synced < r.end {
		if err := r.fsync(); err != nil {
			return err
		}
	}
	if r.noSync {
		return nil
	}
	return r.mark()
}

// writeAgain writes what may not be durable once more, in place. A process that an fsync failed leaves bytes that can
// be read but that the system holds for clean: another fsync would not write them.
func (r *replay) writeAgain() error {
	for at := r.synced; at < r.end; {
		n := min(windowBytes, r.end-at)
		b, err := r.reader.peek(at, int(n))
		if err != nil {
			return err
		}
		if _, err := r.file.WriteAt(b, at); err != nil {
			return fmt.Errorf("write %s again: %w", segmentName(r.head.number), noSpace(err))
		}
		at += n
	}
	return nil
}
