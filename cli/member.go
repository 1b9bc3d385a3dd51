package main

import (
	"context"
	"fmt"
	"math/bits"
	"path/filepath"
	"sync"
	"time"

	"xylem/client"
	"xylem/node"
)

const (
	// nodePatience is how long `xylem up` waits for a node to have a position, and again to be ready, before it goes on with the next.
	nodePatience = 10 * time.Second
	// readyInterval is how often it looks whether a node is ready.
	readyInterval = 20 * time.Millisecond
)

// member is a node that was opened.
type member struct {
	k         int
	name, url string
	node      runner
	position  int                // 0 until it has joined
	parent    string             // empty for the root
	stop      context.CancelFunc // nil before it runs
	err       error              // why it ended; read it after done
	done      chan struct{}      // closed when it has ended
}

// open makes the nodes NODE-k, side by side. Those that were made are members from then on, also when another failed.
func (g *grove) open(ks []int) ([]*member, error) {
	made, errs := make([]*member, len(ks)), make([]error, len(ks))
	var opening sync.WaitGroup
	for i, k := range ks {
		opening.Go(func() { made[i], errs[i] = g.openOne(k) })
	}
	opening.Wait()
	var first error
	for i, k := range ks {
		if errs[i] == nil {
			g.listeners[k-1] = nil
			g.members = append(g.members, made[i])
		} else if first == nil {
			first = failed("%s cannot start: %w", g.cfg.NodeName(k), errs[i])
		}
	}
	return made, first
}

func (g *grove) openOne(k int) (*member, error) {
	port := func(k int) string { return fmt.Sprintf("http://127.0.0.1:%d", g.cfg.API.HostPortBase+k) }
	m := &member{k: k, name: g.cfg.NodeName(k), url: port(k), done: make(chan struct{})}
	var err error
	m.node, err = g.app.newNode(node.Options{
		ID: k, Config: g.cfg, Listener: g.listeners[k-1],
		Advertise: m.url, RootURL: port(g.cfg.Tree.Root),
		DataDir:     filepath.Join(g.cfg.Data.Dir, m.name),
		Secret:      []byte(g.cfg.Auth.ClusterSecret),
		Logger:      g.logger.With("node", m.name),
		Connections: g.shared,
	})
	return m, err
}

// run runs a node that was opened, under a context of its own, so that stop can end the nodes in order.
func (g *grove) run(m *member) {
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go func() {
		m.err = m.node.Run(ctx)
		close(m.done)
		g.ended <- m
	}()
}

// end asks a node to end. One that was opened and never run closes what it opened by running for a moment.
func (g *grove) end(m *member) {
	if m.stop == nil {
		g.run(m)
	}
	m.stop()
}

// awaitJoined waits until the node has a position. One that takes too long is left to itself: it goes on trying.
func (g *grove) awaitJoined(ctx context.Context, m *member) error {
	patience := time.NewTimer(nodePatience)
	defer patience.Stop()
	select {
	case view := <-m.node.Joined():
		m.position = view.Position
		if view.Parent != nil {
			m.parent = view.Parent.Name()
		}
	case <-ctx.Done():
	case <-patience.C:
	case ended := <-g.ended:
		return ended.failure()
	}
	return nil
}

// awaitReady waits until every node holds a state that it can serve, and says so to whoever asks.
func (g *grove) awaitReady(ctx context.Context) error {
	for _, m := range g.members {
		if err := g.awaitReadyOne(ctx, m); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// awaitReadyOne leaves a node that takes too long to itself.
func (g *grove) awaitReadyOne(ctx context.Context, m *member) error {
	node := client.New(m.url, client.WithTimeout(time.Second))
	defer node.Close()
	patience := time.NewTimer(nodePatience)
	defer patience.Stop()
	look := time.NewTicker(readyInterval)
	defer look.Stop()
	for node.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-patience.C:
			return nil
		case ended := <-g.ended:
			return ended.failure()
		case <-look.C:
		}
	}
	return nil
}

// pauseUntil waits for a moment, unless a node fails meanwhile or ctx ends.
func (g *grove) pauseUntil(ctx context.Context, moment time.Time) error {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case ended := <-g.ended:
		return ended.failure()
	}
	return nil
}

// level is the node's level in the tree, the root's being 1; before it has joined, the one that its number suggests.
func (m *member) level() int {
	if m.position > 0 {
		return bits.Len(uint(m.position))
	}
	return bits.Len(uint(m.k))
}

// failure is why the node ended though nobody asked it to, or failed to stop.
func (m *member) failure() error {
	if m.err == nil {
		return failed("%s ended by itself", m.name)
	}
	return failed("%s stopped: %w", m.name, m.err)
}
