package simulation

import (
	"errors"
	"time"

	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/replica"
)

// write has a request carried out by the disk, which takes them one by one.
func (n *Node) write(do func() error) {
	n.disks(do, func(err error) {
		failure := replica.None
		switch {
		case errors.Is(err, journal.ErrNoSpace):
			failure = replica.Full
		case err != nil:
			failure, n.failed = replica.Broken, true
			n.after(n.tree.world.Between(0, 2*time.Second), n.restart)
		}
		n.persisted(failure)
		if n.journal.LogBytes() > 8<<10 && n.tree.world.Chance(0.2) {
			n.step(replica.CompactDue{})
		}
	})
}

// disks has the disk do something after all that it was asked to do before, and the
// process hear how it went: later, if it is frozen.
func (n *Node) disks(do func() error, then func(error)) {
	w, boot := n.tree.world, n.boot
	n.diskAt = max(n.diskAt, w.Now()) + w.Between(10*time.Microsecond, 3*time.Millisecond)
	w.After(n.diskAt-w.Now(), func() {
		if n.boot != boot {
			return
		}
		err := do()
		n.do(func() { then(err) })
	})
}

func (n *Node) checkpoint(state *store.Cut, local *store.Local) error {
	cp, err := n.journal.StartCheckpoint()
	if err != nil {
		return err
	}
	if err := store.WriteState(state, local, n.ident, nil, cp.Write); err != nil {
		return errors.Join(err, cp.Abort())
	}
	return cp.Commit()
}
