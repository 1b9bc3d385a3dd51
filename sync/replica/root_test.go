package replica

import (
	"testing"
	"time"

	"xylem/sync/version"
)

func TestStory_StartAndRestart(t *testing.T) {
	s := rootScript(t)
	s.note("An empty root waits for members that may know more. Writes wait with it.")
	s.step(Started{})
	s.submit("a=1")
	s.members("2a")
	s.after(100 * time.Millisecond)
	s.step(Wake{})
	s.note("Nobody came. The first epoch is made durable, and only then is anything pushed or ordered.")
	s.after(400 * time.Millisecond)
	s.step(Wake{})
	s.persisted()
	s.note("What is ordered is answered once it is durable. The writes of meanwhile are the next batch.")
	s.submit("b=1", "-a")
	s.submit("a=2")
	s.persisted()
	s.persisted()
	s.note("A restart with data waits for nobody: the next epoch begins, cut where the disk ends.")
	s.restart()
	s.submit("c=1")
	s.members("2b")
	s.step(Tick{})
	s.persisted()
	s.persisted()
	s.note("An epoch that ordered nothing leaves no cut.")
	s.restart()
	s.persisted()
	s.restart()
	s.persisted()
	s.note("When the journal has grown, the state goes in before the next record, when both agree.")
	s.submit("d=1")
	s.step(CompactDue{})
	s.submit("e=1")
	s.persisted()
	s.persisted()
	s.submit("f=1")
	s.golden("start_and_restart")
}

func TestStory_TheDiskFails(t *testing.T) {
	s := openRoot(t, "a=1")
	s.follows()
	s.note("A full disk refuses one batch, certainly. The next may succeed, at the same version.")
	s.submit("b=1", "c=1")
	s.submit("d=1")
	s.fails(Full)
	s.persisted()
	s.confirm(2, Applied, "1.2")
	s.note("A conditional write that was refused left nothing that a later one could meet.")
	s.submit("b=2 if exists", "e=1 if absent")
	s.persisted()
	s.confirm(2, Applied, "1.3")
	s.note("After a failed flush nobody knows what is on the disk: the batch is unknown, what gathered is refused.")
	s.submit("f=1")
	s.submit("g=1")
	s.fails(Broken)
	s.submit("h=1")
	s.note("Pushes of what is known go on; nothing is expired.")
	s.step(Expire{Before: version.StampAt(wallClock * 2)})
	s.step(Tick{})
	s.confirm(2, Current, "1.3")
	s.members("2a", "3a")
	s.confirm(3, Gap, "1.1")
	s.confirm(3, Applied, "1.3")
	if !s.core.Halted() {
		t.Error("it says that it goes on ordering")
	}
	s.golden("disk_fails")
}

func TestARootThatCannotWriteItsEpochHalts(t *testing.T) {
	s := rootScript(t)
	s.step(Started{})
	s.submit("a=1")
	s.members("2a")
	s.after(s.cfg.Grace)
	s.step(Wake{})
	effects := s.fails(Broken)
	if len(effects) != 1 || effectText(effects[0]) != "reply #1: unreachable" || !s.core.Halted() {
		t.Errorf("it does %v", effects)
	}
	if effects := s.step(Tick{}); len(effects) > 0 {
		t.Errorf("without an epoch it does %v", effectText(effects[0]))
	}
	s.step(grown(t, 2).announced(2))
	if s.core.Adopting() {
		t.Error("it wants to adopt what it cannot keep")
	}
}

func TestARootWithoutSpaceForItsEpochTriesAgain(t *testing.T) {
	s := rootScript(t)
	s.step(Started{})
	s.submit("a=1")
	s.after(s.cfg.Grace)
	s.step(Wake{})
	if effects := s.fails(Full); len(effects) != 0 || s.core.Halted() {
		t.Errorf("it does %v", effects)
	}
	s.after(s.cfg.RetryMax)
	s.step(Wake{})
	s.persisted()
	s.persisted()
	if got := s.core.store.Applied().String(); got != "1.1" {
		t.Errorf("with space it is at %v", got)
	}
}

func TestStory_TheFloor(t *testing.T) {
	s := openRoot(t, "a=1", "b=1", "-a", "c=1", "-b")
	s.follows()
	s.note("Deletes older than the retention go; the floor is the version of the last of them.")
	s.step(Expire{Before: s.core.store.Current("b").Stamp})
	s.note("Not before that is written down.")
	s.step(Tick{})
	s.persisted()
	s.confirm(2, Current, "1.5")
	s.note("The next heartbeat tells of it. There is nothing more to expire.")
	s.step(Tick{})
	s.confirm(2, Current, "1.5")
	s.step(Expire{Before: s.core.store.Current("b").Stamp})
	s.note("A member at the floor gets a delta, one below it a snapshot.")
	s.members("2a", "3a", "4a")
	s.confirm(3, Gap, "1.3")
	s.confirm(4, Gap, "1.2")
	s.confirm(3, Applied, "1.5")
	s.confirm(4, Applied, "1.5")
	s.note("When the floor cannot be written down, nothing is lost: the next try is as good.")
	s.step(Expire{Before: s.core.store.Current("b").Stamp + 1})
	s.fails(Full)
	s.step(Expire{Before: s.core.store.Current("b").Stamp + 1})
	s.persisted()
	s.golden("floor")
}

func TestAHaltedRootExpiresNothing(t *testing.T) {
	s := openRoot(t, "-a")
	s.submit("b=1")
	s.fails(Broken)
	if effects := s.step(Expire{Before: s.stampOf("a") + 1}); len(effects) > 0 {
		t.Errorf("it does %s", effectText(effects[0]))
	}
}

// Store and journal agree only when nothing is under way.
func TestAJournalIsNotCompactedWhileItIsWritten(t *testing.T) {
	s := openRoot(t, "-a")
	s.submit("b=1")
	s.step(CompactDue{})
	effects := s.step(Expire{Before: s.stampOf("a") + 1})
	if len(effects) != 1 || effectText(effects[0]) != "persist tree aa, epoch 1, floor 1.1" {
		t.Errorf("it does %s", effectText(effects[0]))
	}
	s.persisted()
	s.persisted()
	if effects := s.submit("c=1"); effectText(effects[0]) != "compact 1.2 of tree aa, epoch 1, floor 1.1: b=1" {
		t.Errorf("then it does %s", effectText(effects[0]))
	}
	s.persisted()
	if got := s.recovered().Store; got.Applied().String() != "1.3" || got.Meta().Floor.String() != "1.1" {
		t.Errorf("a restart finds %v with %+v", got.Applied(), got.Meta())
	}
}
