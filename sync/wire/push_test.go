package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xylem/store"
	"xylem/sync/version"
)

// anyHeader draws a header that makes sense, with up to MaxCuts cuts.
func anyHeader() *rapid.Generator[Header] {
	return rapid.Custom(func(t *rapid.T) Header {
		h := header()
		h.Number, h.Piece = rapid.Uint64().Draw(t, "number"), rapid.Uint32().Draw(t, "piece")
		h.Last = rapid.Bool().Draw(t, "last")
		h.Sent = rapid.Int64().Draw(t, "sent")
		h.Digest = store.Digest{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
		h.Live = rapid.Uint64().Draw(t, "live")
		h.Meta.Stamp = version.Stamp(rapid.Uint64().Draw(t, "stamp"))
		h.Meta.History = nil
		last := version.Version{}
		wide := rapid.SampledFrom([]uint64{1, 1 << 55}).Draw(t, "width")
		for range rapid.OneOf(rapid.IntRange(0, 5), rapid.Just(version.MaxCuts)).Draw(t, "cuts") {
			last = version.Version{Epoch: last.Epoch + rapid.Uint64Range(1, wide).Draw(t, "epochs"), Seq: last.Seq + wide}
			h.Meta.History = h.Meta.History.Extend(last)
		}
		h.Meta.Epoch, h.Meta.Floor = last.Epoch+1, last
		h.To = version.Version{Epoch: h.Meta.Epoch, Seq: last.Seq + rapid.Uint64Range(1, 1<<40).Draw(t, "seq")}
		h.From = version.Version{}
		if h.Kind = Kind(rapid.ByteRange(1, 3).Draw(t, "kind")); h.Kind != Snapshot {
			h.From = last
		}
		return h
	})
}

func TestAPieceReadsBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHeader().Draw(t, "header")
		block := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "block")
		if rapid.Bool().Draw(t, "repeats itself") {
			block = slices.Repeat(block, 5)
		}
		front := rapid.SliceOf(rapid.Byte()).Draw(t, "front") // a piece may follow others in one buffer
		piece := AppendPiece(slices.Clone(front), &h, NewBody(block, 1))
		got, gotBlock, rest, err := DecodePiece(append(piece, "next"...)[len(front):], maxBody)
		if err != nil || !reflect.DeepEqual(got, h) {
			t.Fatalf("%+v became %+v: %v", h, got, err)
		}
		if !bytes.Equal(gotBlock, block) || string(rest) != "next" {
			t.Fatalf("%d bytes became %d, %q follows", len(block), len(gotBlock), rest)
		}
	})
}

func TestTheLargestHistoryFits(t *testing.T) {
	h := header()
	h.Meta.History = nil
	const wide = 1 << 62
	for i := range uint64(version.MaxCuts) {
		h.Meta.History = append(h.Meta.History, version.Version{Epoch: wide + i, Seq: wide + i})
	}
	h.Meta.Epoch = wide * 2
	h.From, h.To = h.Meta.History[255], version.Version{Epoch: wide * 2, Seq: wide * 2}
	piece := AppendPiece(nil, &h, Body{})
	got, _, rest, err := DecodePiece(piece, maxBody)
	if err != nil || len(rest) > 0 || !reflect.DeepEqual(got, h) {
		t.Errorf("a header of %d bytes: %v", len(piece), err)
	}
}

func TestCompressionIsUsedWhereItPays(t *testing.T) {
	for name, c := range map[string]struct {
		block      []byte
		compressed bool
	}{
		"nothing":                 {nil, false},
		"little that repeats":     {bytes.Repeat([]byte("v"), minCompressBytes-1), false},
		"much that repeats":       {bytes.Repeat([]byte("v"), minCompressBytes), true},
		"much that never repeats": {blockOf(changed(100, 100, false))[:minCompressBytes], false},
	} {
		body := NewBody(c.block, 1)
		if got := body.compression == compressed; got != c.compressed || body.Bytes() > len(c.block) {
			t.Errorf("%s: compressed %v, %d bytes of %d", name, got, body.Bytes(), len(c.block))
		}
		h := header()
		_, block, _, err := DecodePiece(AppendPiece(nil, &h, body), maxBody)
		if err != nil || !bytes.Equal(block, c.block) {
			t.Errorf("%s: it reads back as %d bytes of %d: %v", name, len(block), len(c.block), err)
		}
	}
}

func TestACutTravelsInBoundedBodies(t *testing.T) {
	entries := changed(5000, 300, false)
	entries = append(entries, &store.Entry{
		Key: "large", Value: strings.Repeat("v", 1<<20), Version: version.Version{Epoch: 3, Seq: 2_000_000},
	})
	s := committed(entries)
	cut := s.Cut(version.Version{})
	builder := store.NewBuilder()
	bodies := 0
	for body := range Bodies(cut, MaxBodyBytes) {
		h := header()
		_, block, _, err := DecodePiece(AppendPiece(nil, &h, body), maxBody)
		if err != nil || len(block) > MaxBodyBytes+1<<20+store.MaxKeyBytes {
			t.Fatalf("a body of %d bytes: %v", len(block), err)
		}
		decoded, err := store.DecodeBlock(nil, block)
		if err != nil || len(decoded) != body.Entries {
			t.Fatalf("%d entries of %d: %v", len(decoded), body.Entries, err)
		}
		if err := builder.AddBlock(block); err != nil {
			t.Fatal(err)
		}
		bodies++
	}
	if bodies < 4 || builder.Digest() != cut.Digest {
		t.Errorf("%d bodies add up to %v, want %v", bodies, builder.Digest(), cut.Digest)
	}
	for range Bodies(cut, MaxBodyBytes) {
		break // a sender may give up
	}
}

func TestACutWithoutEntriesIsOneEmptyBody(t *testing.T) {
	bodies := 0
	for body := range Bodies(store.New().Cut(version.Version{}), MaxBodyBytes) {
		if bodies++; body.Entries != 0 || body.Bytes() != 0 {
			t.Errorf("it has %d entries, %d bytes", body.Entries, body.Bytes())
		}
	}
	if bodies != 1 {
		t.Errorf("there are %d bodies", bodies)
	}
}

func TestAHeaderThatContradictsItselfIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Header){
		"no kind":              func(h *Header) { h.Kind = 0 },
		"a kind of the future": func(h *Header) { h.Kind = 4 },
		"no tree":              func(h *Header) { h.Meta.Tree = version.TreeID{} },
		"no epoch": func(h *Header) {
			h.Meta = store.Meta{Tree: h.Meta.Tree}
			h.From, h.To = version.Version{}, version.Version{}
		},
		"backwards":                func(h *Header) { h.From.Seq, h.To.Seq = 3, 2; h.From.Epoch, h.To.Epoch = 1, 1 },
		"to beyond the cut":        func(h *Header) { h.To = version.Version{Epoch: 2, Seq: 16} },
		"from beyond the cut":      func(h *Header) { h.From = version.Version{Epoch: 1, Seq: 11} },
		"to in an unknown epoch":   func(h *Header) { h.To.Epoch = 4 },
		"a snapshot from beyond":   func(h *Header) { h.Kind, h.From = Snapshot, version.Version{Epoch: 1, Seq: 11} },
		"a history that goes back": func(h *Header) { slices.Reverse(h.Meta.History) },
	} {
		h := header()
		change(&h)
		if _, _, _, err := DecodePiece(AppendPiece(nil, &h, Body{}), maxBody); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	if got := fmt.Sprint(Heartbeat, Delta, Snapshot, Kind(9)); got != "heartbeat delta snapshot kind 9" {
		t.Errorf("they are %s", got)
	}
}

// A body that is passed on is the one that came, to the byte.
func TestABodyIsPassedOnAsItCame(t *testing.T) {
	for _, compress := range []bool{false, true} {
		h := header()
		piece := AppendPiece(nil, &h, NewBody(blockOf(changed(200, 100, compress)), 200))
		h.Number, h.Sent = 99, h.Sent+7
		again := AppendPiece(nil, &h, BodyOf(piece, 200))
		got, block, rest, err := DecodePiece(again, maxBody)
		if err != nil || len(rest) > 0 || got.Number != 99 || !bytes.Equal(block, blockOf(changed(200, 100, compress))) {
			t.Errorf("compressed %v: %+v, %d bytes, %v", compress, got, len(block), err)
		}
	}
}
