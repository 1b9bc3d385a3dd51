package replica

import (
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// sharedFor is how long after its begin a snapshot is what others that need one get,
// too: later than that they would not be encoded side by side.
const sharedFor = 250 * time.Millisecond

// shared is the state that snapshots are cut from while one is under way, so that
// those which begin together are the same, and encoded once.
type shared struct {
	cut   *store.Cut // nil for none
	sent  int64      // when the root sent what it tells
	taken time.Duration
}

// snapshotFor is the snapshot that a member needs, and when the root sent what it
// tells: the rest of one that broke off, where the member has collected a part, else
// everything.
func (r *Replica) snapshotFor(p *progress) (*store.Cut, int64) {
	meta, collected := r.store.Meta(), p.collected
	p.collected = Collected{} // if that is refused, the next begins anew, unless the answer tells otherwise
	if collected.fits(r.store.Applied(), &meta, nil) {
		return r.store.Cut(collected.At), r.sent()
	}
	w := &r.members.shared
	young := w.cut != nil && r.now.Mono < w.taken+sharedFor
	if !young || w.cut.Meta.Epoch != meta.Epoch || w.cut.Meta.Run != meta.Run || !bridgeable(&meta, w.cut.To) {
		*w = shared{cut: r.store.Cut(version.Version{}), sent: r.sent(), taken: r.now.Mono}
	}
	return w.cut, w.sent
}

// release lets go of the shared state once no snapshot of it is under way.
func (m *pusher) release() {
	for _, all := range []map[uint32]*progress{m.byNode, m.gone} {
		for _, p := range all {
			if p.inFlight != 0 && p.report.LastPush.Kind == wire.Snapshot {
				return
			}
		}
	}
	m.shared = shared{}
}
