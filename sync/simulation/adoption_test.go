package simulation

import (
	"testing"
	"time"
)

// TestEmptyRootAdoptsItsMembers replaces the root's disk by an empty one: the
// root comes back with what its members had, and nobody is wiped.
func TestEmptyRootAdoptsItsMembers(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		tree := NewTree(seed, 3, nil)
		tree.startAll()
		tree.world.Run(time.Second)
		scenario := Scenario{Hurt: 4 * time.Second, Writes: 60, Keys: 30}
		tree.scheduleClients(scenario)
		tree.world.Run(20 * time.Second)
		before := tree.root().store.Applied()

		tree.root().stop(false)
		tree.wipe()
		tree.world.Run(tree.world.Now() + time.Second)
		tree.start(tree.root())
		tree.world.Run(tree.world.Now() + 10*time.Second)
		if got := tree.root().store.Applied(); before.Seq < 20 || got != before {
			t.Fatalf("seed %d: the root was at %v and came back at %v", seed, before, got)
		}
		scenario.Hurt = tree.world.Now() + 4*time.Second
		tree.scheduleClients(scenario)
		tree.world.Run(tree.world.Now() + 20*time.Second)
		tree.settle()
		if tree.failure != nil {
			t.Fatalf("seed %d: %v", seed, tree.failure)
		}
	}
}

// TestRootLosesItsDisk replaces the root's disk by an empty one while clients
// write and messages are late: only what no member held is lost, and nobody shows
// that once they have heard of the new epoch.
func TestRootLosesItsDisk(t *testing.T) {
	var total Stats
	for seed := uint64(1); seed <= 50; seed++ {
		s := DefaultScenario()
		s.LoseDisk = true
		stats, _, err := Run(seed, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		total.Add(stats)
	}
	if total.Abandoned == 0 {
		t.Error("nothing was lost that a check could have missed")
	}
	t.Logf("%+v", total)
}
