package simulation

import "time"

// grace is how long a root waits for what its members know, where it has to.
const grace = 500 * time.Millisecond

// rootTime is what the checker knows of the root's time where NODE-1 is the root: it
// goes on from run to run, but for a wall clock that is set ahead. Elected roots are
// held to less (see uncertainty).
type rootTime struct {
	known  bool
	ahead  int64 // of the world's, in milliseconds, where it was furthest
	jumped bool  // it did: who was cut off then goes by the time of before
	lost   bool  // nobody could tell the root that its clock was set back
}

// isTime reports whether what a member tells is the root's time, and not that of before a
// jump of which it has not heard.
func (t *Tree) isTime(millis int64) bool {
	return millis > 0 && millis+t.uncertainty().Milliseconds() >= t.world.Now().Milliseconds()+t.rootTime.ahead
}

// timeGoesOn checks, when a fixed root begins an epoch, that its time did not stand still
// while it was down, unless it waited in vain for a member to tell it.
func (t *Tree) timeGoesOn(n *Node) {
	if t.ensemble != nil {
		return
	}
	rt := &t.rootTime
	ahead := n.replica.RootMillis() - t.world.Now().Milliseconds()
	behind, slack := rt.ahead-ahead, t.uncertainty().Milliseconds()
	switch {
	case !rt.known:
		rt.ahead = ahead
	case -behind > slack:
		rt.jumped = true
	case behind <= slack || rt.lost:
	case !n.told && t.world.Now()-n.began >= grace:
		t.Stats.TimesLost++
		rt.jumped, rt.lost = true, true
	default:
		t.fail("NODE-%d begins an epoch with a time that went back by %d ms, told by a member: %v", n.id, behind, n.told)
	}
	rt.known, rt.ahead = true, max(rt.ahead, ahead)
}
