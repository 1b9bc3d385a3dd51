package store

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"xylem/sync/version"
)

// everything is all that can be seen of a store's base, as one text.
func everything(s *Store) string {
	at, digest := s.Digest()
	page := s.List("", "", MaxPage)
	state := []string{at.String(), digest.String(), s.Meta().Floor.String()}
	return strings.Join(append(state, texts(page.Entries)...), " ")
}

func TestADeltaBringsAReplicaToTheRootsState(t *testing.T) {
	root, replica := newRoot(), New()
	root.write("a", "1", "b", "1", "c", "1")
	mustPush(t, replica, root.Cut(version.Version{}))
	between := root.Applied()
	root.write("a", "2", "b", "", "d", "1", "a", "3")
	mustPush(t, replica, root.Cut(between))
	if got := texts(replica.List("", "", 10).Entries); !slices.Equal(got, []string{"a=3", "c=1", "d=1"}) {
		t.Errorf("the replica holds %v", got)
	}
	if e := replica.Current("b"); e == nil || !e.Deleted() || e.Version != (version.Version{Epoch: 1, Seq: 5}) {
		t.Errorf("of the deleted key it keeps %v", e)
	}
}

func TestADeltaFitsAnyVersionBetweenItsEnds(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "b", "1")
	from := root.Applied()
	stops := []*Cut{root.Cut(version.Version{})}
	for _, pair := range [][2]string{{"a", "2"}, {"b", ""}, {"c", "3"}, {"a", "4"}, {"b", "5"}} {
		root.write(pair[0], pair[1])
		stops = append(stops, root.Cut(version.Version{}))
	}
	delta := root.Cut(from)
	for _, stop := range stops {
		replica := New()
		mustPush(t, replica, stop)
		mustPush(t, replica, delta)
		if !replica.Verify() {
			t.Errorf("from %v it is another state than its digest says", stop.To)
		}
	}
}

func TestARepeatedOrLateDeltaChangesNothing(t *testing.T) {
	root, replica := newRoot(), New()
	root.write("a", "1", "b", "1")
	first := root.Cut(version.Version{})
	root.write("a", "", "c", "1")
	root.startEpoch()
	root.write("b", "")
	second := root.Cut(first.To)
	mustPush(t, replica, first)
	mustPush(t, replica, second)
	before, meta := everything(replica), replica.Meta()
	for _, late := range []*Cut{second, first, second} {
		if digest, err := push(replica, late); err != nil || digest != second.Digest {
			t.Errorf("the answer to a late push is %v, %v", digest, err)
		}
		if got := everything(replica); got != before {
			t.Errorf("a late push to %v left %s, want %s", late.To, got, before)
		}
		if got := replica.Meta(); got.Epoch != meta.Epoch || !got.History.Equal(meta.History) {
			t.Errorf("a late push took the tree back to epoch %d, %v", got.Epoch, got.History)
		}
	}
}

func TestAGapChangesNothing(t *testing.T) {
	root, replica := newRoot(), New()
	root.write("a", "1")
	mustPush(t, replica, root.Cut(version.Version{}))
	root.write("b", "1")
	missed := root.Applied()
	root.write("a", "", "c", "1")
	root.expire()
	replica.Learn(root.model["c"])
	before := everything(replica)
	if _, err := push(replica, root.Cut(missed)); !errors.Is(err, ErrGap) {
		t.Errorf("it answers %v", err)
	}
	if got := everything(replica); got != before {
		t.Errorf("it left %s, want %s", got, before)
	}
	if got := replica.Counts().Overlay; got != 1 {
		t.Errorf("%d notes are left in the overlay", got)
	}
}

func TestAnEmptyDeltaMovesTheVersion(t *testing.T) {
	root, replica := newRoot(), New()
	root.write("a", "1", "a", "")
	root.expire()
	cut := root.Cut(version.Version{})
	mustPush(t, replica, cut)
	if cut.MaxEntries() != 0 || replica.Counts() != (Counts{}) {
		t.Errorf("%d entries led to %+v", cut.MaxEntries(), replica.Counts())
	}
}

func TestFloorAndStampNeverMoveBack(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "a", "", "b", "1")
	root.expire()
	high := root.Meta()
	root.SetMeta(Meta{Tree: high.Tree, Epoch: high.Epoch, Stamp: 1})
	if got := root.Meta(); got.Floor != high.Floor || got.Stamp != high.Stamp || high.Floor.Seq != 2 {
		t.Errorf("%+v became %+v", high, got)
	}
}

func TestASnapshotReplacesEverything(t *testing.T) {
	former, root := newRoot(), newRoot()
	former.write("a", "old", "gone", "1")
	root.write("a", "1", "b", "")
	former.Learn(root.order("later", "1"))
	snapshot(t, former.Store, root.Cut(version.Version{}))
	if everything(former.Store) != everything(root.Store)+" later=1" {
		t.Errorf("it holds %s", everything(former.Store))
	}
	if !former.Verify() || former.Current("gone") != nil || former.Current("b") == nil {
		t.Error("the state is not the one of the snapshot")
	}
}

func TestASnapshotOutOfOrderIsRefused(t *testing.T) {
	entries := newRoot().write("a", "1", "b", "1")
	slices.Reverse(entries)
	if err := NewBuilder().AddBlock(encode(entries)); !errors.Is(err, ErrBlock) {
		t.Errorf("it answers %v", err)
	}
	b := NewBuilder()
	if err := errors.Join(b.AddBlock(encode(entries[:1])), b.AddBlock(encode(entries[:1]))); !errors.Is(err, ErrBlock) {
		t.Errorf("the same piece twice: %v", err)
	}
	if b.Last() != entries[0].Version || b.Digest() != digestOf(map[string]*Entry{"b": entries[0]}) {
		t.Errorf("the builder holds %v, %v", b.Last(), b.Digest())
	}
}

func TestTombstonesExpireFromTheOldestOn(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "b", "1", "c", "1")
	if got := root.ExpiredTombstones(1 << 62); !got.IsZero() {
		t.Errorf("without tombstones %v", got)
	}
	deleted := root.write("a", "", "b", "", "b", "2", "c", "")
	for before, want := range map[version.Stamp]version.Version{
		deleted[0].Stamp: {}, deleted[0].Stamp + 1: deleted[0].Version, // b lives again
		deleted[3].Stamp: deleted[0].Version, deleted[3].Stamp + 1: deleted[3].Version,
	} {
		if got := root.ExpiredTombstones(before); got != want {
			t.Errorf("before %v it is %v, want %v", before, got, want)
		}
	}
	root.expire()
	if got := root.Counts(); got.Tombstones != 0 || got.Live != 1 {
		t.Errorf("%+v are left of %v", got, slices.Collect(maps.Keys(root.model)))
	}
}
