package node

import (
	"context"
	"fmt"

	"xylem/coordinator"
)

// ask sends a request that may be repeated without harm to the nearest living
// ancestor, and says who answered.
func (n *Node) ask(ctx context.Context, path string, body []byte) (peerAnswer, coordinator.Member, error) {
	parent, joined := n.parent()
	if !joined {
		return peerAnswer{}, parent, fmt.Errorf("%s has not joined the tree yet: %w", n.name, errNotSent)
	}
	answer, err := n.peers.post(ctx, parent.Address, path, body)
	return answer, parent, err
}
