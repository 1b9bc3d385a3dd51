package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

// checkpoint is the records of a store's whole state.
func checkpoint(s *Store, id Identity, placement []int) (records [][]byte) {
	_ = WriteState(s.Cut(version.Version{}), &Local{}, id, placement, func(record []byte) error {
		records = append(records, slices.Clone(record))
		return nil
	})
	return records
}

func delta(cut *Cut) []byte {
	return AppendDelta(nil, cut.From, cut.To, cut.Meta, encode(entriesOf(cut)))
}

func recovered(records ...[]byte) (*Recovery, error) {
	rec := NewRecovery()
	for _, record := range records {
		if err := rec.Visit(record); err != nil {
			return rec, err
		}
		clear(record) // it is not kept
	}
	return rec, rec.Finish()
}

func TestAnEmptyDirectoryRecoversToAnEmptyStore(t *testing.T) {
	rec, err := recovered()
	if err != nil || !rec.Store.Applied().IsZero() || rec.Identity != (Identity{}) || rec.Placement != nil {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestACheckpointRecoversToTheSameState(t *testing.T) {
	root := newRoot()
	root.load(3000, strings.Repeat("v", 200)) // more than one record of entries
	root.write(keyOf(1), "", keyOf(2), "")
	root.expire()
	root.startEpoch()
	root.write(keyOf(3), "")
	id := Identity{Node: 7, Boot: 3}
	records := checkpoint(root.Store, id, []int{7, 1, 0})
	if len(records) < 5 {
		t.Fatalf("only %d records", len(records))
	}
	rec, err := recovered(records...)
	if err != nil || rec.Identity != id || !slices.Equal(rec.Placement, []int{7, 1, 0}) {
		t.Fatalf("it recovers %+v, %v: %v", rec.Identity, rec.Placement, err)
	}
	if everything(rec.Store) != everything(root.Store) || rec.Store.Counts() != root.Counts() || !rec.Store.Verify() {
		t.Errorf("%+v was recovered of %+v", rec.Store.Counts(), root.Counts())
	}
	if got, want := rec.Store.Meta(), root.Meta(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v was recovered of %v", got, want)
	}
}

// Whenever the checkpoint was taken, the records after it lead to the same state.
func TestTheLogAfterACheckpointIsReplayed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := newRoot()
		log := [][]byte{AppendIdentity(nil, Identity{Node: 1, Boot: 1}), AppendMetaRecord(nil, root.Meta())}
		key := rapid.StringMatching(`[a-c]`)
		from := root.Applied()
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				root.write(key.Draw(t, "key"), rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "value"))
			},
			"log": func(*rapid.T) {
				log = append(log, delta(root.Cut(from)))
				from = root.Applied()
			},
			"meta": func(t *rapid.T) {
				if from != root.Applied() {
					t.Skip("what was ordered is written down first")
				}
				if root.expire(); rapid.Bool().Draw(t, "epoch") {
					root.startEpoch()
				}
				log = append(log, AppendMetaRecord(nil, root.Meta()))
			},
			"checkpoint": func(*rapid.T) {
				log = checkpoint(root.Store, Identity{Node: 1, Boot: 1}, nil)
				from = root.Applied()
			},
		})
		rec, err := recovered(append(log, delta(root.Cut(from)))...)
		if err != nil || everything(rec.Store) != everything(root.Store) {
			t.Fatalf("%s was recovered of %s: %v", everything(rec.Store), everything(root.Store), err)
		}
	})
}

func TestRecordsThatDoNotMakeSenseAreRefused(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "b", "1")
	whole := checkpoint(root.Store, Identity{Node: 1, Boot: 1}, nil)
	state, entries := whole[1], whole[2]
	from := root.Applied()
	root.write("a", "2")
	next := delta(root.Cut(from))
	wrong := slices.Clone(state)
	wrong[4] ^= 1 // within the digest
	for name, records := range map[string][][]byte{
		"an empty record":                  {{}},
		"an unknown kind":                  {{99}},
		"a gap":                            {next},
		"a checkpoint of another digest":   {wrong, entries},
		"the same, with a log after it":    {wrong, entries, next},
		"a checkpoint without its entries": {state},
		"entries without their head":       {entries},
		"entries after the log began":      {state, entries, next, entries},
		"the same entries twice":           {state, entries, entries},
		"entries that are cut short":       {state, entries[:len(entries)-1]},
		"a delta that is cut short":        {state, entries, next[:len(next)-1]},
		"a head that is cut short":         {state[:10]},
		"an identity that is cut short":    {{recordIdentity, 1}},
		"a meta record that is cut short":  {AppendMetaRecord(nil, root.Meta())[:9]},
		"a history that does not grow":     {AppendMetaRecord(nil, Meta{Epoch: 3, History: version.History{{Epoch: 2, Seq: 2}, {Epoch: 1, Seq: 3}}})},
		"a history that is too long":       {AppendMetaRecord(nil, Meta{Epoch: 900, History: make(version.History, version.MaxCuts+1)})},
		"a placement with half a number":   {{recordPlacement, 0x80}},
		"a delta whose block is longer":    {append(slices.Clone(next), 0x05, 1)},
		"a delta with rubbish for a block": {append(slices.Clone(next), 0x01, 0xff)},
		"a head without its digest":        {{recordState, 1, 1, 2}},
	} {
		copies := make([][]byte, len(records))
		for i := range records {
			copies[i] = slices.Clone(records[i])
		}
		if _, err := recovered(copies...); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAGapInTheRecordsSaysSo(t *testing.T) {
	root := newRoot()
	root.write("a", "1")
	from := root.Applied()
	root.write("a", "2")
	if _, err := recovered(delta(root.Cut(from))); !errors.Is(err, ErrGap) || !errors.Is(err, ErrRecord) {
		t.Errorf("it answers %v", err)
	}
}

func TestACheckpointThatCannotBeWrittenIsGivenUp(t *testing.T) {
	root := newRoot()
	root.write("a", "1")
	full := errors.New("no space left")
	for after := range 4 {
		left := after
		err := WriteState(root.Cut(version.Version{}), &Local{}, Identity{}, []int{1}, func([]byte) error {
			if left--; left < 0 {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || left != -1 {
			t.Errorf("after %d records: %v, %d more were tried", after, err, -1-left)
		}
	}
}

// frame joins records as the fuzzer takes them: a byte of length before each
// but the last.
func frame(records ...[]byte) (joined []byte) {
	for i, record := range records {
		if i < len(records)-1 {
			joined = append(joined, byte(len(record)))
		} else {
			joined = append(joined, 0)
		}
		joined = append(joined, record...)
	}
	return joined
}

func FuzzRecovery(f *testing.F) {
	root := newRoot()
	root.write("a", "1", "b", "", "a", "2")
	whole := checkpoint(root.Store, Identity{Node: 1, Boot: 1}, []int{1, 2})
	from := root.Applied()
	root.write("a", "", "c", "1")
	f.Add(frame(append(whole, delta(root.Cut(from)))...))
	f.Add(frame(delta(root.Cut(version.Version{})), AppendMetaRecord(nil, root.Meta())))
	f.Add([]byte{0, 99})
	f.Fuzz(func(t *testing.T, journal []byte) {
		rec := NewRecovery()
		var err error
		for len(journal) > 0 && err == nil {
			n := int(journal[0])
			if journal = journal[1:]; n == 0 || n > len(journal) {
				n = len(journal)
			}
			err = rec.Visit(journal[:n])
			journal = journal[n:]
		}
		if err == nil {
			err = rec.Finish()
		}
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatal(err)
			}
			return
		}
		if !rec.Store.Verify() {
			t.Fatal("what was recovered does not add up to its digest")
		}
	})
}
