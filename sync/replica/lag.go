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
	heardOnce bool
	epoch     uint64        // clocks of two epochs are not compared
	sent      int64         // by the root's clock, milliseconds
	window    time.Duration // when the running window began
	smallest  [2]int64      // milliseconds, in the window before and in the running one
}

func (l *Lag) heard(now Now, h *wire.Header) {
	difference := now.Mono.Milliseconds() - h.Sent
	if !l.heardOnce || l.epoch != h.Meta.Epoch {
		*l = Lag{heardOnce: true, epoch: h.Meta.Epoch, window: now.Mono, sent: h.Sent, smallest: [2]int64{difference, difference}}
		return
	}
	if now.Mono-l.window > transitWindow {
		l.window = now.Mono
		l.smallest = [2]int64{l.smallest[1], difference}
	}
	l.smallest[1] = min(l.smallest[1], difference)
	l.sent = max(l.sent, h.Sent)
}

// Since is the moment, in the node's monotonic time, of which the state is known
// to be; false before the node heard anything in this run.
func (l *Lag) Since() (time.Duration, bool) {
	offset, heard := l.offset()
	return time.Duration(l.sent+offset) * time.Millisecond, heard
}

// offset is this node's monotonic time less the root's, in milliseconds, and the
// fastest transit.
func (l *Lag) offset() (int64, bool) { return min(l.smallest[0], l.smallest[1]), l.heardOnce }

// Lag returns how fresh this node's state is known to be.
func (r *Replica) Lag() Lag { return r.lag }
