package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"xylem/store"
	"xylem/sync/version"
)

// stateOf is the frames of a state of so many entries with values of so many bytes.
func stateOf(entries, valueBytes int) (frames [][]byte, cut *store.Cut) {
	s := store.New()
	s.SetMeta(store.Meta{Tree: version.TreeID{7}, Epoch: 2, Run: 11})
	var written []*store.Entry
	for i := range entries {
		seq := uint64(i + 1)
		written = append(written, &store.Entry{
			Key: fmt.Sprint("k", i), Value: `"` + strings.Repeat(fmt.Sprint(i%10), valueBytes) + `"`,
			Version: version.Version{Epoch: 2, Seq: seq}, Stamp: version.Stamp(seq), Write: version.WriteID{Node: 1, Counter: seq},
		})
	}
	s.Commit(written, version.Stamp(entries))
	cut = s.Cut(version.Version{})
	for frame := range Frames(cut) {
		frames = append(frames, slices.Clone(frame))
	}
	return frames, cut
}

// readState reads a state and how many entries are in it.
func readState(r io.Reader) (h Header, entries int, err error) {
	h, err = ReadState(r, maxBody, func(_ *Header, block []byte) error {
		some, err := store.DecodeBlock(nil, block)
		entries += len(some)
		return err
	})
	return h, entries, err
}

func TestAStateReadsBackAsItWasWritten(t *testing.T) {
	for _, entries := range []int{1, 2000} {
		frames, cut := stateOf(entries, 1000)
		h, got, err := readState(bytes.NewReader(slices.Concat(frames...)))
		if err != nil || got != entries || h.To != cut.To || h.Digest != cut.Digest || h.Live != uint64(entries) || h.Meta.Run != 11 {
			t.Errorf("%d entries became %d of %+v, %v", entries, got, h, err)
		}
		if several := entries > 1; several != (len(frames) > 1) {
			t.Errorf("%d entries are in %d pieces", entries, len(frames))
		}
	}
}

func TestAStateThatIsNotWholeIsRefused(t *testing.T) {
	frames, _ := stateOf(2000, 1000)
	other, _ := stateOf(2001, 1000)
	whole := slices.Concat(frames...)
	for name, damaged := range map[string][]byte{
		"nothing":                  nil,
		"a text":                   []byte("hello, world: this is not a state at all"),
		"the first piece missing":  slices.Concat(frames[1:]...),
		"a piece missing":          slices.Concat(slices.Delete(slices.Clone(frames), 1, 2)...),
		"the last piece missing":   slices.Concat(frames[:len(frames)-1]...),
		"cut in a length":          whole[:len(frames[0])+2],
		"one byte short":           whole[:len(whole)-1],
		"two pieces swapped":       slices.Concat(append([][]byte{frames[1], frames[0]}, frames[2:]...)...),
		"a piece of another state": slices.Concat(append([][]byte{frames[0], other[1]}, frames[2:]...)...),
		"something behind it":      append(slices.Clone(whole), 0),
	} {
		if _, _, err := readState(bytes.NewReader(damaged)); !errors.Is(err, ErrMalformed) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoFlippedBitOfAStateGoesUnnoticed(t *testing.T) {
	frames, _ := stateOf(20, 10)
	whole := slices.Concat(frames...)
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 1 << (i % 8)
		if _, _, err := readState(bytes.NewReader(damaged)); !errors.Is(err, ErrMalformed) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
}

// FuzzReadState: nothing panics, and what is taken is a state whose pieces agree.
func FuzzReadState(f *testing.F) {
	frames, _ := stateOf(3, 10)
	f.Add(slices.Concat(frames...))
	f.Add([]byte("\x00\x00\x00\x09XYL\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pieces := uint32(0)
		h, err := ReadState(bytes.NewReader(b), maxBody, func(h *Header, _ []byte) error {
			if h.Kind != Snapshot || h.Piece != pieces {
				t.Errorf("piece %d of a %v came after %d", h.Piece, h.Kind, pieces)
			}
			pieces++
			return nil
		})
		if err == nil && (pieces == 0 || h.Meta.Tree.IsZero()) {
			t.Errorf("a state of %d pieces was taken: %+v", pieces, h)
		}
	})
}
