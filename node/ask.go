package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"xylem/coordinator"
	"xylem/sync/replica"
)

// newLineage makes the node's lineage. It needs the loop.
func newLineage(n *Node) *lineage {
	return &lineage{
		timeout: n.opts.Config.Liveness.Timeout, gap: pingGap(n.opts.Config.Liveness.Timeout, n.opts.Config.Nodes()),
		all: n.relays(), view: n.view.Load, ping: n.pingAncestor, useful: n.ancestorIsBack, log: n.log,
		wake: make(chan struct{}, 1), shunned: make(map[coordinator.Member]*shun), returned: make(map[coordinator.Member]time.Time),
	}
}

// ancestorIsBack has the core send what waits, and the root hear of this node, which it then
// brings what it lacks: by the core's report, or where nodes do not report by a sign of life.
func (n *Node) ancestorIsBack() {
	n.loop.post(replica.Reachable{})
	if !n.relays() {
		n.joinAgain()
	}
}

// ask sends a request that may be repeated without harm to the nearest ancestor that
// is of use, and says who answered. Each attempt sends what body makes of the time
// that it has left; ctx has a deadline. When that one does not answer, or has nothing to
// answer with (503), it goes on to the next. One that is cut off is asked when there
// is no better: it may know more than this node. The error wraps errNotSent when
// there is nobody to ask.
func (n *Node) ask(ctx context.Context, path string, body func(left time.Duration) []byte) (answer peerAnswer, m coordinator.Member, err error) {
	above := n.lineage.candidates()
	if len(above) == 0 {
		above = n.lineage.answering()
	}
	err = fmt.Errorf("%s: %w", n.name, errNoAncestor)
	for i := range above {
		m = above[i]
		answer, err = n.askOne(ctx, m, i == len(above)-1, path, body)
		if err == nil && answer.status != http.StatusServiceUnavailable || ctx.Err() != nil {
			break
		}
	}
	return answer, m, err
}

// askOne asks one ancestor. All but the last get half of the time that is left, so
// that the next has a chance when this one hangs.
func (n *Node) askOne(ctx context.Context, m coordinator.Member, last bool, path string, body func(left time.Duration) []byte) (peerAnswer, error) {
	began := time.Now()
	until, _ := ctx.Deadline()
	left := until.Sub(began)
	if !last {
		left /= 2
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	answer, err := n.peers.post(ctx, m.Address, path, body(left))
	switch {
	case err != nil:
		n.unheard(ctx, m, began, err)
	case answer.status == http.StatusServiceUnavailable:
		n.lineage.cutOff(m)
	}
	return answer, err
}

// unheard takes in that a request to an ancestor, made under ctx, got no answer. It
// says nothing of the ancestor when this node gave up, or whoever asked was in a hurry.
func (n *Node) unheard(ctx context.Context, m coordinator.Member, began time.Time, err error) {
	fair := min(n.opts.Config.Liveness.Timeout, n.opts.Config.Writes.Timeout) / 4
	timedOut := errors.Is(ctx.Err(), context.DeadlineExceeded)
	if errors.Is(ctx.Err(), context.Canceled) || timedOut && time.Since(began) < fair {
		return
	}
	n.lineage.silent(m, timedOut, err)
}
