package replica

import (
	"slices"
	"testing"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// partial is a copy of a push's first piece, of which more follow.
func partial(in *Piece) *Piece {
	p := *in
	p.Partial, p.Header.Last, p.Entries, p.Blocks, p.Builder = true, false, nil, nil, nil
	return &p
}

func TestStory_AMemberTakesPushes(t *testing.T) {
	o := newOrigin(t)
	s := memberScript(t)
	s.note("A member without data is told which tree it belongs to; that is written down first.")
	s.push(o.heartbeat())
	s.persisted()
	s.push(o.heartbeat())
	s.note("What it lacks it says; a snapshot is written down whole, and only then shown.")
	o.write("a=1", "b=1")
	s.push(o.heartbeat())
	s.push(partial(o.snapshot()))
	s.push(o.snapshot())
	s.persisted()
	s.note("A delta is written down without waiting for the disk. It fits any version between its ends.")
	first := o.write("a=2").delta("1.2")
	late := o.heartbeat()
	s.push(first)
	s.persisted()
	longer := o.write("-b", "c=1").delta("1.1")
	s.push(partial(longer))
	s.push(longer)
	s.persisted()
	s.note("Repeated, late, or the first piece of what it has already: nothing changes.")
	s.push(longer)
	s.push(first)
	s.push(late)
	s.push(partial(longer))
	s.push(partial(first))
	s.note("A restarted root announces its epoch with a heartbeat; so does a floor that moved.")
	old := o.heartbeat()
	s.push(o.startEpoch().heartbeat())
	s.persisted()
	s.push(old)
	o.expire()
	s.push(o.heartbeat())
	s.persisted()
	s.push(o.heartbeat())
	s.note("What it has in pieces it refuses at the first, in a new epoch too.")
	o.startEpoch()
	s.push(partial(o.delta("1.5")))
	s.note("A delta over a change of epoch brings it along.")
	o.write("d=1").startEpoch()
	s.push(o.write("e=1").delta("1.5"))
	s.persisted()
	s.golden("a_member_takes_pushes")
	same(t, s.core.store, o)
}

// same demands that a member holds what the origin does.
func same(t *testing.T, s *store.Store, o *origin) {
	t.Helper()
	at, digest := s.Digest()
	wantAt, want := o.Digest()
	if at != wantAt || digest != want || s.Counts() != o.Counts() {
		t.Errorf("it is at %v with %v, want %v with %v", at, s.Counts(), wantAt, o.Counts())
	}
	if got, want := s.Meta(), o.Meta(); got.Tree != want.Tree || got.Epoch != want.Epoch || got.Floor != want.Floor || !got.History.Equal(want.History) {
		t.Errorf("it knows %s, want %s", metaText(&got), metaText(&want))
	}
	if !s.Verify() {
		t.Error("what it serves is not what its digest says")
	}
}

func TestStory_PushesWaitForTheMembersDisk(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := memberScript(t)
	s.note("While a push is on its way to the disk, others wait, and are judged by what it leaves.")
	s.push(o.snapshot())
	repeated := *o.snapshot()
	s.push(&repeated)
	s.push(partial(o.write("b=1").delta("1.1")))
	s.push(o.delta("1.1"))
	beat := o.heartbeat()
	s.push(beat)
	s.persisted()
	s.persisted()
	s.note("So also behind a new epoch.")
	old := o.heartbeat()
	s.push(o.startEpoch().heartbeat())
	s.push(old)
	s.push(o.write("c=1").delta("1.2"))
	s.persisted()
	s.persisted()
	s.note("What the disk refuses is not shown, and the next is judged by what was before.")
	s.push(o.write("d=1").delta("2.3"))
	s.push(o.delta("2.3"))
	s.push(o.write("e=1").delta("2.4"))
	s.fails(Full)
	s.fails(Broken)
	s.push(o.snapshot())
	s.fails(Full)
	s.push(o.delta("2.3"))
	s.persisted()
	s.push(o.startEpoch().heartbeat())
	s.push(o.heartbeat())
	s.fails(Full)
	s.persisted()
	s.golden("the_members_disk")
	same(t, s.core.store, o)
}

func TestStory_SnapshotsRepair(t *testing.T) {
	o := newOrigin(t).write("a=1", "b=1", "-b")
	s := memberScript(t)
	s.note("A snapshot that does not add up is refused; one whose entries go beyond its version too.")
	damaged := o.snapshot()
	damaged.Header.Digest.Lo++
	s.push(damaged)
	empty := o.snapshot()
	empty.Builder = nil
	s.push(empty)
	short := o.snapshot()
	short.Header.To.Seq--
	s.push(short)
	s.note("A member whose memory decayed says so at every push to its version, and stays readable.")
	decayed := newOrigin(t).write("a=1", "b=1", "-c")
	s.push(decayed.snapshot())
	s.persisted()
	s.push(o.heartbeat())
	s.push(o.delta("1.1"))
	s.note("The snapshot at the same version is applied; repeated, it is nothing new.")
	s.push(o.snapshot())
	s.persisted()
	s.push(o.snapshot())
	s.push(o.heartbeat())
	s.note("An older one changes nothing, whatever it holds.")
	older := o.snapshot()
	s.push(o.write("c=1").delta("1.3"))
	s.persisted()
	s.push(older)
	s.golden("snapshots_repair")
	same(t, s.core.store, o)
}

// Nothing that is refused changes anything, nor does it make the state look
// fresher than it is.
func TestWhatAMemberRefuses(t *testing.T) {
	o := newOrigin(t).write("a=1", "b=1")
	o.startEpoch().write("c=1").startEpoch().write("d=1") // 1.2, 2.3, 3.4
	with := func(p *Piece, change func(*Piece)) *Piece {
		change(p)
		return p
	}
	longer := func() *origin { // the same history, further
		l := newOrigin(t).write("a=1", "b=1")
		return l.startEpoch().write("c=1").startEpoch().write("d=1", "e=1", "f=1")
	}
	foreign := newOrigin(t).write("a=1", "b=1") // cut at 3.3, which 3.4 is beyond
	foreign.startEpoch().startEpoch().write("c=1").startEpoch().write("e=1", "f=1")
	otherTree := func(p *Piece) { p.Header.Meta.Tree = version.TreeID{0xbb} }
	oldEpoch := func(p *Piece) {
		p.Header.Meta.Epoch, p.Header.Meta.History = 2, version.History{{Epoch: 1, Seq: 2}}
		p.Header.To = version.Version{Epoch: 2, Seq: 9}
	}
	tests := []struct {
		name string
		push *Piece
		want AckOutcome
	}{
		{"a heartbeat of a member", with(o.heartbeat(), func(p *Piece) { p.Sender = 3 }), NotRoot},
		{"a snapshot of a member", with(longer().snapshot(), func(p *Piece) { p.Sender = 3 }), NotRoot},
		{"a heartbeat of another tree", with(o.heartbeat(), otherTree), OtherTree},
		{"a snapshot of another tree", with(longer().snapshot(), otherTree), OtherTree},
		{"a heartbeat of an old epoch", with(o.heartbeat(), oldEpoch), OldEpoch},
		{"a delta of an old epoch", with(longer().delta("2.3"), oldEpoch), OldEpoch},
		{"a snapshot of an old epoch", with(longer().snapshot(), oldEpoch), OldEpoch},
		{"a heartbeat beyond", longer().heartbeat(), Gap},
		{"a delta from beyond", longer().delta("3.5"), Gap},
		{"the first piece of one", partial(longer().delta("3.5")), Gap},
		{"a heartbeat of another history", foreign.heartbeat(), Foreign},
		{"a delta of another history", foreign.delta("1.2"), Foreign},
		{"a snapshot of another history", foreign.snapshot(), Foreign},
		{"a damaged snapshot", with(longer().snapshot(), func(p *Piece) { p.Header.Digest.Hi++ }), Damaged},
	}
	s := memberScript(t)
	s.push(o.snapshot())
	s.persisted()
	lag := s.core.Lag()
	for _, test := range tests {
		test.push.Header.Sent += 60_000
		effects := s.push(test.push)
		ack, answered := effects[0].(Acknowledge)
		if len(effects) != 1 || !answered || ack.Ack.Outcome != test.want {
			t.Errorf("%s: it does %s, want %s", test.name, effectText(effects[0]), test.want)
			continue
		}
		if ack.Ref != test.push.Ref || ack.Ack.Version != o.Applied() || ack.Ack.Tree != o.Meta().Tree {
			t.Errorf("%s: the answer is %+v", test.name, ack)
		}
		if s.core.Lag() != lag {
			t.Errorf("%s: the state looks fresher for it", test.name)
		}
	}
	same(t, s.core.store, o)
}

func TestTheRootTakesNoPushes(t *testing.T) {
	s := openRoot(t, "a=1")
	o := newOrigin(t).write("a=1", "b=1")
	for _, in := range []*Piece{o.heartbeat(), o.delta("1.1"), o.snapshot(), partial(o.snapshot())} {
		effects := s.push(in)
		if ack, answered := effects[0].(Acknowledge); len(effects) != 1 || !answered || ack.Ack.Outcome != NotRoot {
			t.Errorf("to a %v it does %s", in.Header.Kind, effectText(effects[0]))
		}
	}
}

// A member without data changes its tree for that of whoever is the root.
func TestAMemberWithoutDataTakesAnyTree(t *testing.T) {
	o := newOrigin(t).startEpoch()
	s := memberScript(t)
	s.push(o.heartbeat())
	s.persisted()
	other := newOrigin(t)
	meta := other.Meta()
	meta.Tree = version.TreeID{0xbb}
	other.SetMeta(meta)
	s.push(other.heartbeat())
	s.persisted()
	s.push(other.write("a=1").snapshot())
	s.persisted()
	same(t, s.core.store, other)
}

// A history forgets its oldest cuts. Who was away that long gets a snapshot.
func TestAVersionFromBeforeAllCuts(t *testing.T) {
	o := newOrigin(t).write("a=1", "b=1")
	var members []*script
	for range 2 {
		s := memberScript(t)
		s.push(o.snapshot())
		s.persisted()
		members = append(members, s)
	}
	for range version.MaxCuts {
		o.startEpoch().write("a=2")
	}
	o.startEpoch()
	if o.Meta().History.Contains(version.Version{Epoch: 1, Seq: 2}, o.Meta().Epoch) {
		t.Fatal("nothing was forgotten")
	}
	root := openRoot(t)
	root.cfg.Store, root.core = o.Store, nil
	root.step(Started{})
	root.persisted()
	root.follows()
	for _, s := range members {
		probe := s.push(o.startEpoch().heartbeat())
		answer := probe[0].(Acknowledge).Ack
		if answer.Outcome != Foreign {
			t.Fatalf("to a probe it answers %s", ackText(answer))
		}
		root.members("2a", "3a")
		effects := root.confirm(3, answer.Outcome, answer.Version.String())
		if push, sent := effects[0].(Push); !sent || push.Header.Kind != wire.Snapshot {
			t.Fatalf("the root does %s", effectText(effects[0]))
		}
		if refused := s.push(o.delta("256.257")); refused[0].(Acknowledge).Ack.Outcome != Foreign {
			t.Errorf("to a delta it does %s", effectText(refused[0]))
		}
		s.push(o.snapshot())
		s.persisted()
		same(t, s.core.store, o)
		root.confirm(3, Applied, o.Applied().String())
		root.members("2a")
	}
}

func TestAPushCoversWhatTheMemberLearned(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := memberScript(t)
	s.push(o.snapshot())
	s.persisted()
	learn := func(w string) {
		o.write(w)
		s.submit(w)
		s.step(Forwarded{Results: wire.Results{Tree: o.Meta().Tree, Epoch: 1, Results: []wire.Result{{Outcome: wire.Ordered, Version: o.Applied()}}}})
	}
	learn("b=1")
	s.core.store.LearnAnswer("gone", nil, o.Applied())
	if got := s.core.store.Counts().Overlay; got != 2 {
		t.Fatalf("it knows %d keys beyond its base", got)
	}
	s.push(o.heartbeat()) // a gap: what it knows stays
	if got := s.core.store.Get("b"); got.Entry == nil || !s.core.store.Get("gone").Known {
		t.Error("it forgot what no push covered")
	}
	s.push(o.delta("1.1"))
	s.persisted()
	if got := s.core.store.Counts().Overlay; got != 0 {
		t.Errorf("after the delta it knows %d keys beyond its base", got)
	}
	s.core.store.LearnAnswer("gone", nil, o.Applied())
	s.push(o.heartbeat())
	if got := s.core.store.Counts().Overlay; got != 0 {
		t.Errorf("after the heartbeat it knows %d keys beyond its base", got)
	}
	if keys := s.core.store.List("", "", 10).Entries; !slices.EqualFunc(keys, []string{"a", "b"}, func(e *store.Entry, key string) bool { return e.Key == key }) {
		t.Errorf("it lists %s", entriesText(keys))
	}
}
