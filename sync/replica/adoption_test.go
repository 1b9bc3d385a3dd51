package replica

import (
	"testing"

	"xylem/sync/version"
)

// grown is an origin that ordered n writes: k1=1, k2=1 and so on.
func grown(t *testing.T, n int) *origin {
	o := newOrigin(t)
	for i := range n {
		o.write("k" + string(rune('1'+i)) + "=1")
	}
	return o
}

func TestStory_AnEmptyRootAdopts(t *testing.T) {
	two, three := grown(t, 2), grown(t, 3)
	s := rootScript(t)
	s.note("Within the grace period a node comes that holds nothing, and two that hold different versions.")
	s.step(Started{})
	s.submit("a=1")
	s.step(&Announced{Ref: 7, Node: 7})
	s.step(two.announced(2))
	s.step(three.announced(3))
	s.step(two.announced(4))
	s.note("The furthest is asked; its state is made durable, and then the epoch after all that were heard of.")
	s.wake()
	s.step(three.fetched(3))
	s.note("Until then nobody is welcome, and nothing is ordered.")
	s.step(Wake{})
	s.step(two.announced(2))
	s.persisted()
	s.step(two.announced(2))
	s.persisted()
	s.persisted()
	s.note("The others follow. They come from the same tree.")
	s.step(two.announced(2))
	s.step(three.announced(3))
	s.members("2a", "3a")
	s.confirm(2, Gap, "1.2")
	s.confirm(3, Gap, "1.3")
	s.note("What was adopted is on the disk.")
	s.restart()
	s.golden("an_empty_root_adopts")
}

func TestStory_AdoptionFails(t *testing.T) {
	two, three := grown(t, 2), grown(t, 3)
	s := rootScript(t)
	s.note("The state cannot be had: the members are waited for anew, and have to announce themselves again.")
	s.step(Started{})
	s.step(two.announced(2))
	s.step(three.announced(3))
	s.wake()
	s.step(Fetched{Node: 3})
	s.step(two.announced(2))
	s.note("The member holds less than it announced, or it was damaged on the way: no better.")
	s.wake()
	s.step(grown(t, 1).fetched(2))
	s.step(two.announced(2))
	s.wake()
	damaged := two.fetched(2)
	damaged.Header.Digest.Lo++
	s.step(damaged)
	s.note("One that announces itself while another is asked is further: it is asked next.")
	s.step(two.announced(2))
	s.wake()
	s.step(three.announced(3))
	s.step(two.fetched(2))
	s.step(three.announced(3))
	s.wake()
	s.step(three.fetched(3))
	s.persisted()
	s.persisted()
	s.note("Nobody is there any more: the root begins with nothing, in an epoch that nobody was in.")
	alone := rootScript(t)
	alone.trace = s.trace // the story goes on
	alone.step(Started{})
	three.startEpoch().startEpoch()
	alone.step(three.announced(3))
	alone.wake()
	alone.step(Fetched{Node: 3})
	alone.wake()
	alone.persisted()
	alone.golden("adoption_fails")
}

func TestStory_FurtherMembersAfterAdoption(t *testing.T) {
	two, three := grown(t, 2), grown(t, 3)
	s := rootScript(t)
	s.step(Started{})
	s.step(two.announced(2))
	s.wake()
	s.step(two.fetched(2))
	s.persisted()
	s.persisted()
	s.members("2a")
	s.confirm(2, Current, "1.2")
	s.step(Tick{})
	s.trace = ""
	s.note("The root adopted 1.2 and has ordered nothing, when a member comes that holds more of the same tree.")
	s.step(three.announced(3))
	s.note("It is closed again; a push that was under way ends.")
	s.submit("a=1")
	s.confirm(2, Current, "1.2")
	s.step(Tick{})
	s.wake()
	s.step(three.fetched(3))
	s.persisted()
	s.note("The epoch is a new one: members were told of the one before.")
	s.persisted()
	s.confirm(2, Gap, "1.2")
	s.note("The write that waited was ordered after everything; from now on the root adopts no more.")
	s.persisted()
	s.step(grown(t, 5).announced(4))
	s.golden("further_members")
}

func TestStory_Strangers(t *testing.T) {
	mine := grown(t, 2)
	other := grown(t, 9)
	meta := other.Meta()
	meta.Tree = version.TreeID{0xbb}
	other.SetMeta(meta)
	s := rootScript(t)
	s.note("A root that has ordered writes adopts nobody. A stranger is turned away, whatever it holds.")
	s.open()
	s.trace = ""
	s.write("a=1")
	s.step(other.announced(2))
	s.step(mine.announced(3))
	s.note("A member of the tree that has heard of it, and holds nothing, is welcome; so is one without a tree.")
	s.step(&Announced{Ref: 4, Node: 4, Tree: version.TreeID{0xbb}, Epoch: 9})
	s.step(&Announced{Ref: 5, Node: 5})
	s.note("Writes that are on their way to the disk count: they may be there.")
	fresh := rootScript(t)
	fresh.trace = s.trace
	fresh.open()
	fresh.submit("a=1")
	fresh.step(other.announced(2))
	fresh.note("If the disk was full, they are certainly not: now the root can adopt.")
	fresh.fails(Full)
	fresh.step(other.announced(2))
	fresh.wake()
	fresh.step(other.fetched(2))
	fresh.persisted()
	fresh.persisted()
	fresh.note("After that a further state of another tree is a stranger's.")
	further := grown(t, 10)
	fresh.step(further.announced(3))
	fresh.note("A root that restarts with data adopts nobody.")
	fresh.restart()
	fresh.persisted()
	fresh.step(further.announced(3))
	fresh.golden("strangers")
}

// A Wake may come at any time, also while what was fetched goes to the disk.
func TestAWakeDuringAdoptionDoesNotOpenTheRoot(t *testing.T) {
	two := grown(t, 2)
	s := rootScript(t)
	s.step(Started{})
	s.step(two.announced(2))
	s.wake()
	s.step(Wake{})
	s.step(two.fetched(2))
	if effects := s.step(Wake{}); len(effects) > 0 {
		t.Errorf("before the state is durable, it does %v", effectText(effects[0]))
	}
	s.step(two.announced(2))
	if effects := s.step(Wake{}); len(effects) > 0 {
		t.Errorf("before the state is durable, it does %v", effectText(effects[0]))
	}
	s.persisted()
	s.persisted()
	if meta := s.core.store.Meta(); meta.Tree != two.Meta().Tree || s.core.Adopting() || s.core.store.Applied() != two.Applied() {
		t.Errorf("it is at %v of %s", s.core.store.Applied(), metaText(&meta))
	}
}

// What is known of a candidate that announced itself while another's state was
// being adopted must not decide later.
func TestARootThatAdoptedDoesNotTurnToAnotherTree(t *testing.T) {
	two, three, other := grown(t, 2), grown(t, 3), grown(t, 4)
	meta := other.Meta()
	meta.Tree = version.TreeID{0xbb}
	other.SetMeta(meta)
	s := rootScript(t)
	s.step(Started{})
	s.step(two.announced(2))
	s.wake()
	s.step(two.fetched(2))
	s.step(other.announced(5)) // while it goes to the disk
	s.persisted()
	s.persisted()
	s.step(three.announced(3))
	s.wake()
	if s.asks != 3 {
		t.Errorf("it asks NODE-%d", s.asks)
	}
	// The one that is asked answers with a state of another tree, or an older one.
	for _, answer := range []Fetched{other.fetched(3), grown(t, 1).fetched(3), two.fetched(3)} {
		if effects := s.step(answer); len(effects) > 0 {
			t.Errorf("it takes %s and does %s", inputText(answer), effectText(effects[0]))
		}
		s.step(three.announced(3))
		s.wake()
	}
	if at := s.core.store.Applied(); at != two.Applied() {
		t.Errorf("it is at %v", at)
	}
}

// A crash between the state and the epoch that follows it: an epoch that members
// were told of does not come twice.
func TestACrashDuringTheSecondAdoptionRepeatsNoEpoch(t *testing.T) {
	two, three := grown(t, 2), grown(t, 3)
	s := rootScript(t)
	s.step(Started{})
	s.step(two.announced(2))
	s.wake()
	s.step(two.fetched(2))
	s.persisted()
	s.persisted()
	if epoch := s.core.store.Meta().Epoch; epoch != 2 {
		t.Fatalf("the first epoch after adoption is %d", epoch)
	}
	s.step(three.announced(3))
	s.wake()
	s.step(three.fetched(3))
	s.persisted() // the state, and not the epoch
	s.restart()
	s.persisted()
	if meta := s.core.store.Meta(); meta.Epoch <= 2 || !meta.OnHistory(three.Applied()) {
		t.Errorf("after the crash it goes on with %s", metaText(&meta))
	}
}

func TestARootThatCannotKeepWhatItAdoptsHalts(t *testing.T) {
	two := grown(t, 2)
	s := rootScript(t)
	s.step(Started{})
	s.submit("a=1")
	s.step(two.announced(2))
	s.wake()
	s.step(two.fetched(2))
	effects := s.fails(Broken)
	if len(effects) != 1 || effectText(effects[0]) != "reply #1: unreachable" || !s.core.Halted() {
		t.Errorf("it does %v", effects)
	}
	if !s.core.store.Applied().IsZero() || s.core.store.Current("k1") != nil {
		t.Error("it shows what is not durable")
	}
	effects = s.step(two.announced(2))
	if got := effectText(effects[0]); got != "admit #2: not yet" {
		t.Errorf("to a member it says %s", got)
	}
}

// The tree that a root began and that stayed empty is given up for a member's.
func TestARootThatOrderedNothingGivesItsTreeUp(t *testing.T) {
	two := grown(t, 2)
	s := rootScript(t)
	s.cfg.NewTree = version.TreeID{0xcc}
	s.open()
	s.step(two.announced(2))
	if !s.core.Adopting() {
		t.Fatal("it does not wait")
	}
	s.wake()
	s.step(two.fetched(2))
	s.persisted()
	s.persisted()
	if meta := s.core.store.Meta(); meta.Tree != two.Meta().Tree || meta.Epoch != 2 {
		t.Errorf("it goes on with %s", metaText(&meta))
	}
	if recovered := s.recovered().Store; recovered.Meta().Tree != two.Meta().Tree || recovered.Applied() != two.Applied() {
		t.Errorf("a restart finds %v", recovered.Meta())
	}
}

// A member comes at the last moment, when the first epoch is on its way to the
// disk.
func TestAMemberComesWhileTheFirstEpochIsWritten(t *testing.T) {
	two := grown(t, 2)
	s := rootScript(t)
	s.step(Started{})
	s.submit("a=1")
	s.wake()
	s.step(two.announced(2))
	if effects := s.persisted(); len(effects) > 0 {
		t.Errorf("it does %s", effectText(effects[0]))
	}
	s.wake()
	s.step(two.fetched(2))
	s.persisted()
	s.persisted()
	s.persisted()
	if at := s.core.store.Applied(); at.String() != "2.3" || s.recovered().Store.Applied() != at {
		t.Errorf("it is at %v, and a restart finds %v", at, s.recovered().Store.Applied())
	}
}
