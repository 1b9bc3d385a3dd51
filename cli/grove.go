package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/bits"
	"net"
	"time"

	"xylem/configs"
)

// grove is a tree whose nodes all run in this process. One goroutine uses it.
type grove struct {
	app       *app
	cfg       configs.Config
	logger    *slog.Logger
	listeners []net.Listener // of NODE-k at k-1; nil once its node has it
	members   []*member      // in the order in which they were started
	ended     chan *member   // nodes that stopped running
}

func newGrove(a *app, cfg configs.Config, listeners []net.Listener) *grove {
	return &grove{
		app: a, cfg: cfg, listeners: listeners, ended: make(chan *member, cfg.Nodes()),
		logger: a.logger(cfg.Log),
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

// form starts the nodes one after the other, the configured root first, and shows where each found its place.
func (g *grove) form(ctx context.Context) error {
	order := []int{g.cfg.Tree.Root}
	for k := 1; k <= g.cfg.Nodes(); k++ {
		if k != g.cfg.Tree.Root {
			order = append(order, k)
		}
	}
	picture := newPicture(g.app.stdout, g.cfg)
	var members []*member
	for i, k := range order {
		started := time.Now()
		m, err := g.start(k)
		if err != nil {
			return err
		}
		if err := g.awaitJoined(ctx, m); err != nil || ctx.Err() != nil {
			return err
		}
		members = append(members, m)
		picture.add(m)
		if i == len(order)-1 {
			break
		}
		if err := g.pause(ctx, g.cfg.Tree.StartupDelay-time.Since(started)); err != nil || ctx.Err() != nil {
			return err
		}
	}
	picture.finish()
	return g.awaitReady(ctx, members)
}

// stop ends the nodes gracefully, level by level from the leaves to the root, so that no node loses its parent before
// it has ended. It returns the first failure of a node.
func (g *grove) stop() error {
	for _, listener := range g.listeners {
		if listener != nil {
			listener.Close()
		}
	}
	var first error
	for level := bits.Len(uint(g.cfg.Nodes())); level >= 0; level-- {
		var leaving []*member
		for _, m := range g.members {
			if m.level() == level {
				m.stop()
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
