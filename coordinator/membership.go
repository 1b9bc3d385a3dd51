package coordinator

import (
	"fmt"
	"time"
)

// Join makes a process a member: a new name gets the first free position in
// arrival order, one that has a position keeps it, with the new address and
// instance. It is also a sign of life, and may be repeated. Changed says that the
// placement must be durable before the join is answered; see Directory.
//
// Errors wrap ErrOutsideTree (no such name in this tree), ErrNameTaken (it is the
// root's own, or another instance gave a sign within the liveness timeout and has
// not left) or ErrIncomplete. A refused join changes nothing.
func (d *Directory) Join(m Member, now time.Time) (view View, changed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.admissible(m, now); err != nil {
		return View{}, false, err
	}
	r := d.records[m.ID]
	if r == nil {
		if r, err = d.place(m.ID); err != nil {
			return View{}, false, err
		}
	}
	r.sign(now, d.timeout)
	if r.member != m {
		r.member = m
		d.advance()
	}
	return d.view(r, now), r.placedAt > d.persisted, nil
}

// admissible says whether a process may take its name. d.mu is held.
func (d *Directory) admissible(m Member, now time.Time) error {
	if err := d.placement.contains(m.ID); err != nil {
		return err
	}
	if err := m.complete(); err != nil {
		return err
	}
	if m.ID == d.root.ID {
		return fmt.Errorf("%s is the root, at %s: %w", m.Name(), d.root.Address, ErrNameTaken)
	}
	r := d.records[m.ID]
	if r == nil || r.member.Instance == m.Instance {
		return nil
	}
	if state, _ := r.state(now, d.timeout); state == Alive {
		return fmt.Errorf("%s is alive at %s: %w", m.Name(), r.member.Address, ErrNameTaken)
	}
	return nil
}

// place gives a new name its position, as of the revision that is about to begin.
// d.mu is held.
func (d *Directory) place(k int) (*record, error) {
	placement, position, err := d.placement.Place(k)
	if err != nil {
		return nil, err
	}
	r := &record{member: Member{ID: k}, position: position, placedAt: d.revision + 1}
	d.placement, d.records[k] = placement, r
	return r, nil
}

// Alive takes in a sign of life and returns the member's View as of now: so every
// member hears at its next sign that its parent fell silent, or is back. The error wraps
// ErrUnknownMember when that process is not a member: it never joined this root,
// left, lost its name to another, or its position is not durable. It has to join.
func (d *Directory) Alive(k int, instance string, now time.Time) (View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.current(k, instance)
	if err != nil {
		return View{}, err
	}
	r.sign(now, d.timeout)
	return d.view(r, now), nil
}

// Leave marks a member that stops as down at once; its position waits for it. The
// error wraps ErrUnknownMember as with Alive, and nothing changes.
func (d *Directory) Leave(k int, instance string, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.current(k, instance)
	if err != nil {
		return err
	}
	if state, since := r.state(now, d.timeout); state == Alive {
		r.since = now
	} else {
		r.since = since
	}
	r.left = true
	return nil
}

// current is the record of a process that is a member. d.mu is held.
func (d *Directory) current(k int, instance string) (*record, error) {
	r := d.records[k]
	if r == nil || !r.joined() || r.left || r.member.Instance != instance || r.placedAt > d.persisted {
		return nil, fmt.Errorf("%s as instance %.64q: %w", Name(k), instance, ErrUnknownMember)
	}
	return r, nil
}
