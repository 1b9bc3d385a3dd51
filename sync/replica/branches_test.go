package replica

import (
	"testing"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// async hands in a write whose client wants no more than that it is queued.
func (s *script) async(write string) {
	s.refs++
	s.step(&Submit{Ref: s.refs, Writes: []wire.Write{parseWrite(s.T, write)}, Client: true, Async: true})
}

// The root's verdict about a queued write waits for the disk while a push brings the
// epoch in which it does not count.
func TestAVerdictThatIsWrittenDownBehindTheNextEpochIsTakenBack(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.step(RootTime{Epoch: 1, Millis: wallClock})
	s.all()
	s.async("x=1 by 2-1")
	s.all() // in the queue, and sent from there
	s.async("y=1 by 2-2")
	s.drained(1, "1.2")
	next := newOrigin(t).write("a=1 by 7-1")
	next.startEpoch().write("c=1 by 7-5")
	s.push(next.delta("1.1"))
	s.all()
	if got := s.core.store.Get("x"); got.Entry == nil || !got.Pending {
		t.Errorf("x, which was answered 202, shows as %+v", got)
	}
	if pending, _ := s.core.Pending(); pending != 2 {
		t.Errorf("%d writes wait, want both", pending)
	}
}

// A delete, a create on top of it and an increment lie beyond a cut. The last of them comes
// back alone, and tells with which stamp the delete was taken.
func TestAConditionalWriteComesBackWithItsFooting(t *testing.T) {
	s := followerAt(t, newOrigin(t).write("a=1 by 7-1", "k=old by 7-2"))
	s.leads("1.2")
	s.write("k=late at 100 by 7-3")
	deleted := parseWrite(t, "-k at 50 by 7-4") // and stamped anew, behind that
	deleted.Kept = false
	s.step(&Submit{Epoch: 2, Writes: []wire.Write{deleted}})
	s.persisted()
	s.write("k=1 by 7-5 if absent")
	s.write("k=2 by 7-6 if 2.5")
	next := newOrigin(t).write("a=1 by 7-1", "k=old by 7-2")
	next.startEpoch().startEpoch().startEpoch().write("c=1 by 7-7")
	s.push(next.snapshot())
	s.all()
	queue := s.core.queue.local.Queue
	if len(queue) != 1 || queue[0].Value != "2" {
		t.Fatalf("queued is %+v", queue)
	}
	if sent := sentAgain(queue[0]); sent.Footing != deleted.Stamp {
		t.Errorf("it is sent with the footing %v, want %v", sent.Footing, deleted.Stamp)
	}
}

// What lies beyond a cut is queued under what its condition comes down to where the key has
// nothing that came from elsewhere; and with the first version that it had.
func TestAConditionIsRebasedOnWhatBothHistoriesHave(t *testing.T) {
	for _, test := range []struct {
		name, theirs string
		want         store.Condition
	}{
		{"the key is as it was", "c=1 by 7-5", store.Condition{Kind: store.Matches, Version: parseVersion(t, "1.2")}},
		{"it was deleted before", "-k by 7-2", store.Condition{Kind: store.Absent}},
		{"somebody has written it since", "k=other at 9000 by 7-5", store.Condition{Kind: store.Matches, Version: parseVersion(t, "2.3")}},
		{"what it followed is there again", "k=acked at 1 by 7-3 was 2.3", store.Condition{Kind: store.Matches, Version: parseVersion(t, "4.3")}},
		{"what came before that is", "k=old at 1 by 7-2 was 1.2", store.Condition{Kind: store.Matches, Version: parseVersion(t, "4.3")}},
		{"what somebody had queued before is there since", "k=other by 7-5", store.Condition{Kind: store.Matches, Version: parseVersion(t, "4.3")}},
		{"what came before on a branch of its own is", "k=other at 9000 by 7-5 was 1.3", store.Condition{Kind: store.Matches, Version: parseVersion(t, "2.3")}},
	} {
		o, next := newOrigin(t).write("a=1 by 7-1", "k=old by 7-2"), newOrigin(t).write("a=1 by 7-1", "k=old by 7-2")
		if test.want.Kind == store.Absent {
			o, next = newOrigin(t).write("a=1 by 7-1", test.theirs), newOrigin(t).write("a=1 by 7-1", test.theirs)
		}
		s := followerAt(t, o)
		s.leads("1.2")
		s.write("k=acked by 7-3")
		s.write("k=then by 7-4 if 2.3")
		next.startEpoch().startEpoch().startEpoch()
		if test.want.Kind != store.Absent {
			next.write(test.theirs)
		}
		s.push(next.snapshot())
		s.all()
		queue := s.core.queue.local.Queue
		if len(queue) != 1 || queue[0].Value != "then" || queue[0].First() != parseVersion(t, "2.4") || queue[0].Condition() != test.want {
			t.Errorf("%s: queued is %+v under %+v, want %+v", test.name, queue, queue[0].Condition(), test.want)
		}
	}
}

// Nobody but NODE-3 holds a state, and that is of another tree than the one that nodes
// without any have begun meanwhile.
func TestStory_NodesWithoutAStateTakeAnyTree(t *testing.T) {
	s := electedScript(t)
	s.note("Nodes without a state begin a tree of their own.")
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xbb}, Epoch: 2, Members: []uint32{4}})
	s.persisted()
	s.step(Gathered{Node: 4, Epoch: 2, Promise: &wire.Promise{Granted: true, Epoch: 2}})
	s.all()
	s.note("One that holds a state comes late, of another tree. The root gives way, and promises it its epoch.")
	s.step(&Announced{Ref: 9, Node: 3, Tree: version.TreeID{0xaa}, Epoch: 1, Version: version.Version{Epoch: 1, Seq: 2}})
	s.step(&Asked{Ref: 3, Sender: 3, Epoch: 3, Tree: version.TreeID{0xaa}})
	s.all()
	s.note("If it is a candidate again itself, it takes that state over.")
	o := newOrigin(t).write("a=1 by 7-1", "b=1 by 7-2")
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xbb}, Epoch: 4, Members: []uint32{3}})
	s.all()
	s.promises(3, 4, "1.2")
	s.step(o.fetched(3))
	s.all()
	s.golden("nodes_without_a_state_take_any_tree")
}

// What a member has seen counts although its state cannot be had.
func TestAFetchThatFailsLosesNothingThatWasSeen(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 2, Members: []uint32{3, 4, 5}})
	s.persisted()
	s.promises(4, 2, "1.1")
	s.promises(5, 2, "1.1")
	s.promises(3, 2, "1.2", s.seen("1.3", "x=1 by 7-9 at 5"))
	s.step(Fetched{Node: 3})
	s.all()
	if got := s.core.store.Get("x"); got.Entry == nil || got.Entry.Version.String() != "2.2" {
		t.Errorf("x is %+v", got)
	}
}

// The coordinator keeps a hand-over waiting: what has gathered is given back.
func TestAHandOverThatIsStuckHoldsNobodyUp(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.leads("1.1")
	s.members("3a")
	s.confirm(3, Current, "1.1")
	s.step(HandOver{Node: 3})
	s.confirm(3, Current, "1.1")
	s.submit("b=1 by 7-2")
	s.client("c=1 by 2-5")
	s.wake()
	s.client("d=1 by 2-6")
	s.all()
	if pending, _ := s.core.Pending(); pending != 2 {
		t.Errorf("%d clients' writes are queued, want both:\n%s", pending, s.trace)
	}
}

// A tree goes back to a fixed root: it was elected once, and another was after it.
func TestStory_AFixedRootThatWasElectedOnce(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1", "mine=1 by 7-2")
	s := rootScript(t)
	s.cfg.Store, s.cfg.Local.Promised = o.Store, 2
	s.note("It does not begin at once, although it has data.")
	s.step(Started{})
	next := newOrigin(t).write("a=1 by 7-1")
	next.startEpoch().startEpoch().write("b=1 by 7-5")
	s.step(&Announced{Ref: 3, Node: 3, Tree: version.TreeID{0xaa}, Epoch: 4, Version: next.Applied()})
	s.after(s.cfg.Grace)
	s.step(Wake{})
	s.note("A member was led by another root since: its state is taken over, and what lies beyond the cut kept.")
	s.step(next.fetched(3))
	s.all()
	s.golden("a_fixed_root_that_was_elected_once")
}

// A node of another tree under a name of this one is no member: it stops nobody.
func TestAStrangerDoesNotCountAmongTheLiving(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 2, Members: []uint32{3}})
	s.persisted()
	s.step(Gathered{Node: 3, Epoch: 2, Promise: &wire.Promise{Epoch: 9, Tree: version.TreeID{0xbb}}})
	s.all()
	if s.core.Epoch() != 2 {
		t.Errorf("it does not serve:\n%s", s.trace)
	}
}

// A member has seen writes of an epoch of which the furthest state has not heard: it may
// have begun before that state. Conditions are judged again, along those writes.
func TestConditionsOfAnotherBranchAreJudgedAgain(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1", "k=1 by 7-2")
	s := followerAt(t, o)
	with := func(e *store.Entry, kind store.ConditionKind, at, first string) *store.Entry {
		e.Origin = &store.Origin{If: store.Condition{Kind: kind, Version: parseVersion(t, at)}, First: parseVersion(t, first)}
		return e
	}
	below := s.core.store.Current("a").Stamp
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 5, Members: []uint32{3}})
	s.persisted()
	s.promises(
		3, 5, "1.2",
		with(s.seen("2.2", "k=2 by 7-3 at 10"), store.Absent, "0.0", "0.0"), // k is there
		with(s.seen("2.3", "n=1 by 7-4 at 11"), store.Absent, "0.0", "0.0"),
		with(s.seen("2.4", "n=2 by 7-5 at 12"), store.Matches, "1.7", "0.0"), // of what n=1 was once
		with(s.seen("2.5", "a=2 by 7-6 at 13"), store.Matches, "1.1", "0.0"),
	)
	s.all()
	for key, want := range map[string]string{"k": "1", "n": "2", "a": "2"} {
		if got := s.core.store.Get(key); got.Entry == nil || got.Entry.Value != want {
			t.Errorf("%s is %+v, want %s", key, got.Entry, want)
		}
	}
	if got := s.core.store.Current("a").Footing(); got != below {
		t.Errorf("a=2 has the footing %v, want the stamp of a=1, %v", got, below)
	}
}

// What had gathered at a node for its parent when it became a candidate.
func TestWhatHasGatheredWaitsForTheCandidate(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.step(RootTime{Epoch: 1, Millis: wallClock})
	s.all()
	s.submit("under=way by 7-9")
	conditional := s.refs + 1
	s.client("c=1 by 2-1 if absent")
	s.client("q=1 by 2-2")
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 2, Members: []uint32{3}})
	told := map[Ref]wire.Outcome{}
	all := func() {
		for len(s.asked) > 0 {
			for _, e := range s.persisted() {
				if reply, ok := e.(Reply); ok {
					told[reply.Ref] = reply.Results[0].Outcome
				}
			}
		}
	}
	all()
	s.promises(3, 2, "1.1")
	all()
	if told[conditional] != wire.Ordered || told[conditional+1] != wire.Pending {
		t.Errorf("the clients are told %v:\n%s", told, s.trace)
	}
}

// A root may have begun before its first lease has come: what has gathered waits for that.
func TestANewRootWaitsForItsLease(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 2, Members: []uint32{3}})
	s.all()
	s.submit("b=1 by 7-2 if absent")
	s.promises(3, 2, "1.1")
	s.all()
	s.step(Leased{Until: time.Minute})
	if effects := s.persisted(); effectText(effects[0]) != "reply #2: ordered 2.2" {
		t.Errorf("it does %s", effectText(effects[0]))
	}
}
