package store

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"xylem/sync/version"
)

// longBlock is of entries with and without an origin, tombstones, and keys that come twice,
// in several batches.
func longBlock() []*Entry {
	entries := make([]*Entry, 5*batchEntries+1)
	for i := range entries {
		seq := uint64(i + 1)
		e := &Entry{Key: keyOf(i % (3 * batchEntries)), Value: strings.Repeat("7", 40), Version: version.Version{Epoch: 1, Seq: seq}, Stamp: version.Stamp(seq), Write: version.WriteID{Node: 3, Counter: seq}}
		if i%3 == 0 {
			e.Origin = &Origin{If: Condition{Kind: Exists}, Taken: version.Stamp(seq)}
		}
		if i%5 == 0 {
			e.Value = ""
		}
		entries[i] = e
	}
	return entries
}

func TestALongBlockIsTakenAsManyShortOnes(t *testing.T) {
	entries := longBlock()
	block := encode(entries)
	if len(block) < aheadBytes {
		t.Fatalf("the block has %d bytes", len(block))
	}
	long, short := NewBuilder(), NewBuilder()
	if err := long.AddBlock(block); err != nil {
		t.Fatal(err)
	}
	clear(block) // of which nothing is kept
	for _, e := range entries {
		if err := short.AddBlock(encode([]*Entry{e})); err != nil {
			t.Fatal(err)
		}
	}
	to := entries[len(entries)-1].Version
	if got, want := entriesOf(long.Cut(to, Meta{})), entriesOf(short.Cut(to, Meta{})); !sameEntries(got, want) {
		t.Errorf("%d entries that differ from %d", len(got), len(want))
	}
	if long.Last() != to || long.Digest() != short.Digest() {
		t.Errorf("up to %v with %v, want %v with %v", long.Last(), long.Digest(), to, short.Digest())
	}
}

func TestALongBlockIsRefusedFromWhereItMakesNoSense(t *testing.T) {
	entries := longBlock()
	block := encode(entries)
	if err := NewBuilder().AddBlock(block[:len(block)-1]); !errors.Is(err, ErrBlock) {
		t.Errorf("cut short: %v", err)
	}
	slices.Reverse(entries[len(entries)-2:])
	b := NewBuilder()
	if err := b.AddBlock(encode(entries)); !errors.Is(err, ErrBlock) {
		t.Errorf("out of order: %v", err)
	}
	if want := entries[len(entries)-2].Version; b.Last() != want {
		t.Errorf("it has taken up to %v, want %v", b.Last(), want)
	}
}
