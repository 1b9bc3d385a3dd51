package coordinator

import "time"

// record is what the directory knows of a name that has a position.
type record struct {
	member   Member // address and instance are empty until it joins this root
	position int
	placedAt uint64    // the revision that gave it its position, 0 for a recovered one
	left     bool      // it said that it stops
	since    time.Time // of the last change of state that a call brought about
	lastSign time.Time // zero: none since this root started
}

// joined reports whether a process has taken the name since this root started.
func (r *record) joined() bool { return r.member.Instance != "" }

// state is what the member is at a time, and since when. Silence makes it down by
// itself, as of the moment at which the timeout had passed.
func (r *record) state(now time.Time, timeout time.Duration) (State, time.Time) {
	switch {
	case !r.joined() || r.left:
		return Down, r.since
	case now.Sub(r.lastSign) > timeout:
		return Down, r.lastSign.Add(timeout)
	}
	return Alive, r.since
}

// sign takes in a sign of life.
func (r *record) sign(now time.Time, timeout time.Duration) {
	if state, _ := r.state(now, timeout); state != Alive {
		r.since = now
	}
	r.left = false
	if now.After(r.lastSign) {
		r.lastSign = now
	}
}
