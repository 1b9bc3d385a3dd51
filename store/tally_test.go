package store

import (
	"errors"
	"reflect"
	"testing"

	"xylem/sync/version"
)

func TestATallyIsThatOfTheState(t *testing.T) {
	s := New()
	put := func(seq uint64, key, value string) *Entry {
		return &Entry{Key: key, Value: value, Version: version.Version{Epoch: 1, Seq: seq}, Stamp: version.Stamp(seq)}
	}
	s.SetMeta(Meta{Tree: version.TreeID{1}, Epoch: 1})
	s.Commit([]*Entry{put(1, "a", "1"), put(2, "b", "2"), put(3, "a", "3"), put(4, "c", "4"), put(5, "c", "")}, 5)
	cut := s.Cut(version.Version{})
	var tally Tally
	var first, second BlockEncoder
	entries := entriesOf(cut)
	for _, block := range [][]byte{nil, first.Append(nil, entries[0]), second.Append(second.Append(nil, entries[1]), entries[2])} {
		if err := tally.Add(block); err != nil {
			t.Fatal(err)
		}
	}
	if tally.Digest() != cut.Digest || tally.Live() != 2 || tally.Last() != cut.To {
		t.Errorf("%d entries up to %v with digest %v, want those of %+v", tally.Live(), tally.Last(), tally.Digest(), cut)
	}
	if err := tally.Add(new(BlockEncoder).Append(nil, entries[0])); !errors.Is(err, ErrBlock) {
		t.Errorf("an entry from before: %v, want ErrBlock", err)
	}
	if err := tally.Add([]byte{0xff}); !errors.Is(err, ErrBlock) {
		t.Errorf("nonsense: %v, want ErrBlock", err)
	}
}

// A checkpoint may also be made of blocks that were encoded elsewhere.
func TestAHeadAndBlocksMakeACheckpoint(t *testing.T) {
	s := New()
	s.SetMeta(Meta{Tree: version.TreeID{1}, Epoch: 1})
	s.Commit([]*Entry{{Key: "a", Value: "1", Version: version.Version{Epoch: 1, Seq: 1}}}, 1)
	cut := s.Cut(version.Version{})
	var records [][]byte
	err := WriteHead(cut, Identity{Node: 3}, []int{3, 0, 0}, func(record []byte) error {
		records = append(records, record)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := recovered(append(records, AppendEntries(nil, nil), AppendEntries(nil, encode(entriesOf(cut))))...)
	if err != nil || rec.Identity.Node != 3 || !reflect.DeepEqual(rec.Placement, []int{3, 0, 0}) {
		t.Fatalf("%+v, %v", rec, err)
	}
	if at, digest := rec.Store.Digest(); at != cut.To || digest != cut.Digest {
		t.Errorf("the store is at %v with %v, want %v with %v", at, digest, cut.To, cut.Digest)
	}
}
