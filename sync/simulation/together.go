package simulation

import (
	"time"

	"xylem/sync/replica"
)

// holdFor is how long a node holds.
const holdFor = 50 * time.Microsecond

// together is what a node holds back, to bring it to the core together.
type together struct {
	holds   bool
	submits replica.Submits
}

// persisted tells the core that the disk has done something. Where Scenario.Hold, the node
// holds then, and brings what comes meanwhile together.
func (n *Node) persisted(failure replica.Failure) {
	if holds := n.tree.gathers && !n.together.holds; holds {
		n.together.holds = true
		n.step(replica.Hold{})
		n.after(holdFor, func() {
			submits := n.together.submits
			n.together = together{}
			n.step(&submits)
		})
	}
	n.step(replica.Persisted{Failure: failure})
}

// bring brings writes to the core, now or when the node holds no longer.
func (n *Node) bring(in *replica.Submit) {
	if n.together.holds {
		n.together.submits.Groups = append(n.together.submits.Groups, in)
		return
	}
	n.step(in)
}
