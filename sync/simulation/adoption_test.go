package simulation

import (
	"testing"
	"time"

	"xylem/store/journal"
)

// TestEmptyRootAdoptsItsMembers replaces the root's disk by an empty one: the
// root comes back with what its members had, and nobody is wiped.
func TestEmptyRootAdoptsItsMembers(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		tree := NewTree(seed, 3, nil)
		tree.startAll()
		tree.world.Run(time.Second)
		scenario := Scenario{Hurt: 4 * time.Second, Writes: 60, Keys: 30}
		tree.scheduleWrites(scenario)
		tree.world.Run(20 * time.Second)
		before := tree.root().store.Applied()

		tree.root().stop(false)
		tree.root().disk = journal.NewMemDisk(tree.world.Rand)
		tree.wiped = true
		tree.world.Run(tree.world.Now() + time.Second)
		tree.start(tree.root())
		tree.world.Run(tree.world.Now() + 10*time.Second)
		if got := tree.root().store.Applied(); before.Seq < 20 || got != before {
			t.Fatalf("seed %d: the root was at %v and came back at %v", seed, before, got)
		}
		scenario.Hurt = tree.world.Now() + 4*time.Second
		tree.scheduleWrites(scenario)
		tree.world.Run(tree.world.Now() + 20*time.Second)
		tree.settle()
		if tree.failure != nil {
			t.Fatalf("seed %d: %v", seed, tree.failure)
		}
	}
}
