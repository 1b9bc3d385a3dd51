package replica

import (
	"testing"
	"time"

	"xylem/sync/wire"
)

func TestStory_MembersJoin(t *testing.T) {
	s := openRoot(t, "a=1", "b=1", "-a")
	s.note("What a member holds is not known: it is probed. It is empty and gets a snapshot, then follows.")
	s.members("2a")
	s.confirm(2, Gap, "0.0")
	s.confirm(2, Applied, "1.3")
	s.note("One that has data gets what it lacks, each key once; one that is as far gets nothing more.")
	s.members("2a", "3a", "4a")
	s.confirm(3, Gap, "1.1")
	s.confirm(4, Current, "1.3")
	s.confirm(3, Applied, "1.3")
	s.note("Writes during a probe are in the delta that answers it.")
	s.members("2a", "3a", "4a", "5a")
	s.submit("c=1")
	s.persisted()
	s.confirm(5, Gap, "1.2")
	s.note("A version that is on no history, and a past epoch's beyond its cut, get a snapshot.")
	s.restart()
	s.persisted()
	s.members("2b", "3b")
	s.confirm(2, Foreign, "1.9")
	s.confirm(3, Gap, "1.3")
	s.confirm(2, Applied, "1.4")
	s.confirm(3, Applied, "1.4")
	s.note("Who is not listed any more is sent nothing, and its late answer says nothing.")
	s.step(Tick{})
	s.members("3b")
	s.confirm(2, Current, "1.4")
	s.confirm(3, Current, "1.4")
	s.step(Tick{})
	s.golden("members_join")
}

// A member that is dropped and comes back is not pushed to beside the push that goes on, nor
// is the state let go of that this one is a snapshot of.
func TestOnePushIsUnderWayToAMemberThatComesBack(t *testing.T) {
	s := openRoot(t, "a=1", "b=1")
	s.members("2a")
	s.confirm(2, Gap, "0.0")
	first := s.under[2]
	if first.Header.Kind != wire.Snapshot {
		t.Fatalf("it is sent %s", effectText(first))
	}
	s.members("3a")
	s.confirm(3, Gap, "0.0")
	s.confirm(3, Applied, "1.2")
	s.members("2a", "3a")
	s.step(Tick{})
	if now := s.under[2]; now.Header.Number != first.Header.Number {
		t.Fatalf("beside push %d there is also %s", first.Header.Number, effectText(now))
	}
	s.members("2a", "3a", "4a")
	if s.confirm(4, Gap, "0.0"); s.under[4].Cut != first.Cut {
		t.Error("the snapshot is made anew while it is being sent")
	}
	effects := s.confirm(2, Gap, "0.0")
	if len(effects) != 1 || effectText(effects[0]) != "push 8 to NODE-2: heartbeat in epoch 1, to 1.2" {
		t.Errorf("at its end the member is not probed:\n%s", s.trace)
	}
	s.members("4a")
	s.confirm(2, Current, "1.2")
	s.members("2a", "4a")
	if got := effectText(s.under[2]); got != "push 9 to NODE-2: heartbeat in epoch 1, to 1.2" {
		t.Errorf("once the push has ended, who comes back is sent %s\n%s", got, s.trace)
	}
}

func TestAMemberThatHeardOfTheEmptyStateGetsADelta(t *testing.T) {
	s := openRoot(t)
	s.members("2a")
	s.confirm(2, Current, "0.0")
	s.submit("a=1")
	effects := s.persisted()
	if got := effectText(effects[len(effects)-1]); got != "push 2 to NODE-2: delta in epoch 1, from 0.0 to 1.1: a=1" {
		t.Errorf("it does %v", got)
	}
}

// A delta reaches back to the floor; from below it, nothing is not enough to be
// of use either.
func TestAMemberThatHeardOfTheEmptyStateBeforeTheFloorGetsASnapshot(t *testing.T) {
	s := openRoot(t)
	s.core.cfg.Eager = false
	s.members("2a")
	s.confirm(2, Current, "0.0")
	s.write("a=1", "-a", "b=1")
	s.step(Expire{Before: s.stampOf("b")})
	s.persisted()
	effects := s.step(Tick{})
	if got := effectText(effects[0]); got != "push 2 to NODE-2: heartbeat in epoch 1, to 1.3" {
		t.Errorf("it does %v", got)
	}
	effects = s.confirm(2, Gap, "0.0")
	if got := effectText(effects[0]); got != "push 3 to NODE-2: snapshot in epoch 1, to 1.3: b=1" {
		t.Errorf("then it does %v", got)
	}
}

func TestStory_PushesFollowWrites(t *testing.T) {
	s := openRoot(t, "a=1")
	s.follows()
	s.note("Eager: a write is pushed as soon as it is durable. While the push is under way, writes gather.")
	s.write("a=2")
	s.write("a=3")
	s.write("b=1")
	s.confirm(2, Applied, "1.2")
	s.note("A busy tree: the tick during a push asks for nothing more than what follows it.")
	s.step(Tick{})
	s.write("c=1")
	s.confirm(2, Applied, "1.4")
	s.confirm(2, Applied, "1.5")
	s.note("An idle tree: the tick sends a heartbeat, once for all ticks during it.")
	s.step(Tick{})
	s.step(Tick{})
	s.step(Tick{})
	s.confirm(2, Current, "1.5")
	s.confirm(2, Current, "1.5")
	s.note("A slow member costs the others nothing.")
	s.members("2a", "3a")
	s.write("d=1")
	s.confirm(2, Applied, "1.6")
	s.write("d=2")
	s.confirm(2, Applied, "1.7")
	s.confirm(3, Gap, "1.4")
	s.golden("pushes_follow_writes")
}

func TestStory_PushesOnSchedule(t *testing.T) {
	s := openRoot(t, "a=1")
	s.core.cfg.Eager = false
	s.follows()
	s.note("With eager off, writes are pushed at the tick, each key once.")
	s.write("a=2")
	s.write("a=3")
	s.step(Tick{})
	s.write("b=1")
	s.confirm(2, Applied, "1.3")
	s.step(Tick{})
	s.confirm(2, Applied, "1.4")
	s.note("Nothing is new: a heartbeat.")
	s.step(Tick{})
	s.note("A tick that comes during a push is not forgotten.")
	s.write("c=1")
	s.step(Tick{})
	s.confirm(2, Current, "1.4")
	s.confirm(2, Applied, "1.5")
	s.note("Who answers a probe with a gap is not left waiting for the tick.")
	s.members("2a", "3a")
	s.confirm(3, Gap, "1.1")
	s.golden("pushes_on_schedule")
}

func TestStory_LeastIntervalBetweenPushes(t *testing.T) {
	s := openRoot(t, "a=1")
	s.core.cfg.Interval = 200 * time.Millisecond
	s.members("2a")
	s.confirm(2, Current, "1.1")
	s.trace = ""
	s.note("The probe counts: the first write waits for 0.2 seconds to have passed since.")
	s.after(50 * time.Millisecond)
	s.write("a=2")
	s.after(100 * time.Millisecond)
	s.write("a=3")
	s.after(50 * time.Millisecond)
	s.step(Wake{})
	s.note("The answer came late: what gathered is sent at once.")
	s.after(250 * time.Millisecond)
	s.write("a=4")
	s.confirm(2, Applied, "1.3")
	s.note("A tick is put off too, and sends one push.")
	s.after(50 * time.Millisecond)
	s.confirm(2, Applied, "1.4")
	s.step(Tick{})
	s.write("a=5")
	s.after(150 * time.Millisecond)
	s.step(Wake{})
	s.note("The pause after a failure is no shorter.")
	s.confirm(2, Lost, "0.0")
	s.golden("least_interval")
}

func TestStory_PushesThatFollowAtOnceKeepAPace(t *testing.T) {
	s := openRoot(t, "a=1")
	s.core.cfg.Pace = time.Millisecond
	s.follows()
	s.note("What comes after a pause goes at once.")
	s.after(50 * time.Millisecond)
	s.write("a=2")
	s.note("What gathered while that was under way follows at once.")
	s.write("a=3")
	s.after(time.Millisecond / 4)
	s.confirm(2, Applied, "1.2")
	s.note("What gathers again waits until a millisecond has passed since the begin of that, and gathers more.")
	s.write("b=1")
	s.after(time.Millisecond / 4)
	s.confirm(2, Applied, "1.3")
	s.after(time.Millisecond / 4)
	s.write("c=1")
	s.after(time.Millisecond / 2)
	s.step(Wake{})
	s.note("A push that took longer is followed at once.")
	s.write("b=2")
	s.after(3 * time.Millisecond)
	s.confirm(2, Applied, "1.5")
	s.note("What comes when the node has all goes at once, too.")
	s.confirm(2, Applied, "1.6")
	s.write("d=1")
	s.golden("pace")
}

// A member that cannot be pushed to is tried again ever more rarely; that it gives a sign of
// life ends the wait.
func TestASignOfLifeEndsTheWait(t *testing.T) {
	s := openRoot(t, "a=1")
	s.members("2a")
	for range 3 {
		s.confirm(2, Lost, "0.0")
		s.after(time.Second)
		s.step(Wake{})
	}
	s.confirm(2, Lost, "0.0")
	meta := s.cfg.Store.Meta()
	effects := s.step(&Announced{Ref: 9, Node: 2, Tree: meta.Tree, Epoch: meta.Epoch})
	if len(effects) != 2 {
		t.Fatalf("it answers, and does not push:\n%s", s.trace)
	}
	if _, pushes := effects[1].(Push); !pushes {
		t.Errorf("it does %s", effectText(effects[1]))
	}
}
