package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

const windowBytes = 256 << 10

// reader reads the frames of one file through a window, which is as large as the largest frame at least and is kept
// from file to file.
type reader struct {
	file   File
	size   int64
	head   header
	base   int64  // offset of the window
	window []byte // what the file holds from base on
}

// reset turns to another file, keeping the window's memory.
func (r *reader) reset(file File) error {
	size, err := file.Size()
	*r = reader{file: file, size: size, window: r.window[:0]}
	return err
}

// peek returns n bytes at an offset, valid until the next call. The caller sees to it that the file is that long.
func (r *reader) peek(at int64, n int) ([]byte, error) {
	skip := at - r.base
	if skip >= 0 && skip+int64(n) <= int64(len(r.window)) {
		return r.window[skip:][:n:n], nil
	}
	kept := 0
	if skip >= 0 && skip < int64(len(r.window)) {
		kept = copy(r.window, r.window[skip:])
	}
	want := int(min(int64(max(n, windowBytes)), r.size-at))
	if want <= cap(r.window) {
		r.window = r.window[:want]
	} else {
		grown := make([]byte, want, want+want/4)
		copy(grown, r.window[:kept])
		r.window = grown
	}
	r.base = at
	got, err := r.file.ReadAt(r.window[kept:], at+int64(kept))
	if kept+got < want {
		r.window = r.window[:0]
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read at offset %d: %w", at, err)
	}
	return r.window[:n:n], nil
}

// frame reads the frame at an offset; ok says whether there is a whole and valid one. An error is one of reading.
func (r *reader) frame(at int64) (f frame, ok bool, err error) {
	room := r.size - at - frameBytes
	if room < 0 {
		return frame{}, false, nil
	}
	head, err := r.peek(at, frameBytes)
	if err != nil {
		return frame{}, false, err
	}
	length := binary.LittleEndian.Uint32(head[4:])
	f.control = length&controlBit != 0
	length &^= controlBit
	f.synced = int64(binary.LittleEndian.Uint64(head[8:]))
	f.end = at + frameBytes + int64(length)
	marker, sum := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[16:])
	if marker != r.head.marker || length > MaxRecordBytes || int64(length) > room || f.synced < 0 || f.synced > at {
		return frame{}, false, nil
	}
	whole, err := r.peek(at, frameBytes+int(length))
	if err != nil {
		return frame{}, false, err
	}
	f.payload = whole[frameBytes:]
	return f, r.head.checksum(at, whole[:16], f.payload) == sum, nil
}

// find reads the first valid frame that begins at an offset or anywhere after it.
func (r *reader) find(from int64) (f frame, ok bool, err error) {
	var marker [4]byte
	binary.LittleEndian.PutUint32(marker[:], r.head.marker)
	for r.size-from >= frameBytes {
		part, err := r.peek(from, int(min(windowBytes, r.size-from)))
		if err != nil {
			return frame{}, false, err
		}
		i := bytes.Index(part, marker[:])
		if i < 0 {
			from += int64(len(part) - len(marker) + 1)
			continue
		}
		if f, ok, err = r.frame(from + int64(i)); ok || err != nil {
			return f, ok, err
		}
		from += int64(i) + 1
	}
	return frame{}, false, nil
}

// whyNotTorn judges the bad frame at an offset of the last segment by what follows it. It returns "" when a loss of
// power explains it, so that nothing durable is lost by cutting the file there, and else the reason why not.
func (r *reader) whyNotTorn(bad int64) (string, error) {
	for from := bad + 1; ; {
		f, ok, err := r.find(from)
		switch {
		case err != nil || !ok:
			return "", err
		case f.synced > bad:
			return "the record here is unreadable, and a later one proves that it had been durable", nil
		case r.head.noSync:
			return "the record here is unreadable, and readable ones follow, in a segment that was written without fsync, " +
				"so that nothing tells how much of it was needed", nil
		}
		from = f.end
	}
}
