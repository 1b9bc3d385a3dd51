package replica

import (
	"time"

	"xylem/sync/wire"
)

// transitWindow is how long the smallest transit is remembered, at least: clocks
// drift apart, so one measured long ago says little.
const transitWindow = 10 * time.Minute

// Lag tells how old a node's state is: the time since the root sent, by its own
// clock, the last thing that told the node it was up to date. The difference of
// the two clocks cannot be known; the smallest one seen between sending and
// hearing, which is that difference and the fastest transit, stands for it.
type Lag struct {
	heardOnce bool          // a push; sent is known
	timed     bool          // the difference of the clocks is known
	epoch     uint64        // clocks of two epochs are not compared
	sent      int64         // by the root's clock, milliseconds
	window    time.Duration // when the running window began
	smallest  [2]int64      // milliseconds, in the window before and in the running one
}

// heard takes in a push that told the node that it is up to date.
func (l *Lag) heard(now Now, h *wire.Header) {
	if l.epoch != h.Meta.Epoch {
		*l = Lag{}
	}
	l.sample(now, h.Meta.Epoch, h.Sent)
	if !l.heardOnce || h.Sent > l.sent {
		l.heardOnce, l.sent = true, h.Sent
	}
}

// sample takes in what the root's time was when it sent something. A push may have
// been under way for long, and an answer to a sign of life is soon there: so the
// smallest difference is found quickly. That of another epoch than that of the last
// push is of no use.
func (l *Lag) sample(now Now, epoch uint64, rootMillis int64) {
	difference := now.Mono.Milliseconds() - rootMillis
	if !l.timed {
		l.timed, l.epoch, l.window, l.smallest = true, epoch, now.Mono, [2]int64{difference, difference}
	}
	if l.epoch != epoch {
		return
	}
	if now.Mono-l.window > transitWindow {
		l.window = now.Mono
		l.smallest = [2]int64{l.smallest[1], difference}
	}
	l.smallest[1] = min(l.smallest[1], difference)
}

// Since is the moment, in the node's monotonic time, of which the state is known
// to be; false before the node heard anything in this run.
func (l *Lag) Since() (time.Duration, bool) {
	offset, _ := l.offset()
	return time.Duration(l.sent+offset) * time.Millisecond, l.heardOnce
}

// offset is this node's monotonic time less the root's, in milliseconds, and the
// fastest transit.
func (l *Lag) offset() (int64, bool) { return min(l.smallest[0], l.smallest[1]), l.timed }

// Lag returns how fresh this node's state is known to be.
func (r *Replica) Lag() Lag { return r.lag }
