package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"xylem/sync/version"
)

// queuedWrite is a write of NODE-2 with its counter for a stamp.
func queuedWrite(counter uint64, key, value string) *Entry {
	return &Entry{Key: key, Value: value, Stamp: version.Stamp(counter), Write: version.WriteID{Node: 2, Counter: counter}}
}

// orderedWrite is what the root made of such a write.
func orderedWrite(seq, stamp uint64, key, value string) *Entry {
	e := queuedWrite(stamp, key, value)
	e.Version = version.Version{Epoch: 1, Seq: seq}
	return e
}

// shows is what readers of a node see of a key, "-" where it is absent, and with a
// "?" behind it what is pending.
func shows(s *Store, key string) string {
	a, text := s.Get(key), "-"
	if a.Entry != nil {
		text = a.Entry.Value
	}
	if a.Pending {
		text += "?"
	}
	return text
}

func TestPendingAgainstOrderedIsDecidedByStamp(t *testing.T) {
	for _, test := range []struct {
		name      string
		ordered   *Entry // nil for none
		pending   []*Entry
		want      string
		inChildOf string // what others are told
	}{
		{"nothing is known", nil, []*Entry{queuedWrite(5, "k", "1")}, "1?", "-"},
		{"later than the base", orderedWrite(1, 4, "k", "0"), []*Entry{queuedWrite(5, "k", "1")}, "1?", "0"},
		{"earlier than the base", orderedWrite(1, 6, "k", "0"), []*Entry{queuedWrite(5, "k", "1")}, "0", "0"},
		{"earlier than a tombstone", orderedWrite(1, 6, "k", ""), []*Entry{queuedWrite(5, "k", "1")}, "-", "-"},
		{"a delete", orderedWrite(1, 4, "k", "0"), []*Entry{queuedWrite(5, "k", "")}, "-?", "0"},
		{"two of them", nil, []*Entry{queuedWrite(5, "k", "1"), queuedWrite(6, "k", "2")}, "2?", "-"},
		{"two of them, out of order", nil, []*Entry{queuedWrite(6, "k", "2"), queuedWrite(5, "k", "1")}, "2?", "-"},
	} {
		for _, where := range []string{"base", "overlay"} {
			s := New()
			switch {
			case test.ordered == nil:
			case where == "base":
				s.Commit([]*Entry{test.ordered}, test.ordered.Stamp)
			default:
				s.Learn(test.ordered)
			}
			for _, e := range test.pending {
				s.Pend(e)
			}
			if got := shows(s, "k"); got != test.want {
				t.Errorf("%s, in the %s: %s, want %s", test.name, where, got, test.want)
			}
			told := "-"
			if e := s.GetOrdered("k").Entry; e != nil {
				told = e.Value
			}
			if told != test.inChildOf {
				t.Errorf("%s, in the %s: others are told %s, want %s", test.name, where, told, test.inChildOf)
			}
			listed := "-"
			if page := s.List("", "", 10); len(page.Entries) == 1 {
				listed = page.Entries[0].Value
			}
			if want := strings.TrimSuffix(test.want, "?"); listed != want {
				t.Errorf("%s, in the %s: the list has %s, want %s", test.name, where, listed, want)
			}
		}
	}
}

func TestWhatLeavesTheQueueStopsShowing(t *testing.T) {
	s := New()
	first, second := queuedWrite(5, "k", "1"), queuedWrite(6, "k", "2")
	s.Pend(first)
	s.Pend(second)
	s.Learn(orderedWrite(1, 5, "k", "1"))
	s.Unpend(first, version.Version{})
	if got := shows(s, "k"); got != "2?" {
		t.Errorf("after the first was ordered: %s", got)
	}
	s.Unpend(second, version.Version{Epoch: 1, Seq: 2})
	if got := shows(s, "k"); got != "2?" {
		t.Errorf("until the winner comes: %s", got)
	}
	_, _ = s.Apply(version.Version{}, version.Version{Epoch: 1, Seq: 2}, Meta{Epoch: 1}, []*Entry{orderedWrite(2, 4, "k", "0")})
	if got := shows(s, "k"); got != "0" {
		t.Errorf("when it has come: %s", got)
	}
	s.Pend(queuedWrite(7, "k", "3"))
	s.Unpend(queuedWrite(7, "k", "3"), version.Version{Epoch: 1, Seq: 2})
	if got := shows(s, "k"); got != "0" {
		t.Errorf("superseded by what is there: %s", got)
	}
}

// A winner that was abandoned never comes.
func TestASupersededWriteIsForgottenWithItsWinner(t *testing.T) {
	s := New()
	s.Pend(queuedWrite(5, "k", "1"))
	s.Unpend(queuedWrite(5, "k", "1"), version.Version{Epoch: 1, Seq: 9})
	s.SetMeta(Meta{Epoch: 2, History: version.History{{Epoch: 1, Seq: 3}}})
	if got := shows(s, "k"); got != "-" {
		t.Errorf("it shows %s", got)
	}
}

func TestAListingHasPendingWrites(t *testing.T) {
	s := New()
	var entries []*Entry
	for i, key := range []string{"a", "b", "c", "d"} {
		entries = append(entries, orderedWrite(uint64(i+1), uint64(i+1), key, "0"))
	}
	s.Commit(entries, 4)
	s.Learn(orderedWrite(5, 5, "b", "1"))
	s.Pend(queuedWrite(6, "b", ""))
	s.Pend(queuedWrite(7, "aa", "1"))
	s.Pend(queuedWrite(8, "d", "1"))
	s.Pend(queuedWrite(9, "e", "1"))
	text := func(page Page) string {
		var parts []string
		for _, e := range page.Entries {
			parts = append(parts, e.Key+"="+e.Value)
		}
		return fmt.Sprintf("%s, next %q, as of %v", strings.Join(parts, " "), page.Next, page.AsOf)
	}
	if got := text(s.List("", "", 3)); got != `a=0 aa=1 c=0, next "c", as of 1.4` {
		t.Errorf("the first page is %s", got)
	}
	if got := text(s.List("", "c", 3)); got != `d=1 e=1, next "", as of 1.4` {
		t.Errorf("the second page is %s", got)
	}
	if got := text(s.ListOrdered("", "", 9)); got != `a=0 b=1 c=0 d=0, next "", as of 1.5` {
		t.Errorf("others are told %s", got)
	}
}

func TestLocalRecordsComeBack(t *testing.T) {
	var local Local
	rec := NewRecovery()
	visit := func(record []byte) {
		t.Helper()
		if err := rec.Visit(record); err != nil {
			t.Fatal(err)
		}
	}
	var queue []*Entry
	for i := range uint64(5000) {
		queue = append(queue, queuedWrite(i+1, fmt.Sprintf("key-%d", i), strings.Repeat("x", 100)))
	}
	var settled []Settled
	for i := range uint64(2000) {
		settled = append(settled, Settled{Write: queue[i].Write, Superseded: i%3 == 0, Version: version.Version{Epoch: 1, Seq: i + 1}})
	}
	visit(AppendRootTime(nil, -3_600_000))
	visit(AppendQueued(nil, queue))
	visit(AppendSettled(nil, settled))
	visit(AppendPromise(nil, 17))
	want := Local{Queue: queue[2000:], Settled: settled, RootTime: -3_600_000, Promised: 17}
	for round := range 2 {
		if err := rec.Finish(); err != nil {
			t.Fatal(err)
		}
		local = rec.Local
		sameQueue := slices.EqualFunc(local.Queue, want.Queue, (*Entry).Equal)
		if !sameQueue || !slices.Equal(local.Settled, want.Settled) || local.RootTime != want.RootTime || local.Promised != want.Promised {
			t.Fatalf("round %d: %d are queued, %d settled, the difference is %d, promised is %d",
				round, len(local.Queue), len(local.Settled), local.RootTime, local.Promised)
		}
		// What was settled shows until the base holds it: of the first the winner has not
		// come, of the second itself.
		for key, pending := range map[string]bool{"key-4000": true, "key-0": true, "key-1": false} {
			if got := shows(rec.Store, key); strings.HasSuffix(got, "?") != pending || got == "-" {
				t.Errorf("round %d: %s shows as %s", round, key, got)
			}
		}
		if len(local.Leaving) != len(settled) {
			t.Errorf("round %d: %d are leaving", round, len(local.Leaving))
		}
		cut := rec.Store.Cut(version.Version{})
		rec = NewRecovery()
		if err := WriteState(cut, &local, Identity{Node: 2}, nil, func(record []byte) error { visit(record); return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyTheLastSettledWritesAreRemembered(t *testing.T) {
	var local Local
	for i := range uint64(MaxSettled + 10) {
		local.Settle([]Settled{{Write: version.WriteID{Node: 2, Counter: i}}})
	}
	if len(local.Settled) != MaxSettled || local.Settled[0].Write.Counter != 10 {
		t.Errorf("%d are remembered, from %v on", len(local.Settled), local.Settled[0].Write)
	}
}

// What settles need not stand at the front.
func TestSettleTakesWritesFromAnywhere(t *testing.T) {
	a, b, c, d := queuedWrite(1, "a", "1"), queuedWrite(2, "b", "1"), queuedWrite(3, "c", "1"), queuedWrite(4, "d", "1")
	local := Local{Queue: []*Entry{a, b, c, d}}
	local.Settle([]Settled{{Write: a.Write}, {Write: c.Write}})
	if !slices.Equal(local.Queue, []*Entry{b, d}) {
		t.Errorf("%d are left", len(local.Queue))
	}
}

// An ancestor's answer takes the place of what this node knew, which may have hidden a
// queued write that shows over the ancestor's.
func TestAQueuedWriteShowsOverWhatAnAncestorHas(t *testing.T) {
	s := New()
	s.SetMeta(Meta{Tree: version.TreeID{1}, Epoch: 1})
	entry := func(epoch, seq uint64, stamp version.Stamp, value string) *Entry {
		return &Entry{Key: "k", Value: value, Version: version.Version{Epoch: epoch, Seq: seq}, Stamp: stamp, Write: version.WriteID{Node: 3, Counter: uint64(stamp)}}
	}
	asOf := version.Version{Epoch: 2, Seq: 9}
	queued := entry(0, 0, 20, "queued")
	s.Pend(queued)
	s.Learn(entry(1, 5, 30, "abandoned"))
	before := s.Get("k")
	if before.Pending {
		t.Fatalf("%+v", before)
	}
	for above, want := range map[*Entry]Answer{
		nil:                    {Entry: queued, AsOf: asOf, Known: true, Pending: true},
		entry(1, 2, 10, "old"): {Entry: queued, AsOf: asOf, Known: true, Pending: true},
	} {
		if got := s.GetOver(before, "k", above, asOf); got != want {
			t.Errorf("over %+v: %+v", above, got)
		}
	}
	later := entry(2, 8, 40, "later")
	if got := s.GetOver(before, "k", later, asOf); got.Pending || got.Entry != later {
		t.Errorf("%+v", got)
	}
	if got := s.GetOver(Answer{Entry: queued, Pending: true, Known: true}, "another", later, asOf); !got.Pending || got.Entry != queued || got.AsOf != asOf {
		t.Errorf("what was queued when it was asked: %+v", got)
	}
	if got := AnswerOf(entry(2, 7, 1, ""), asOf); got.Entry != nil || !got.Known || got.AsOf != asOf {
		t.Errorf("of a tombstone: %+v", got)
	}
}
