package simulation

import (
	"testing"
	"time"
)

// TestARootWhoseClockWasSetBack has the root come back, twice, with a wall clock that
// shows hours before its last stamp, while its members queue: it does not order before
// one of them has told it the time, so that no fresh write loses to one that had
// waited since long before. Where none of them can be reached it orders all the same.
func TestARootWhoseClockWasSetBack(t *testing.T) {
	for seed := uint64(1); seed <= 40; seed++ {
		tree := NewTree(seed, 3, nil)
		tree.jumps = false
		alone := seed%2 == 0
		tree.startAll()
		tree.world.Run(time.Second)
		tree.scheduleClients(Scenario{Hurt: 20 * time.Second, Writes: 400, Keys: 10})
		for range 2 {
			tree.world.Run(tree.world.Now() + 4*time.Second)
			tree.root().stop(true)
			if alone {
				tree.world.After(5*time.Second, tree.cut(tree.everyWayTo(tree.root())))
			}
			tree.world.Run(tree.world.Now() + 4*time.Second)
			tree.root().skew -= 3 * time.Hour
			tree.start(tree.root())
		}
		tree.world.Run(40 * time.Second)
		tree.settle()
		if lost := tree.Stats.TimesLost > 0; tree.failure != nil || lost != alone {
			t.Fatalf("seed %d: %v, alone: %v, %+v", seed, tree.failure, alone, tree.Stats)
		}
	}
}

// everyWayTo is a partition of a node from all others.
func (t *Tree) everyWayTo(n *Node) *partition {
	p := &partition{links: make(map[link]bool)}
	for _, other := range t.nodes {
		p.links[link{other.id, n.id}], p.links[link{n.id, other.id}] = true, true
	}
	return p
}

// TestAClockSetBackTwice keeps a seed by which the time was lost bit by bit: the root was
// down twice, for less than what messages may take, and its clock was set back, then ahead.
func TestAClockSetBackTwice(t *testing.T) {
	if _, _, err := Run(40000662, DefaultScenario(), nil); err != nil {
		t.Fatal(err)
	}
}
