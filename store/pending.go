package store

import (
	"strings"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"

	"xylem/sync/version"
)

// pending is the part of the overlay that shows this node's own queued writes, of
// each key the latest. Safe for concurrent use.
type pending struct {
	queued keyed[*queued]
	count  atomic.Int64 // of queued, so that a node without a queue pays one load
	lost   atomic.Int64 // how many of them were superseded, and wait for the winner
}

// queued is a write that shows although it has no version yet.
type queued struct {
	entry *Entry
	until version.Version // once it was superseded: shown until the base holds the winner
}

func (p *pending) get(key string) *Entry {
	if p.count.Load() == 0 {
		return nil
	}
	if q, found := p.queued.get().Load(key); found {
		return q.entry
	}
	return nil
}

// Pend shows a write that this node has taken into its queue: over what it knows,
// unless that has a later stamp.
func (s *Store) Pend(e *Entry) {
	s.overlay.pending.change(e.Key, func(old *queued) *queued {
		if old != nil && old.entry.Write != e.Write && old.entry.Beats(e) {
			return old
		}
		return &queued{entry: e}
	})
}

// Unpend stops showing a write that left the queue: at once where it was ordered,
// for what was learnt of it shows then; with the winner's version where it was
// superseded, once the base holds that, so that a reader does not see the key go
// back for a moment.
func (s *Store) Unpend(e *Entry, winner version.Version) {
	applied := s.Applied()
	s.overlay.pending.change(e.Key, func(old *queued) *queued {
		switch {
		case old == nil || old.entry.Write != e.Write:
			return old
		case !applied.Before(winner): // also a zero winner
			return nil
		}
		return &queued{entry: e, until: winner}
	})
}

// change replaces what is shown of a key; nil is nothing.
func (p *pending) change(key string, to func(old *queued) *queued) {
	p.queued.get().Compute(key, func(old *queued, _ bool) (*queued, xsync.ComputeOp) {
		next := to(old)
		if next == old {
			return old, xsync.CancelOp
		}
		p.add(old, -1)
		p.add(next, 1)
		if next == nil {
			return nil, xsync.DeleteOp
		}
		return next, xsync.UpdateOp
	})
}

func (p *pending) add(q *queued, by int64) {
	if q == nil {
		return
	}
	p.count.Add(by)
	if !q.until.IsZero() {
		p.lost.Add(by)
	}
}

// covered forgets the superseded writes whose winner the base holds.
func (p *pending) covered(applied version.Version) {
	p.forget(func(q *queued) bool { return !applied.Before(q.until) })
}

// abandoned forgets those whose winner is on no history any more.
func (p *pending) abandoned(meta *Meta) {
	p.forget(func(q *queued) bool { return meta.Abandoned(q.until) })
}

// forget drops superseded writes.
func (p *pending) forget(which func(*queued) bool) {
	if p.lost.Load() == 0 {
		return
	}
	for key := range p.queued.get().All() {
		p.change(key, func(q *queued) *queued {
			if q != nil && !q.until.IsZero() && which(q) {
				return nil
			}
			return q
		})
	}
}

// list returns what is queued of the keys in question, in no order.
func (p *pending) list(prefix, after string) []*Entry {
	if p.count.Load() == 0 {
		return nil
	}
	var found []*Entry
	for key, q := range p.queued.get().All() {
		if key > after && strings.HasPrefix(key, prefix) {
			found = append(found, q.entry)
		}
	}
	return found
}
