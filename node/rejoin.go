package node

import (
	"math/rand/v2"
	"time"
)

// joinAgain has this node announce itself to the root.
func (n *Node) joinAgain() {
	select {
	case n.reporting.again <- struct{}{}:
	default:
	}
}

// joined takes in the epoch of the root that this node joined.
func (r *reporting) joined(epoch uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch = max(r.epoch, epoch)
}

// heardEpoch has this node join again when the root has begun anew: only its children
// hear that from the root itself. They do so one after the other.
func (n *Node) heardEpoch(epoch uint64) {
	r := &n.reporting
	r.mu.Lock()
	defer r.mu.Unlock()
	if !n.relays() || n.election != nil || epoch <= r.epoch {
		return
	}
	r.epoch = epoch
	// Nobody waits for the timer: joinAgain only leaves a word for the coordinator.
	time.AfterFunc(rand.N(time.Duration(n.opts.Config.Nodes())*joinSpacing+1), n.joinAgain)
}

// joinSpacing is the time between two nodes that join, where all have to.
const joinSpacing = 2 * time.Millisecond

// announceInterval is the time between two signs of life to the root itself; 0 for the
// coordinator's own.
func (n *Node) announceInterval() time.Duration {
	if !n.relays() {
		return 0
	}
	return RejoinDelay(n.opts.Config.Liveness.Timeout, n.opts.Config.Nodes())
}

// RejoinDelay is how long a node of a tree that relays waits until it asks the root
// again for its place, which may have changed: so that however many they are, the root hears of
// some hundred a second.
func RejoinDelay(liveness time.Duration, nodes int) time.Duration {
	return max(10*liveness, time.Duration(nodes)*10*time.Millisecond)
}
