package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"xylem/configs"
	"xylem/node"
)

// grove is a tree whose nodes all run in this process. One goroutine uses it.
type grove struct {
	app       *app
	cfg       configs.Config
	pause     time.Duration // from the start of one node to that of the next
	logger    *slog.Logger
	listeners []net.Listener // of NODE-k at k-1; nil once its node has it
	shared    *node.Connections
	members   []*member    // in the order in which they were opened
	ended     chan *member // nodes that stopped running
}

func newGrove(a *app, cfg configs.Config, pause time.Duration, listeners []net.Listener) *grove {
	return &grove{
		app: a, cfg: cfg, pause: pause, listeners: listeners, ended: make(chan *member, cfg.Nodes()),
		logger: a.logger(cfg.Log), shared: node.NewConnections(),
	}
}

// live starts the tree, runs it until ctx ends or a node fails, and stops it.
func (g *grove) live(ctx context.Context, hint string) error {
	err := g.form(ctx)
	if err == nil && ctx.Err() == nil {
		fmt.Fprintln(g.app.stdout, hint)
		select {
		case <-ctx.Done():
		case m := <-g.ended:
			err = m.failure()
		}
	}
	fmt.Fprintln(g.app.stdout, "stopping")
	if stopErr := g.stop(); err == nil {
		err = stopErr
	}
	return err
}

// openAtOnce is how many nodes are opened at a time. Opening one is mostly waiting until its directory is flushed,
// and disks flush many files in little more time than one.
const openAtOnce = 16

// form starts the nodes, the configured root first, and shows where each found its place. They are opened several at a
// time, and join one after the other: so each gets the place that its number suggests, however many there are.
func (g *grove) form(ctx context.Context) error {
	picture := newPicture(g.app.stdout, g.cfg)
	next := time.Now()
	for some := range slices.Chunk(g.order(), openAtOnce) {
		opened, err := g.open(some)
		if err != nil {
			return err
		}
		for _, m := range opened {
			if err := g.pauseUntil(ctx, next); err != nil || ctx.Err() != nil {
				return err
			}
			next = time.Now().Add(g.pause)
			g.run(m)
			if err := g.awaitJoined(ctx, m); err != nil || ctx.Err() != nil {
				return err
			}
			picture.add(m)
		}
	}
	picture.finish()
	return g.awaitReady(ctx)
}

// order is every k, that of the configured root first.
func (g *grove) order() []int {
	order := []int{g.cfg.Tree.Root}
	for k := 1; k <= g.cfg.Nodes(); k++ {
		if k != g.cfg.Tree.Root {
			order = append(order, k)
		}
	}
	return order
}

// stop ends the nodes gracefully, level by level from the leaves to the root, so that no node loses its parent before
// it has ended. It returns the first failure of a node.
func (g *grove) stop() error {
	defer g.shared.Close()
	for _, listener := range g.listeners {
		if listener != nil {
			listener.Close()
		}
	}
	var first error
	for level := g.cfg.Tree.Depth; level > 0; level-- {
		var leaving []*member
		for _, m := range g.members {
			if m.level() == level {
				g.end(m)
				leaving = append(leaving, m)
			}
		}
		for _, m := range leaving {
			<-m.done
			if m.err != nil && first == nil {
				first = m.failure()
			}
		}
	}
	return first
}
