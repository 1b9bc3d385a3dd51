package store

import (
	"fmt"
	"testing"

	"xylem/sync/version"
)

// leaf is a replica that holds a=1, b=1 at version 1.2, and its root.
func leaf(t *testing.T) (*rootStore, *Store) {
	root, s := newRoot(), New()
	root.write("a", "1", "b", "1")
	mustPush(t, s, root.Cut(version.Version{}))
	return root, s
}

// reads asserts what a read of key answers; want is empty for an absence.
func reads(t *testing.T, s *Store, key, want string, seq uint64, known bool) {
	t.Helper()
	a := s.Get(key)
	got := ""
	if a.Entry != nil {
		got = a.Entry.Value
	}
	if got != want || a.AsOf.Seq != seq || a.Known != known {
		t.Errorf("%s reads %q as of %v, known %v; want %q as of %d, known %v", key, got, a.AsOf, a.Known, want, seq, known)
	}
}

func TestAnOwnWriteIsVisibleBeforeThePush(t *testing.T) {
	root, s := leaf(t)
	wrote := root.write("a", "2", "b", "", "c", "1")
	for _, e := range wrote {
		s.Learn(e)
	}
	reads(t, s, "a", "2", 3, true)
	reads(t, s, "b", "", 4, true) // a tombstone is knowledge
	reads(t, s, "c", "1", 5, true)
	reads(t, s, "d", "", 2, false)
	if s.Applied().Seq != 2 || s.Counts().Overlay != 3 || !s.Verify() {
		t.Error("the base moved")
	}
	mustPush(t, s, root.Cut(s.Applied()))
	reads(t, s, "a", "2", 5, true)
	reads(t, s, "b", "", 5, false)
	if got := s.Counts().Overlay; got != 0 {
		t.Errorf("%d notes are left", got)
	}
}

func TestAPushCoversWhatItReaches(t *testing.T) {
	root, s := leaf(t)
	first := root.write("a", "2")
	delta := root.Cut(s.Applied())
	second := root.write("b", "2")
	s.Learn(first[0])
	s.Learn(second[0])
	mustPush(t, s, delta)
	reads(t, s, "a", "2", 3, true)
	reads(t, s, "b", "2", 4, true)
	if got := s.Counts().Overlay; got != 1 {
		t.Errorf("%d notes are left, want that of b", got)
	}
}

func TestAHeartbeatCoversWhatTheBaseHas(t *testing.T) {
	root, s := leaf(t)
	s.Learn(root.model["a"])
	s.LearnAnswer("x", nil, root.Applied())
	later := root.write("b", "2")[0]
	s.Learn(later)
	s.Covered()
	reads(t, s, "x", "", 2, false)
	reads(t, s, "b", "2", 3, true)
	if got := s.Counts().Overlay; got != 1 {
		t.Errorf("%d notes are left, want that of b", got)
	}
}

func TestOfBaseAndOverlayTheLaterWins(t *testing.T) {
	root, s := leaf(t)
	old := root.write("a", "2")[0]
	deleted := root.write("a", "")[0]
	back := root.write("a", "3")[0]
	s.Learn(deleted)
	s.Learn(old) // an answer that was overtaken on its way
	reads(t, s, "a", "", 4, true)
	mustPush(t, s, root.Cut(s.Applied()))
	s.Learn(deleted) // and one overtaken by a push
	reads(t, s, "a", "3", 5, true)
	s.Learn(back)
	reads(t, s, "a", "3", 5, true)
	root.startEpoch()
	s.Learn(root.write("a", "4")[0])
	reads(t, s, "a", "4", 6, true)
}

func TestAnAbandonedWriteLeavesWithTheNextEpoch(t *testing.T) {
	root, s := leaf(t)
	abandoned := &Entry{Key: "a", Value: "lost", Version: version.Version{Epoch: 1, Seq: 7}}
	s.Learn(abandoned)
	reads(t, s, "a", "lost", 7, true)
	root.startEpoch()
	root.write("b", "2")
	mustPush(t, s, root.Cut(s.Applied()))
	reads(t, s, "a", "1", 3, true)
}

func TestAnAncestorsAnswerIsRememberedUntilTheNextPush(t *testing.T) {
	root, s := leaf(t)
	root.write("c", "1", "d", "1")
	s.LearnAnswer("c", root.model["c"], root.Applied()) // a value as of a later version
	s.LearnAnswer("x", nil, root.Applied())
	s.LearnAnswer("d", root.model["d"], version.Version{}) // never before the entry itself
	reads(t, s, "c", "1", 4, true)
	reads(t, s, "x", "", 4, true)
	reads(t, s, "d", "1", 4, true)
	root.write("x", "1")
	mustPush(t, s, root.Cut(s.Applied()))
	reads(t, s, "x", "1", 5, true)
	if got := s.Counts().Overlay; got != 0 {
		t.Errorf("%d notes are left", got)
	}
}

func TestAbsencesAreBounded(t *testing.T) {
	root, s := leaf(t)
	asOf := version.Version{Epoch: 1, Seq: 3}
	for i := range maxAbsences + 10 {
		s.LearnAnswer(fmt.Sprint("x", i), nil, asOf)
	}
	if got := s.Counts().Overlay; got != maxAbsences {
		t.Errorf("%d absences are remembered, at most %d may be", got, maxAbsences)
	}
	reads(t, s, fmt.Sprint("x", maxAbsences), "", 2, false)
	s.Learn(root.write("x0", "1")[0]) // a value in place of an absence makes room
	s.LearnAnswer("another", nil, asOf)
	reads(t, s, "another", "", 3, true)
	reads(t, s, "x0", "1", 3, true)
	mustPush(t, s, root.Cut(s.Applied()))
	if got, absences := s.Counts().Overlay, s.overlay.absences.Load(); got != 0 || absences != 0 {
		t.Errorf("after the push %d notes and %d absences are counted", got, absences)
	}
}

func TestAnEmptyStoreKnowsNothing(t *testing.T) {
	s := New()
	reads(t, s, "a", "", 0, false)
	root := newRoot()
	s.LearnAnswer("a", root.write("a", "1")[0], root.Applied())
	reads(t, s, "a", "1", 1, true)
}

// What an ancestor says of a key must not make a node forget a write that passed it,
// as long as that may have to be told to the next root.
func TestAnAnswerDoesNotHideAWriteThatWasSeen(t *testing.T) {
	s := New()
	s.SetMeta(Meta{Tree: version.TreeID{1}, Epoch: 2})
	at := func(epoch, seq uint64) version.Version { return version.Version{Epoch: epoch, Seq: seq} }
	s.Learn(&Entry{Key: "deleted", Version: at(2, 3), Stamp: 3})
	s.LearnAnswer("deleted", nil, at(2, 8))
	s.Learn(&Entry{Key: "written", Value: "1", Version: at(2, 4), Stamp: 4})
	s.LearnAnswer("written", nil, at(3, 9)) // of an epoch that this node has not heard of
	s.Learn(&Entry{Key: "gone", Value: "1", Version: at(2, 5), Stamp: 5})
	s.LearnAnswer("gone", nil, at(2, 9))
	if got := texts(s.Seen()); len(got) != 2 || s.Seen()[0].Key != "deleted" || s.Seen()[1].Key != "written" {
		t.Errorf("seen is %v", got)
	}
	for key, want := range map[string]Answer{
		"deleted": {AsOf: at(2, 8), Known: true}, "gone": {AsOf: at(2, 9), Known: true},
	} {
		if got := s.Get(key); got != want {
			t.Errorf("%s is %+v, want %+v", key, got, want)
		}
	}
	if got := s.Get("written"); got.Entry == nil || got.AsOf != at(2, 4) {
		t.Errorf("what was written is %+v", got)
	}
}
