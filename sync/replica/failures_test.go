package replica

import (
	"testing"
	"time"
)

// wake has the root woken when it asked for it.
func (s *script) wake() {
	s.Helper()
	at, set := s.core.NextWake()
	if !set || at < s.now.Mono {
		s.Fatalf("it asks to be woken at %v, %v:\n%s", at, set, s.trace)
	}
	s.after(at - s.now.Mono)
	s.step(Wake{})
}

// differs has the member confirm the last push with a digest of its own.
func (s *script) differs(node uint32, outcome AckOutcome, at string) {
	in := s.confirmed(node, outcome, at)
	in.Ack.Mismatch = true
	s.step(in)
}

func TestStory_PushesAreLost(t *testing.T) {
	s := openRoot(t, "a=1")
	s.follows()
	s.note("A lost push may have arrived: after a pause, the member is probed. Writes and ticks gather meanwhile.")
	s.write("a=2")
	s.confirm(2, Lost, "0.0")
	s.write("a=3")
	s.step(Tick{})
	s.wake()
	s.note("With every further failure the pause doubles, up to its bound, whatever the failure.")
	s.confirm(2, Lost, "0.0")
	s.wake()
	s.confirm(2, Failed, "1.1")
	s.wake()
	s.confirm(2, OtherTree, "1.1")
	s.wake()
	s.confirm(2, NotRoot, "1.1")
	s.wake()
	s.confirm(2, OldEpoch, "1.1")
	s.wake()
	s.note("It answers; the push had arrived. The next failure is a first one again.")
	s.confirm(2, Gap, "1.2")
	s.confirm(2, Applied, "1.3")
	s.write("a=4")
	s.confirm(2, Lost, "0.0")
	s.note("A late answer to a push that was given up says nothing.")
	s.confirm(2, Applied, "1.4")
	s.wake()
	s.note("A snapshot that does not arrive whole is a failure like another.")
	s.confirm(2, Gap, "0.0")
	s.confirm(2, Damaged, "0.0")
	s.wake()
	s.confirm(2, Gap, "0.0")
	s.confirm(2, Applied, "1.4")
	s.golden("pushes_are_lost")
}

func TestStory_ADigestDiffers(t *testing.T) {
	s := openRoot(t, "a=1")
	s.follows()
	s.note("A heartbeat finds that the member holds something else: a snapshot at once.")
	s.step(Tick{})
	s.differs(2, Current, "1.1")
	s.confirm(2, Applied, "1.1")
	s.note("The next one is a first one again. When snapshots do not help, the pause grows up to its bound.")
	s.write("a=2")
	s.differs(2, Applied, "1.2")
	s.differs(2, Applied, "1.2")
	s.wake()
	s.differs(2, Applied, "1.2")
	s.wake()
	s.differs(2, Applied, "1.2")
	s.wake()
	s.differs(2, Applied, "1.2")
	s.wake()
	s.differs(2, Applied, "1.2")
	s.wake()
	s.note("Writes wait for the snapshot.")
	s.write("a=3")
	s.differs(2, Applied, "1.2")
	s.wake()
	s.confirm(2, Applied, "1.3")
	s.note("It matched, so all is as at the beginning.")
	s.step(Tick{})
	s.differs(2, Current, "1.3")
	s.golden("a_digest_differs")
	if got := s.core.Reports()[0].Mismatches; got != 9 {
		t.Errorf("%d mismatches were counted", got)
	}
}

func TestStory_AMemberRestartsDuringAPush(t *testing.T) {
	s := openRoot(t, "a=1")
	s.follows()
	s.note("The push under way is answered by the run before, which kept it in memory. The new run has lost it.")
	s.write("a=2")
	s.members("2b")
	s.confirm(2, Applied, "1.2")
	s.note("So it is probed, and gets what it lacks without waiting for the tick.")
	s.confirm(2, Gap, "1.1")
	s.confirm(2, Applied, "1.2")
	s.note("The push that was lost with the run before is no failure of the new one.")
	s.write("a=3")
	s.members("2c")
	s.confirm(2, Lost, "0.0")
	s.confirm(2, Current, "1.3")
	s.note("A restart ends a pause: the new run has not failed yet.")
	s.write("a=4")
	s.confirm(2, Lost, "0.0")
	s.members("2d")
	s.confirm(2, Lost, "0.0")
	s.wake()
	s.golden("a_member_restarts")
}

func TestNextWakeIsTheEarliestThingThatWaits(t *testing.T) {
	s := openRoot(t, "a=1")
	if at, set := s.core.NextWake(); set {
		t.Errorf("an idle root asks to be woken at %v", at)
	}
	start := s.now.Mono
	s.members("2a", "3a", "4a")
	s.confirm(3, Lost, "0.0")
	s.wake()
	s.confirm(3, Lost, "0.0") // a second time: until 0.3
	s.after(50 * time.Millisecond)
	s.confirm(2, Lost, "0.0") // a first time: until 0.25
	s.after(50 * time.Millisecond)
	s.confirm(4, Lost, "0.0") // a first time: until 0.3
	if at, set := s.core.NextWake(); !set || at != start+250*time.Millisecond {
		t.Errorf("it asks to be woken at %v, %v", at-start, set)
	}
	s.wake()
	if at, set := s.core.NextWake(); !set || at != start+300*time.Millisecond {
		t.Errorf("then it asks to be woken at %v, %v", at-start, set)
	}
	s.after(-time.Millisecond)
	if effects := s.step(Wake{}); len(effects) > 0 {
		t.Errorf("woken too early it does %v", effectText(effects[0]))
	}
	s.wake()
	if at, set := s.core.NextWake(); set {
		t.Errorf("with all pushes under way it asks to be woken at %v", at-start)
	}
}

func TestReports(t *testing.T) {
	s := openRoot(t, "a=1", "b=1")
	s.members("3a", "2a")
	probed := s.now.Unix
	s.after(time.Second)
	s.confirm(3, Current, "1.2")
	s.confirm(2, Gap, "1.1")
	s.after(time.Second)
	reports := s.core.Reports()
	if len(reports) != 2 || reports[0].Node != 2 || reports[1].Node != 3 {
		t.Fatalf("%+v", reports)
	}
	two, three := reports[0], reports[1]
	if two.Heard != 0 || two.Matches || two.LastPush.Outcome != "" || two.LastPush.When != probed+1000 {
		t.Errorf("of a push under way: %+v", two)
	}
	if !three.Known || three.Confirmed.String() != "1.2" || !three.Matches || three.Heard != probed || three.LastPush.Bytes != 100 {
		t.Errorf("of a member that is up to date: %+v", three)
	}
	s.differs(2, Applied, "1.2")
	s.step(Tick{})
	s.confirm(3, Lost, "0.0")
	reports = s.core.Reports()
	if two := reports[0]; two.Known || two.Matches || two.Mismatches != 1 || two.Heard != probed+1000 {
		t.Errorf("of a member with another digest: %+v", two)
	}
	if three := reports[1]; three.Known || three.Heard != probed || three.LastPush.Outcome != Lost {
		t.Errorf("of a member that does not answer: %+v", three)
	}
}
