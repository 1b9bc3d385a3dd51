package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"xylem/store"
)

// A whole state is handed over, and kept as a backup, as a run of the pieces of a
// snapshot, each behind its length.

// lengthBytes is the size of that length, big-endian.
const lengthBytes = 4

// Frames yields the pieces of a whole state, each behind its length, one at a time,
// so that a state of any size is encoded in bounded memory. cut was taken from a zero
// version, and is not empty.
func Frames(cut *store.Cut) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		h := Header{Kind: Snapshot, Number: 1, Meta: cut.Meta, To: cut.To, Digest: cut.Digest, Live: uint64(cut.Live)}
		next, stop := iter.Pull(Bodies(cut, MaxBodyBytes))
		defer stop()
		body, more := next()
		for ; more; h.Piece++ {
			following, moreFollow := next()
			h.Last = !moreFollow
			frame := AppendPiece(make([]byte, lengthBytes), &h, body)
			binary.BigEndian.PutUint32(frame, uint32(len(frame)-lengthBytes))
			if !yield(frame) {
				return
			}
			body, more = following, moreFollow
		}
	}
}

// ReadFrame reads the next piece, of at most so many bytes. The error wraps
// io.ErrUnexpectedEOF where r ends before the piece does, ErrMalformed where the piece
// is too large, and else is r's.
func ReadFrame(r io.Reader, most int) ([]byte, error) {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, fmt.Errorf("read the length of a piece: %w", cutShort(err))
	}
	n := binary.BigEndian.Uint32(length[:])
	if int64(n) > int64(most) {
		return nil, fmt.Errorf("%w: a piece of %d bytes, at most %d are taken", ErrMalformed, n, most)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, fmt.Errorf("read a piece: %w", cutShort(err))
	}
	return frame, nil
}

// cutShort makes of every end one that came too early: the last piece says that it is.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ReadState reads what Frames yields to its end, and holds one piece of at most so
// many bytes at a time. Each block of entries, not decoded yet, goes to take with the
// header, which is the same in all pieces but for its place among them. Whether the entries
// add up to its digest is for the caller to find out. Errors are those of ReadFrame and
// take; what is no whole state wraps ErrMalformed or io.ErrUnexpectedEOF.
func ReadState(r io.Reader, most int, take func(h *Header, block []byte) error) (Header, error) {
	var first Header
	begun := bufio.NewReader(r)
	if start, err := begun.Peek(lengthBytes + len(pushMagic)); err == nil && string(start[lengthBytes:]) != pushMagic {
		return first, fmt.Errorf("%w: it does not begin as a state does", ErrMalformed)
	}
	r = begun
	for piece := uint32(0); ; piece++ {
		frame, err := ReadFrame(r, most)
		if err != nil {
			return first, err
		}
		h, block, rest, err := DecodePiece(frame, most)
		if err != nil {
			return first, err
		}
		if piece == 0 {
			first = h
		}
		if h.Kind != Snapshot || h.Piece != piece || len(rest) > 0 || !h.sameState(&first) {
			return first, fmt.Errorf("%w: piece %d is not the next of a state", ErrMalformed, piece)
		}
		if err := take(&h, block); err != nil {
			return first, err
		}
		if h.Last {
			break
		}
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return first, fmt.Errorf("%w: something follows the last piece", ErrMalformed)
	}
	return first, nil
}

// sameState reports whether two pieces say that they are of the same state.
func (h *Header) sameState(first *Header) bool {
	return h.Number == first.Number && h.Meta.Tree == first.Meta.Tree && h.Meta.Epoch == first.Meta.Epoch &&
		h.To == first.To && h.Digest == first.Digest && h.Live == first.Live
}
