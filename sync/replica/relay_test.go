package replica

import (
	"slices"
	"testing"
	"time"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// relayScript is NODE-2 of a tree that relays, below NODE-1 and above NODE-4 and NODE-5,
// which has a place and holds nothing yet.
func relayScript(t *testing.T) *script {
	s := rootScript(t)
	s.cfg.Node, s.cfg.NewRun, s.cfg.Relay, s.cfg.Liveness = 2, 22, true, 900*time.Millisecond
	s.step(Started{})
	s.step(RollTold{})
	s.step(Above{Nodes: []uint32{1}})
	s.step(Reachable{})
	s.trace = ""
	return s
}

// rolls has a node report that it, and whoever else is named, holds a version.
func (s *script) rolls(at string, whole bool, nodes ...uint32) []Effect {
	s.refs++
	roll := wire.Roll{Tree: version.TreeID{0xaa}, Epoch: s.cfg.Store.Meta().Epoch, Whole: whole, Set: 100*uint64(nodes[0]) + uint64(len(nodes)), Floor: parseVersion(s.T, at)}
	for _, k := range nodes {
		roll.Nodes = append(roll.Nodes, wire.Standing{Node: k, Process: uint64(k) * 11, Version: roll.Floor})
	}
	if !whole {
		roll.Nodes = roll.Nodes[:1]
	}
	return s.step(&Rolled{Ref: s.refs, Roll: roll})
}

// told ends the report under way.
func (s *script) told(verdict wire.RollVerdict, holds string) []Effect {
	return s.step(RollTold{Reply: &wire.RollReply{Verdict: verdict, Linked: true, Version: parseVersion(s.T, holds)}})
}

func TestStory_ANodePassesOnWhatItIsTold(t *testing.T) {
	o := newOrigin(t)
	s := relayScript(t)
	s.note("NODE-2 has reported; its parent asks for the whole set.")
	s.told(wire.SendWhole, "0.0")
	s.told(wire.RollTaken, "0.0")
	s.note("NODE-4 reports to it. It has nothing to tell yet; that there is a NODE-4 it tells above.")
	s.rolls("0.0", true, 4)
	s.told(wire.RollTaken, "0.0")
	s.note("What the root pushes is passed on as soon as it is applied.")
	s.push(o.heartbeat())
	s.persisted()
	s.confirm(4, Current, "0.0")
	s.push(o.write("a=1", "b=1").delta("0.0"))
	s.persisted()
	s.note("Once NODE-4 has it, all below NODE-2 are there: it says so at once.")
	s.confirm(4, Applied, "1.2")
	s.told(wire.RollTaken, "1.2")
	s.note("The same push again is passed on to nobody.")
	s.push(o.heartbeat())
	s.confirm(4, Current, "1.2")
	s.push(&Piece{Sender: 1, Header: s.under[4].Header})
	s.note("A node that was served by another reports: it is sent what it lacks, from where it is.")
	s.rolls("1.1", true, 5)
	s.told(wire.RollTaken, "1.2")
	s.note("NODE-4 is silent; it is dropped, and missing in the next report.")
	s.after(500 * time.Millisecond)
	s.rolls("1.2", false, 5)
	s.told(wire.RollTaken, "1.2")
	s.after(500 * time.Millisecond)
	s.step(Wake{})
	s.note("A short report of a set that is not known is asked for whole.")
	s.rolls("1.2", false, 5, 10, 11)
	s.golden("a_node_passes_on")
}

func TestStory_AnAncestorBringsNothing(t *testing.T) {
	o := newOrigin(t)
	s := relayScript(t)
	s.told(wire.RollTaken, "0.0")
	s.note("Its parent is ahead, and brings nothing for longer than the liveness time-out: another is to be found.")
	o.write("a=1")
	for range 4 {
		s.after(400 * time.Millisecond)
		s.step(Wake{})
		s.told(wire.RollTaken, "1.1")
	}
	s.note("NODE-3 is not above it: it may bring nothing. An ancestor may, in the root's name.")
	for _, sender := range []uint32{3, 1} {
		in := o.snapshot()
		in.Sender, in.Header.Root = sender, 1
		s.push(in)
	}
	s.golden("an_ancestor_brings_nothing")
}

// A node whose state is not the root's, or that has promised a later epoch, tells nobody
// anything.
func TestWhoDiffersPassesNothingOn(t *testing.T) {
	o := newOrigin(t)
	s := relayScript(t)
	s.rolls("0.0", true, 4)
	s.push(o.heartbeat())
	s.persisted()
	s.confirm(4, Current, "0.0")
	in := o.write("a=1").delta("0.0")
	in.Header.Digest.Lo++
	s.push(in)
	for _, e := range s.persisted() {
		if push, is := e.(Push); is {
			t.Fatalf("it passes on %s", pushText(&push.Header, nil))
		}
	}
	if reports := s.core.Reports(); len(reports) != 1 || reports[0].Node != 4 {
		t.Errorf("it tells of %+v", reports)
	}
}

// Whatever the set of nodes, a short roll is of bounded size and true: who is not told of
// one by one has confirmed the floor, and who differs is told of. So it is where a node below has
// told of half of them in a short roll.
func TestShortRollsAreTrue(t *testing.T) {
	for _, n := range []int{MaxLaggards + 1, 10, 40, 1000} {
		for _, lagging := range []int{0, 1, 8, 9, n} {
			all := make([]wire.Standing, n)
			for k := range all {
				s := &all[k]
				*s = wire.Standing{Node: uint32(k + 1), Version: version.Version{Epoch: 1, Seq: 50}, Heard: int64(1000 + k)}
				if k > 0 && k <= lagging {
					s.Version.Seq = uint64(10 + k)
				}
				s.Differs = k == n-1 && lagging == 1
			}
			whole := wire.Roll{Nodes: all[:1:1]}
			if !shorten(&whole, slices.Clone(all[1:]), nil) {
				t.Fatalf("%d nodes, %d lagging: not shortened", n, lagging)
			}
			checkShort(t, &whole, all)
			if n < 40 {
				continue
			}
			below, above := wire.Roll{Nodes: all[n/2 : n/2+1 : n/2+1]}, wire.Roll{Nodes: all[:1:1]}
			if !shorten(&below, slices.Clone(all[n/2+1:]), nil) {
				t.Fatalf("the last half of %d nodes, %d lagging: not shortened", n, lagging)
			}
			named := append(slices.Clone(all[1:n/2]), below.Nodes...)
			if !shorten(&above, named, []wire.Standing{{Version: below.Floor, Heard: below.Heard}}) {
				t.Fatalf("%d nodes, %d lagging, half of them told of before: not shortened", n, lagging)
			}
			checkShort(t, &above, all)
		}
	}
}

// checkShort holds a short roll against all nodes that it stands for, the sender first.
func checkShort(t *testing.T, roll *wire.Roll, all []wire.Standing) {
	t.Helper()
	if len(roll.Nodes) > 1+MaxLaggards || roll.Nodes[0] != all[0] {
		t.Errorf("%d nodes: %+v is told of", len(all), roll.Nodes)
	}
	for _, s := range all[1:] {
		if slices.Contains(roll.Nodes, s) {
			continue
		}
		if s.Differs || s.Version.Before(roll.Floor) || s.Heard < roll.Heard {
			t.Errorf("%d nodes: of %+v it says %v, %d", len(all), s, roll.Floor, roll.Heard)
		}
	}
}

// A root whose disk has failed goes on telling what it has, to those that report to it too.
func TestAHaltedRootGoesOnTelling(t *testing.T) {
	s := rootScript(t)
	s.cfg.Relay, s.cfg.Liveness = true, 900*time.Millisecond
	s.open()
	s.members("2a")
	s.rolls("0.0", true, 2)
	s.confirm(2, Current, "0.0")
	s.submit("a=1")
	s.fails(Broken)
	for range 4 {
		s.after(400 * time.Millisecond)
		s.step(Wake{})
		s.rolls("0.0", true, 2)
		number := s.under[2].Header.Number
		s.step(Tick{})
		if s.under[2].Header.Number == number {
			t.Fatalf("it tells nothing:\n%s", s.trace)
		}
		s.confirm(2, Current, "0.0")
	}
}

// Who cannot write what it is brought has nothing to pass on: those below turn to another, until it
// can again.
func TestWhoCannotWriteServesNobody(t *testing.T) {
	o := newOrigin(t)
	s := relayScript(t)
	answers := func(want wire.RollVerdict) {
		t.Helper()
		for _, e := range s.rolls("0.0", true, 4) {
			if said, is := e.(AnswerRoll); is && said.Reply.Verdict != want {
				t.Errorf("it answers %v, want %v", said.Reply.Verdict, want)
			}
		}
	}
	s.push(o.heartbeat())
	s.persisted()
	answers(wire.RollTaken)
	s.push(o.write("a=1").delta("0.0"))
	s.fails(Full)
	answers(wire.AskAbove)
	s.push(o.snapshot())
	s.fails(Full)
	answers(wire.AskAbove)
	s.push(o.delta("0.0"))
	s.persisted()
	answers(wire.RollTaken)
}

// A sign of life ends the wait for the next push, unless the node has said that it cannot write
// what it is brought.
func TestASignOfLifeEndsTheWaitAfterAPushThatWasLost(t *testing.T) {
	for outcome, want := range map[AckOutcome]int{Lost: 1, Failed: 0} {
		o := newOrigin(t)
		s := relayScript(t)
		s.rolls("0.0", true, 4)
		s.push(o.write("a=1").delta("0.0"))
		s.persisted()
		s.confirm(4, outcome, "0.0")
		s.confirm(4, outcome, "0.0")
		pushes := 0
		for _, e := range s.rolls("0.0", true, 4) {
			if _, is := e.(Push); is {
				pushes++
			}
		}
		if pushes != want {
			t.Errorf("after a push that was %s %d follow a sign of life, want %d", outcome, pushes, want)
		}
	}
}
