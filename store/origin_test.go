package store

import (
	"testing"

	"xylem/sync/version"
)

// Two histories part after what they have in common.
func TestTheCommonVersionOfTwoHistories(t *testing.T) {
	at := func(epoch, seq uint64) version.Version { return version.Version{Epoch: epoch, Seq: seq} }
	type branch struct {
		cuts  version.History
		epoch uint64
		run   uint64
		at    version.Version
	}
	full := make(version.History, version.MaxCuts)
	for i := range full {
		full[i] = at(uint64(i)+10, uint64(i)+100)
	}
	for _, test := range []struct {
		name         string
		mine, theirs branch
		want         version.Version
	}{
		{"the same", branch{nil, 1, 0, at(1, 5)}, branch{nil, 1, 0, at(1, 5)}, at(1, 5)},
		{"behind", branch{nil, 1, 0, at(1, 5)}, branch{nil, 1, 0, at(1, 9)}, at(1, 5)},
		{"a former root", branch{nil, 1, 0, at(1, 60)}, branch{version.History{at(1, 40)}, 2, 0, at(2, 45)}, at(1, 40)},
		{"a former root that began an epoch in between", branch{version.History{at(1, 40)}, 2, 0, at(2, 45)}, branch{version.History{at(1, 42)}, 3, 0, at(3, 50)}, at(1, 40)},
		{"an epoch that left no cut", branch{version.History{at(1, 40)}, 2, 0, at(2, 45)}, branch{version.History{at(1, 40)}, 3, 0, at(3, 41)}, at(1, 40)},
		{"nothing", branch{nil, 1, 0, at(1, 5)}, branch{nil, 2, 0, at(2, 7)}, version.Version{}},
		{"another run of one epoch", branch{nil, 1, 7, at(1, 5)}, branch{nil, 1, 8, at(1, 7)}, version.Version{}},
		{"older than all cuts", branch{version.History{at(1, 5)}, 2, 0, at(2, 9)}, branch{full, 900, 0, at(900, 999)}, at(1, 5)},
		{"older than all cuts, and in its first epoch", branch{nil, 1, 0, at(1, 5)}, branch{full, 900, 0, at(900, 999)}, version.Version{}},
		{"as old as the oldest cut", branch{nil, 10, 0, at(10, 105)}, branch{full, 900, 0, at(900, 999)}, at(10, 100)},
	} {
		mine := Meta{Epoch: test.mine.epoch, History: test.mine.cuts, Run: test.mine.run}
		theirs := Meta{Epoch: test.theirs.epoch, History: test.theirs.cuts, Run: test.theirs.run}
		if got := mine.Common(test.mine.at, &theirs, test.theirs.at); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestAnEntryIsSubmittedAgainAsItWasTaken(t *testing.T) {
	condition := Condition{Kind: Absent}
	own, first := version.Version{Epoch: 1, Seq: 2}, version.Version{Epoch: 1, Seq: 1}
	entry := func(o *Origin) *Entry {
		return &Entry{Key: "k", Value: "1", Version: own, Stamp: 20, Write: version.WriteID{Node: 3, Counter: 4}, Origin: o}
	}
	for _, test := range []struct {
		origin *Origin
		stamp  version.Stamp
		want   *Origin
	}{
		{nil, 20, &Origin{First: own}},
		{&Origin{Taken: 10}, 10, &Origin{First: own}},
		{&Origin{If: condition}, 20, &Origin{If: condition, First: own}},
		{&Origin{If: condition, Taken: 10}, 20, &Origin{If: condition, First: own}},
		{&Origin{First: first, Taken: 10}, 10, &Origin{First: first}},
	} {
		before := entry(test.origin)
		want := entry(test.want)
		want.Version, want.Stamp = version.Version{}, test.stamp
		if got := before.Resubmitted(); !got.Equal(want) || !before.Equal(entry(test.origin)) {
			t.Errorf("with %+v it becomes %+v, want %+v", test.origin, got, want)
		}
		if got := before.Condition(); test.origin != nil && got != test.origin.If {
			t.Errorf("its condition is %+v", got)
		}
	}
}

func TestTheFootingOfAnEntry(t *testing.T) {
	for _, test := range []struct {
		origin *Origin
		want   version.Stamp
	}{
		{nil, 20},
		{&Origin{First: version.Version{Epoch: 1, Seq: 1}}, 20},
		{&Origin{Taken: 10}, 10},
		{&Origin{If: Condition{Kind: Exists}}, 0},
		{&Origin{If: Condition{Kind: Exists}, Taken: 10, Footing: 5}, 5},
	} {
		e := &Entry{Key: "k", Stamp: 20, Origin: test.origin}
		if got := e.Footing(); got != test.want {
			t.Errorf("with %+v it is %v, want %v", test.origin, got, test.want)
		}
		if again := e.Resubmitted(); again.Footing() != test.want {
			t.Errorf("with %+v it comes back with %v, want %v", test.origin, again.Footing(), test.want)
		}
	}
}

func TestSeenIsWhatIsOrderedBeyondTheBase(t *testing.T) {
	s := New()
	s.SetMeta(Meta{Tree: version.TreeID{1}, Epoch: 1})
	put := func(seq uint64, key string) *Entry {
		return &Entry{Key: key, Value: "1", Version: version.Version{Epoch: 1, Seq: seq}, Stamp: version.Stamp(seq)}
	}
	s.Commit([]*Entry{put(1, "a"), put(2, "b")}, 2)
	s.Learn(put(5, "e"))
	s.Learn(put(3, "c"))
	s.Learn(put(2, "b"))
	s.LearnAnswer("gone", nil, version.Version{Epoch: 1, Seq: 4})
	s.Pend(&Entry{Key: "p", Value: "1", Stamp: 9})
	if got := texts(s.Seen()); len(got) != 2 || s.Seen()[0].Key != "c" || s.Seen()[1].Key != "e" {
		t.Errorf("seen is %v", got)
	}
}

func TestAWriteFollowsWhatWasThereBeforeIt(t *testing.T) {
	at := func(epoch, seq uint64) version.Version { return version.Version{Epoch: epoch, Seq: seq} }
	entry := func(v, first, since version.Version) *Entry {
		return &Entry{Key: "k", Version: v, Origin: &Origin{First: first, Since: since}}
	}
	none := version.Version{}
	e := entry(at(5, 9), at(3, 8), at(2, 4))
	for _, test := range []struct {
		other *Entry
		want  bool
	}{
		{&Entry{Version: at(3, 7)}, true},
		{&Entry{Version: at(3, 8)}, false},
		{&Entry{Version: at(3, 9)}, false},
		{&Entry{Version: at(2, 4)}, true},
		{&Entry{Version: at(2, 3)}, true}, // what follows that
		{&Entry{Version: at(2, 5)}, false},
		{&Entry{Version: at(1, 3)}, false}, // perhaps, and perhaps it was on another branch
		{entry(at(5, 8), at(3, 7), none), true},
		{entry(at(5, 8), at(2, 4), none), true},
		{entry(at(3, 7), at(4, 1), none), false},
	} {
		if got := e.Follows(test.other); got != test.want {
			t.Errorf("%+v after %+v: %v", e.Origin, test.other, got)
		}
	}
	stamped := func(stamp version.Stamp) *Entry { return &Entry{Version: at(4, 9), Stamp: stamp} }
	e.Origin.Footing = 20
	if !e.Follows(stamped(19)) || !e.Follows(stamped(20)) || e.Follows(stamped(21)) {
		t.Error("it does not follow what loses to its footing, and that alone")
	}
	if (&Entry{Version: at(3, 8)}).Follows(&Entry{}) {
		t.Error("a write whose past is not known follows one that was never ordered")
	}
}
