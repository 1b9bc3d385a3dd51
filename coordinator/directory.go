package coordinator

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Directory is the root's book of members. Safe for concurrent use; it does no
// I/O and reads no clock: the times that it is given should have a monotonic
// reading.
//
// The owner makes the placement durable before it answers a join, in this order:
//
//	view, changed, err := directory.Join(member, now)
//	if changed { // one at a time, under a lock of the owner's:
//		placement, revision := directory.Placement()
//		... write and fsync the placement; on failure answer 503 ...
//		directory.Persisted(revision)
//	}
//	... answer with view ...
//
// Nothing has to be rolled back: a position that is not durable yet counts as
// changed for the next Join of that name too, and as no membership for Alive. The
// placement of a new Directory is to be made durable in the same way.
type Directory struct {
	timeout time.Duration
	root    Member

	mu        sync.Mutex
	placement Placement       // never changed in place
	records   map[int]*record // by k: those that have a position
	revision  uint64          // of views: placement, members, epoch
	persisted uint64          // the latest revision whose placement is known to be durable
	epoch     uint64
	changed   chan struct{} // closed at the next revision
}

// NewDirectory is the book of a root that starts. The root takes position 1; if
// the recovered placement (nil: none) has another node there, the two swap. A
// recovered placement of another depth is resized. Recovered nodes count as down
// until they join again. A member counts as down after livenessTimeout, above 0,
// without a sign. Errors wrap ErrDepth, ErrPlacement, ErrOutsideTree or
// ErrIncomplete.
func NewDirectory(depth int, livenessTimeout time.Duration, root Member, recovered Placement, now time.Time) (*Directory, error) {
	if err := root.complete(); err != nil {
		return nil, err
	}
	placement, err := placeRoot(depth, root.ID, recovered)
	if err != nil {
		return nil, err
	}
	d := &Directory{
		timeout: livenessTimeout, root: root, placement: placement,
		records: map[int]*record{}, revision: 1, changed: make(chan struct{}),
	}
	for i, k := range placement {
		if k == 0 {
			continue
		}
		r := &record{member: Member{ID: k}, position: i + 1, since: now}
		if recovered.Holder(i+1) != k {
			r.placedAt = d.revision
		}
		d.records[k] = r
	}
	d.records[root.ID].member = root
	return d, nil
}

// placeRoot is the placement that a root starts with.
func placeRoot(depth, root int, recovered Placement) (Placement, error) {
	placement, err := NewPlacement(depth)
	if err != nil {
		return nil, err
	}
	if recovered != nil {
		if err := recovered.Validate(); err != nil {
			return nil, fmt.Errorf("the recovered placement: %w", err)
		}
		if placement, err = recovered.Resize(depth); err != nil {
			return nil, fmt.Errorf("the recovered placement: %w", err)
		}
	}
	placement, position, err := placement.Place(root)
	if err != nil {
		return nil, err
	}
	return placement.Swap(1, position), nil
}

// SetEpoch makes views carry the root's epoch, once it is durable.
func (d *Directory) SetEpoch(epoch uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch != epoch {
		d.epoch = epoch
		d.advance()
	}
}

// Placement is a copy of who is where, and the revision as of which it is that.
func (d *Directory) Placement() (Placement, uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append(Placement(nil), d.placement...), d.revision
}

// Persisted says that the placement as of a revision is durable.
func (d *Directory) Persisted(revision uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.persisted = max(d.persisted, min(revision, d.revision))
}

// Changed is closed at the next change of who is where. Take it before looking at
// what it is to tell changes of. That somebody falls silent is no such change,
// though it may change the Parent of others.
func (d *Directory) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Run delivers the root's own View: now, and after every change until ctx ends.
// It implements Coordinator; the root needs nothing to stay a member.
func (d *Directory) Run(ctx context.Context, deliver func(View)) error {
	for ctx.Err() == nil {
		changed := d.Changed()
		view, err := d.View(d.root.ID, time.Time{}) // the same at any time: nobody is above it
		if err != nil {
			return err
		}
		deliver(view)
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// advance begins the next revision. d.mu is held.
func (d *Directory) advance() {
	d.revision++
	close(d.changed)
	d.changed = make(chan struct{})
}
