package wire

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"testing"
)

// sparing fails when decoding n bytes allocated more than in proportion.
func sparing(t *testing.T, n int, decode func() error) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := decode()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 128<<10+200*uint64(n) {
		t.Fatalf("%d bytes made it allocate %d", n, took)
	}
	if err != nil && !errors.Is(err, ErrMalformed) {
		t.Fatal(err)
	}
	return err
}

func FuzzDecodePiece(f *testing.F) {
	h := header()
	f.Add(AppendPiece(nil, &h, NewBody(blockOf(three()), 3)))
	f.Add(AppendPiece(nil, &h, NewBody(blockOf(changed(20, 100, true)), 20)))
	h.Kind = Heartbeat
	f.Add(AppendPiece(AppendPiece(nil, &h, Body{}), &h, Body{}))
	f.Add([]byte(pushMagic + "\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, block, rest, err := DecodePiece(b, 1<<20)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if len(block) > 1<<20 || len(rest) >= len(b) {
			t.Fatalf("%d bytes made a block of %d, %d follow", len(b), len(block), len(rest))
		}
		again, blockAgain, _, err := DecodePiece(AppendPiece(nil, &h, NewBody(block, 0)), 1<<20)
		if err != nil || !reflect.DeepEqual(again, h) || !bytes.Equal(blockAgain, block) {
			t.Fatalf("%+v encoded anew reads as %+v: %v", h, again, err)
		}
	})
}

// FuzzHeader fuzzes what a header says behind checksums that are right.
func FuzzHeader(f *testing.F) {
	h := header()
	f.Add(AppendPiece(nil, &h, NewBody(blockOf(three()), 3)), 6)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		if len(b) < 6 {
			return
		}
		fields := b[6:]
		if cut >= 0 && cut < len(fields) {
			fields = fields[:cut]
		}
		piece := seal(fields)
		_ = sparing(t, len(b)+1<<13, func() error {
			_, _, _, err := DecodePiece(append(piece, b...), 1<<13)
			return err
		})
	})
}

func FuzzDecodeBatch(f *testing.F) {
	batch, _ := messages()
	f.Add(batch)
	f.Add(AppendBatch(nil, &Batch{}))
	f.Add(AppendBatch(nil, &Batch{Writes: []Write{{Key: "a", Value: "1", Stamp: 20, Kept: true, Footing: 19}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Batch
		if sparing(t, len(b), func() (err error) { got, err = DecodeBatch(b); return err }) != nil {
			return
		}
		if again, err := DecodeBatch(AppendBatch(nil, &got)); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%+v encoded anew reads as %+v: %v", got, again, err)
		}
	})
}

func FuzzDecodeResults(f *testing.F) {
	_, results := messages()
	f.Add(results)
	f.Add(AppendResults(nil, &Results{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Results
		if sparing(t, len(b), func() (err error) { got, err = DecodeResults(b); return err }) != nil {
			return
		}
		if again, err := DecodeResults(AppendResults(nil, &got)); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%+v encoded anew reads as %+v: %v", got, again, err)
		}
	})
}

func FuzzDecodeQuestion(f *testing.F) {
	question, _, _ := questionAndAnswers()
	f.Add(question)
	f.Add(AppendQuestion(nil, &Question{Key: "k"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Question
		if sparing(t, len(b), func() (err error) { got, err = DecodeQuestion(b); return err }) != nil {
			return
		}
		if again, err := DecodeQuestion(AppendQuestion(nil, &got)); err != nil || again != got {
			t.Fatalf("%+v encoded anew reads as %+v: %v", got, again, err)
		}
	})
}

func FuzzDecodeLookup(f *testing.F) {
	_, lookup, page := questionAndAnswers()
	f.Add(lookup)
	f.Add(page)
	f.Add(AppendLookup(nil, &Lookup{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Lookup
		if sparing(t, len(b), func() (err error) { got, err = DecodeLookup(b); return err }) != nil {
			return
		}
		if again, err := DecodeLookup(AppendLookup(nil, &got)); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%+v encoded anew reads as %+v: %v", got, again, err)
		}
	})
}
