package node

import (
	"time"

	"xylem/sync/wire"
)

// memberProcess is one process of a node: by number where nodes report, by instance in the
// book of members.
type memberProcess struct {
	number   uint64
	instance string
}

// instanceOf is the instance as which a node has joined; false where it has not, as the
// process that it is.
func (r *registry) instanceOf(s *wire.Standing) (string, bool) {
	if p, found := r.processes.Load(int(s.Node)); found && p.(memberProcess).number == s.Process {
		return p.(memberProcess).instance, true
	}
	return "", false
}

// presence is what a node said when its report was last gone through.
type presence struct {
	first *wire.Standing // of its nodes
	at    time.Time
}

// present takes in that nodes live, by the report of one above them. The same nodes are not
// gone through for what it reports between its signs of life: there may be many of both.
func (r *registry) present(sender int, nodes []wire.Standing, liveness time.Duration) {
	if len(nodes) == 0 {
		return
	}
	now := time.Now()
	if last, found := r.presences.Load(sender); found {
		if seen := last.(presence); seen.first == &nodes[0] && now.Sub(seen.at) < liveness/4 {
			return
		}
	}
	r.presences.Store(sender, presence{&nodes[0], now})
	for i := range nodes {
		if instance, joined := r.instanceOf(&nodes[i]); joined {
			_, _ = r.Alive(int(nodes[i].Node), instance, now) // who has left meanwhile is no member
		}
	}
}
