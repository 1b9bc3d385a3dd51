package node

import (
	"time"

	"xylem/coordinator"
)

// bypass is until when an ancestor is passed over, and for how long that is.
type bypass struct {
	until    time.Time
	patience time.Duration
}

// An ancestor that answers and brings nothing is passed over, for longer each time: what
// is wrong may be that it cannot reach this node.
const (
	leastPatience = time.Second
	mostPatience  = time.Minute
)

// bypass takes in that the ancestor to which this node reports brings nothing of what
// it holds: another is reported to for a while. The root is bypassed for nobody.
func (n *Node) bypass() {
	r := &n.reporting
	r.mu.Lock()
	defer r.mu.Unlock()
	view := n.view.Load()
	if view == nil || r.to.ID == 0 || r.to.ID == view.Root.ID {
		return
	}
	b := r.bypassed[r.to.ID]
	if b == nil {
		b = &bypass{}
		r.bypassed[r.to.ID] = b
	}
	b.patience = min(max(2*b.patience, leastPatience), mostPatience)
	b.until = time.Now().Add(b.patience)
	n.log.Warn("an ancestor answers, but brings nothing of what it holds; going round it", "ancestor", r.to.Name(), "address", r.to.Address, "for", b.patience)
}

// servants are the ancestors to report to, in order.
func (n *Node) servants() []coordinator.Member {
	r := &n.reporting
	candidates := n.lineage.candidates()
	r.mu.Lock()
	defer r.mu.Unlock()
	above := candidates[:0:0]
	for _, m := range candidates {
		if b := r.bypassed[m.ID]; b == nil || time.Now().After(b.until) {
			above = append(above, m)
		}
	}
	return above
}
