// Package coordinator knows who is where: which node holds which position of the
// binary tree, at which address, and whether it lives. It gives every node a
// View to act on. It does no HTTP and knows nothing of what nodes hold.
//
// With the embedded coordinator the root keeps the book (Directory), and every
// other node keeps itself in it (Embedded).
package coordinator

import "context"

// Coordinator is a node's membership in the tree. Directory is the root's own,
// Embedded that of the other nodes.
//
// ZooKeeper will be another: there Run holds an ephemeral node, so that the
// session's end, not silence, makes a member dead; the root is elected, every
// election takes an Epoch higher than any before, and the View that a change of
// root brings has that epoch and another Root. A node that finds itself Root of
// a View gathers before it serves as one; one that no longer does, stops at once.
type Coordinator interface {
	// Run keeps self a member until ctx ends, then gives the membership up and
	// returns nil. It calls deliver, from one goroutine, with the first View and
	// with every change of it, in order; of changes that come faster than deliver
	// returns, only the last is sure to be delivered. An error says why self cannot
	// be a member: ErrOutsideTree, ErrNameTaken, ErrIncomplete, wrapped.
	Run(ctx context.Context, deliver func(View)) error
}

var (
	_ Coordinator = (*Directory)(nil)
	_ Coordinator = (*Embedded)(nil)
)
