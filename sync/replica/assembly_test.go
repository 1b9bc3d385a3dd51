package replica

import (
	"errors"
	"fmt"
	"testing"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// pieces are those of the origin's next push, one entry each.
func (o *origin) pieces(kind wire.Kind, from string) (headers []wire.Header, blocks [][]byte) {
	cut := o.Cut(parseVersion(o.t, from))
	h := o.header(kind, cut)
	h.Last = false
	for e := range cut.Entries() {
		var enc store.BlockEncoder
		headers, blocks = append(headers, h), append(blocks, enc.Append(nil, e))
		h.Piece++
	}
	headers[len(headers)-1].Last = true
	return headers, blocks
}

func TestAssemblyGathersThePieces(t *testing.T) {
	o := newOrigin(t).write("a=1", "b=1", "-a", "c=1")
	var a Assembly
	for _, kind := range []wire.Kind{wire.Snapshot, wire.Delta} {
		headers, blocks := o.pieces(kind, "0.0")
		for i := range headers {
			in, err := a.Add(5, &headers[i], blocks[i])
			if err != nil || in.Sender != 5 || in.Partial == headers[i].Last || in.Header.Piece != uint32(i) {
				t.Fatalf("%v, piece %d: %+v, %v", kind, i, in, err)
			}
			if in.Partial && (in.Builder != nil || in.Entries != nil) {
				t.Errorf("%v: piece %d comes with entries", kind, i)
			}
			switch {
			case in.Partial:
			case kind == wire.Snapshot:
				if in.Builder.Digest() != in.Header.Digest {
					t.Error("the snapshot does not add up")
				}
			case entriesText(in.Entries) != "b=1 -a c=1" || len(in.Blocks) != 3:
				t.Errorf("of the delta it made %s in %d blocks", entriesText(in.Entries), len(in.Blocks))
			}
		}
	}
}

// A piece is given by push and number, as in "1/0 1/1 2/0"; the last must be
// refused, and all before it not.
func TestAssemblyRefusesPiecesOutOfOrder(t *testing.T) {
	tests := []struct {
		name   string
		pieces []string
	}{
		{"it begins in the middle", []string{"1/1"}},
		{"one is missing", []string{"1/0", "1/2"}},
		{"one comes twice", []string{"1/0", "1/1", "1/1"}},
		{"it goes on with another push", []string{"1/0", "2/1"}},
		{"another push came between", []string{"1/0", "2/0", "1/1"}},
		{"it goes on after its end", []string{"1/0", "1/1", "1/2", "1/3"}},
		{"the last comes again", []string{"1/0", "1/1", "1/2", "1/2"}},
	}
	for _, test := range tests {
		var a Assembly
		for i, text := range test.pieces {
			var number, piece int
			if _, err := fmt.Sscanf(text, "%d/%d", &number, &piece); err != nil {
				t.Fatal(err)
			}
			err := add(t, &a, number, piece, 1)
			if last := i == len(test.pieces)-1; errors.Is(err, ErrSequence) != last {
				t.Errorf("%s: to %s it says %v", test.name, text, err)
			}
		}
		for piece := range 3 { // what was refused does not stand in the way
			if err := add(t, &a, 3, piece, 1); err != nil {
				t.Errorf("%s: then it says %v", test.name, err)
			}
		}
	}
}

// add adds a piece of the push of that number, a snapshot of three.
func add(t *testing.T, a *Assembly, number, piece int, epoch uint64) error {
	o := newOrigin(t).write("a=1", "b=1", "c=1", "d=1")
	headers, blocks := o.pieces(wire.Snapshot, "0.0")
	h := headers[piece]
	h.Number, h.Meta.Epoch, h.Last = uint64(number), epoch, piece == 2
	_, err := a.Add(1, &h, blocks[piece])
	return err
}

// Numbers of pushes repeat in another epoch.
func TestAssemblyKeepsEpochsApart(t *testing.T) {
	var a Assembly
	if err := add(t, &a, 1, 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := add(t, &a, 1, 1, 2); !errors.Is(err, ErrSequence) {
		t.Errorf("it says %v", err)
	}
	if err := add(t, &a, 1, 2, 1); !errors.Is(err, ErrSequence) {
		t.Errorf("the pieces before were kept: %v", err)
	}
}

func TestAssemblyRefusesWhatDoesNotMakeSense(t *testing.T) {
	o := newOrigin(t).write("a=1", "b=1")
	o.startEpoch().write("c=1", "d=1", "e=1") // 1.2, 2.3, 2.4, 2.5
	entry := func(at string) *store.Entry {
		return &store.Entry{Key: "k" + at, Value: "1", Version: parseVersion(t, at), Stamp: 1}
	}
	block := func(entries ...*store.Entry) []byte {
		var enc store.BlockEncoder
		var b []byte
		for _, e := range entries {
			b = enc.Append(b, e)
		}
		return b
	}
	to := version.Version{Epoch: 2, Seq: 4}
	tests := []struct {
		name   string
		kind   wire.Kind
		blocks [][]byte
		fits   bool
	}{
		{"a delta", wire.Delta, [][]byte{block(entry("2.3")), block(entry("2.4"))}, true},
		{"an empty delta", wire.Delta, [][]byte{nil}, true},
		{"an entry at its begin", wire.Delta, [][]byte{block(entry("1.2"))}, false},
		{"an entry before its begin", wire.Delta, [][]byte{block(entry("1.1"))}, false},
		{"an entry after its end", wire.Delta, [][]byte{block(entry("2.5"))}, false},
		{"an entry of another history", wire.Delta, [][]byte{block(entry("1.3"))}, false},
		{"an entry of a later epoch", wire.Delta, [][]byte{block(entry("3.4"))}, false},
		{"entries out of order in a piece", wire.Delta, [][]byte{block(entry("2.4"), entry("2.3"))}, false},
		{"entries out of order over pieces", wire.Delta, [][]byte{block(entry("2.4")), block(entry("2.3"))}, false},
		{"an entry twice", wire.Delta, [][]byte{block(entry("2.3")), block(entry("2.3"))}, false},
		{"no block", wire.Delta, [][]byte{{0xff}}, false},
		{"a heartbeat", wire.Heartbeat, [][]byte{nil}, true},
		{"a heartbeat with an entry", wire.Heartbeat, [][]byte{block(entry("2.4"))}, false},
		{"a snapshot", wire.Snapshot, [][]byte{block(entry("1.1")), block(entry("1.2"), entry("2.4"))}, true},
		{"a snapshot out of order in a piece", wire.Snapshot, [][]byte{block(entry("1.2"), entry("1.1"))}, false},
		{"a snapshot out of order over pieces", wire.Snapshot, [][]byte{block(entry("1.2")), block(entry("1.1"))}, false},
	}
	for _, test := range tests {
		var a Assembly
		var err error
		for i, b := range test.blocks {
			h := o.header(test.kind, o.Cut(o.Applied()))
			h.Number, h.Piece, h.Last = 9, uint32(i), i == len(test.blocks)-1
			h.From, h.To = version.Version{Epoch: 1, Seq: 2}, to
			if test.kind == wire.Snapshot {
				h.From = version.Version{}
			}
			if _, err = a.Add(1, &h, b); err != nil && i < len(test.blocks)-1 {
				t.Errorf("%s: to piece %d it says %v", test.name, i, err)
			}
		}
		if fits := err == nil; fits != test.fits || !fits && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: it says %v", test.name, err)
		}
	}
}
