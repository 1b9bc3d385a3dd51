package replica

import (
	"testing"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// electedScript is NODE-2 of a tree whose root is elected, without data.
func electedScript(t *testing.T) *script {
	s := rootScript(t)
	s.cfg.Node, s.cfg.Root, s.cfg.Elected, s.cfg.NewRun = 2, 0, true, 2
	s.step(Started{})
	s.trace = ""
	return s
}

// followerAt is NODE-2, which holds what the origin does and has heard its time.
func followerAt(t *testing.T, o *origin) *script {
	s := electedScript(t)
	s.push(o.snapshot())
	s.all()
	s.trace = ""
	return s
}

// all has the journal take what it was asked for until nothing is.
func (s *script) all() {
	for len(s.asked) > 0 {
		s.persisted()
	}
}

// promises has a member grant the epoch.
func (s *script) promises(node uint32, epoch uint64, at string, seen ...*store.Entry) []Effect {
	return s.step(Gathered{Node: node, Epoch: epoch, Promise: &wire.Promise{
		Granted: true, Epoch: epoch, Tree: version.TreeID{0xaa}, Version: parseVersion(s.T, at), Writes: seen,
	}})
}

// seen is an entry that a member knows beyond its state.
func (s *script) seen(at, write string) *store.Entry {
	w := parseWrite(s.T, write)
	return &store.Entry{Key: w.Key, Value: w.Value, Version: parseVersion(s.T, at), Stamp: w.Stamp, Write: w.ID}
}

// leads makes NODE-2 the root of epoch 2, with NODE-3 as the only other.
func (s *script) leads(at string) {
	s.step(Leased{Until: s.now.Mono + time.Minute})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 2, Members: []uint32{3}})
	s.persisted()
	s.promises(3, 2, at)
	s.persisted()
	s.trace = ""
}

func TestStory_ACandidateGathers(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1", "b=1 by 7-2")
	s := followerAt(t, o)
	s.note("Its own promise comes first, then all that live are asked.")
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 2, Members: []uint32{3, 4, 5}})
	s.persisted()
	s.note("What anybody has seen beyond the furthest state is ordered again: in its old order, each write once. One may be silent.")
	s.promises(3, 2, "1.2", s.seen("1.4", "a=3 by 7-4 at 3"), s.seen("1.3", "c=1 by 7-3 at 2"))
	s.promises(4, 2, "1.1", s.seen("1.4", "a=3 by 7-4 at 3"), s.seen("1.2", "b=1 by 7-2 at 1"))
	s.client("d=1 by 2-1")
	s.step(Gathered{Node: 5, Epoch: 2})
	s.note("Nothing is shown before epoch and writes are durable, in one record; then it serves, and orders what was queued meanwhile.")
	s.all()
	s.members("3a")
	s.note("A late answer, and one for another epoch, say nothing.")
	s.step(Gathered{Node: 5, Epoch: 2})
	s.promises(3, 1, "1.9")
	s.golden("a_candidate_gathers")
}

func TestStory_ACandidateStepsAside(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.note("Half of those that live is not more than half.")
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 2, Members: []uint32{3, 4, 5}})
	s.persisted()
	s.promises(3, 2, "1.1")
	s.step(Gathered{Node: 4, Epoch: 2})
	s.step(Gathered{Node: 5, Epoch: 2})
	s.note("An epoch that it has promised itself is no use to it, nor is one that another has passed.")
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 2})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 3, Members: []uint32{3, 4}})
	s.persisted()
	s.step(Gathered{Node: 3, Epoch: 3, Promise: &wire.Promise{Epoch: 7, Tree: version.TreeID{0xaa}}})
	s.promises(4, 3, "1.1")
	s.note("Nor does it lead when its disk does not take the promise.")
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 8, Members: []uint32{3}})
	s.fails(Full)
	s.note("The coordinator may call it back at any time.")
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 9, Members: []uint32{3}})
	s.step(StandDown{})
	s.persisted()
	s.promises(3, 9, "1.1")
	s.golden("a_candidate_steps_aside")
}

func TestStory_ACandidateTakesTheFurthestState(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1", "x=1 by 7-2")
	s := followerAt(t, o)
	other := newOrigin(t).write("a=1 by 7-1")
	other.startEpoch().write("b=1 by 7-5")
	s.note("Another holds a later epoch's state. What this node alone has goes into its queue, by the checkpoint that brings the state.")
	s.step(Leased{Until: time.Minute})
	s.step(Lead{Tree: version.TreeID{0xaa}, Epoch: 4, Members: []uint32{3, 4}})
	s.persisted()
	s.promises(3, 4, "2.2")
	s.promises(4, 4, "1.1")
	fetched := other.snapshot()
	s.step(Fetched{Node: 3, Header: fetched.Header, Builder: fetched.Builder})
	s.all()
	s.golden("a_candidate_takes_the_furthest_state")
}

func TestStory_APromise(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.note("It is durable before it is given, and tells what was seen beyond the state.")
	s.submit("b=1 by 7-2")
	s.step(Forwarded{Results: wire.Results{Tree: version.TreeID{0xaa}, Epoch: 1, Results: []wire.Result{{Outcome: wire.Ordered, Version: parseVersion(t, "1.2")}}}})
	s.submit("c=1 by 7-3")
	old := o.write("b=1 by 7-2").delta("1.1")
	s.step(&Asked{Ref: 1, Sender: 3, Epoch: 2, Tree: version.TreeID{0xaa}})
	s.persisted()
	s.note("Nothing older is taken from then on: no push, no answer to a write, no other candidate. The same may ask again.")
	s.push(old)
	s.step(Forwarded{Results: wire.Results{Tree: version.TreeID{0xaa}, Epoch: 1, Results: []wire.Result{{Outcome: wire.Ordered, Version: parseVersion(t, "1.3")}}}})
	s.step(&Asked{Ref: 2, Sender: 4, Epoch: 2, Tree: version.TreeID{0xaa}})
	s.step(&Asked{Ref: 3, Sender: 3, Epoch: 2, Tree: version.TreeID{0xaa}})
	s.all()
	s.step(&Asked{Ref: 4, Sender: 4, Epoch: 3, Tree: version.TreeID{0xbb}})
	s.note("It holds after a restart.")
	s.restart()
	s.push(old)
	s.all()
	s.golden("a_promise")
}

func TestStory_BeyondTheCut(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1", "b=1 by 7-2", "-a by 7-3")
	s := followerAt(t, o)
	s.note("The next root goes on from before what this node holds: a delta does not fit.")
	next := newOrigin(t).write("a=1 by 7-1")
	next.startEpoch().write("c=1 by 7-5")
	s.push(next.heartbeat())
	s.push(next.delta("1.1"))
	s.note("The snapshot comes with what lies beyond the cut in the queue, and that is sent to the root with its old stamps.")
	s.push(next.snapshot())
	s.all()
	s.step(RootTime{Epoch: 2, Millis: wallClock})
	s.all()
	if rescued := s.core.QueueCounts().Rescued; rescued != 2 {
		t.Errorf("%d writes were rescued", rescued)
	}
	s.golden("beyond_the_cut")
}

func TestStory_ALeaseEnds(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.leads("1.1")
	s.step(Leased{Until: s.now.Mono + time.Second})
	s.cfg.Interval = 0
	s.note("What is on its way to the disk when the lease ends is not answered as ordered: the client's write is queued.")
	s.members("3a")
	s.confirm(3, Current, "1.1")
	s.client("b=1 by 2-1")
	s.submit("c=1 by 7-9")
	s.after(time.Minute)
	s.persisted()
	s.note("Without a lease nothing is ordered or pushed; clients' writes are queued at once.")
	s.all()
	s.client("d=1 by 2-2")
	s.submit("e=1 by 7-10")
	s.step(Tick{})
	s.all()
	s.note("With a new lease it goes on where it was.")
	s.step(Leased{Until: s.now.Mono + time.Minute})
	s.all()
	s.golden("a_lease_ends")
}

func TestStory_TheRootIsHandedOver(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.leads("1.1")
	s.members("3a", "4a")
	s.confirm(3, Current, "1.1")
	s.note("What is being ordered ends, what comes waits; NODE-3 is brought to the end.")
	s.submit("b=1 by 7-2")
	s.step(HandOver{Node: 3})
	s.submit("c=1 by 7-3")
	s.persisted()
	s.confirm(3, Applied, "2.2")
	s.note("The next root gathers. What waits is sent to it once it is known.")
	s.step(&Asked{Ref: 1, Sender: 3, Epoch: 3, Tree: version.TreeID{0xaa}})
	s.persisted()
	s.note("What is queued meanwhile waits too: to try it now would have all that waits refused.")
	s.step(&Submit{Ref: 9, Writes: []wire.Write{parseWrite(t, "d=1 by 2-9")}, Client: true, Async: true})
	s.persisted()
	s.step(Follow{Root: 3, Epoch: 3})
	s.step(Reachable{})
	s.golden("the_root_is_handed_over")
}

func TestAHandOverThatTakesTooLongIsTakenBack(t *testing.T) {
	o := newOrigin(t).write("a=1 by 7-1")
	s := followerAt(t, o)
	s.leads("1.1")
	s.members("3a")
	s.step(HandOver{Node: 3})
	s.submit("c=1 by 7-3")
	s.after(s.cfg.Timeout)
	effects := s.step(Wake{})
	if told, ok := effects[0].(HandedOver); !ok || !told.Failed || s.core.Epoch() != 2 {
		t.Fatalf("it does %s", effectText(effects[0]))
	}
	if effects = s.persisted(); effectText(effects[0]) != "reply #2: ordered 2.2" {
		t.Fatalf("then it does %s", effectText(effects[0]))
	}
	if effects = s.step(HandOver{Node: 9}); !effects[0].(HandedOver).Failed {
		t.Fatalf("to nobody it does %s", effectText(effects[0]))
	}
}
