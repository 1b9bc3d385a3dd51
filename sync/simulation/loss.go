package simulation

import (
	"time"

	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// loss is what went with the root's disk when that was replaced by an empty one:
// what no member's base had. The versions are on no history then, and who has heard
// of the next epoch must not show them any more.
type loss struct {
	wiped   bool
	epoch   uint64 // the last one that lost something
	entries map[version.Version]*store.Entry
	keys    map[string]bool
}

// wipe replaces the root's disk, which is not in use, by an empty one.
func (t *Tree) wipe() {
	t.loss.wiped = true
	t.root().disk = journal.NewMemDisk(t.world.Rand)
	for _, w := range t.history.writes {
		if w.node == t.root() && w.told == wire.Pending {
			w.told = 0 // its queue went with the disk
		}
	}
}

// adopted takes in that the root goes on from a version before what it had shown.
func (t *Tree) adopted(at version.Version) {
	h := &t.history
	if !t.loss.wiped || h.ledger.at(at) == nil {
		t.fail("the root is at %v and had shown %v", at, h.ledger.end())
		return
	}
	t.loss.epoch = h.ledger.end().Epoch
	for _, e := range h.ledger.cut(at) {
		t.Stats.LostWrites++
		t.loss.entries[e.Version], t.loss.keys[e.Key] = e, true
	}
	clear(h.async)
}

// lost is the entry that version v had and that was lost, where the node cannot
// know that; or nil.
func (t *Tree) lost(n *Node, v version.Version) *store.Entry {
	if e := t.loss.entries[v]; e != nil && n.store.Meta().Epoch <= t.loss.epoch {
		return e
	}
	return nil
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
