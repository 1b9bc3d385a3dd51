package simulation

import (
	"time"

	"xylem/store/journal"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// wipe replaces the root's disk, which is not in use, by an empty one. What no
// member's base had is lost then: its versions are on no history, and who has heard
// of the next epoch must not show them any more.
func (t *Tree) wipe() {
	t.wiped = true
	t.root().disk = journal.NewMemDisk(t.world.Rand)
	for _, w := range t.history.writes {
		if w.node == t.root() && w.told == wire.Pending {
			w.told = 0 // its queue went with the disk
		}
	}
}

// begun takes in that a root's epoch has begun at a version.
func (t *Tree) begun(n *Node, epoch uint64, at version.Version) {
	l := &t.history.ledger
	t.world.Tracef("NODE-%d begins epoch %d at %v", n.id, epoch, at)
	if l.at(at) == nil && !at.IsZero() {
		t.fail("epoch %d of NODE-%d begins at %v, which nobody has ordered", epoch, n.id, at)
	}
	if !l.leads(l.latest, at) {
		if !t.wiped && t.ensemble == nil {
			t.fail("NODE-%d begins epoch %d at %v and had shown %v", n.id, epoch, at, l.latest)
		}
		t.abandoned = true
		t.Stats.Abandoned += int(l.latest.Seq - min(at.Seq, l.latest.Seq))
	}
	l.begin(epoch, at)
	t.timeGoesOn(n)
}

// scheduleLoss has the root lose its disk, once every member has had a push.
func (t *Tree) scheduleLoss(s Scenario) {
	w := t.world
	w.After(w.Between(s.Hurt*6/10, s.Hurt*8/10)-w.Now(), func() {
		t.Stats.PowerCuts++
		t.root().stop(true)
		t.wipe()
		w.After(w.Between(0, 100*time.Millisecond), func() { t.start(t.root()) })
	})
}
