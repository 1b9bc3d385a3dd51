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
// With ZooKeeper (package coordinator/zookeeper) a node is both in turn: who is
// elected keeps a Directory for as long as it is root, and the others keep
// themselves in that by Embedded.
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
