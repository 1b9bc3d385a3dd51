package main

import (
	"context"
	"fmt"
	"math/bits"
	"path/filepath"
	"time"

	"xylem/client"
	"xylem/node"
)

const (
	// joinPatience is how long `xylem up` waits for a node to have a position before it goes on with the next.
	joinPatience = 10 * time.Second
	// joinInterval is how often it looks.
	joinInterval = 20 * time.Millisecond
)

// member is a node that was started.
type member struct {
	k         int
	name, url string
	position  int    // 0 until it has joined
	parent    string // empty for the root
	stop      context.CancelFunc
	err       error         // why it ended; read it after done
	done      chan struct{} // closed when it has ended
}

// start makes NODE-k and runs it. It runs under a context of its own, so that stop can end the nodes in order.
func (g *grove) start(k int) (*member, error) {
	port := func(k int) string { return fmt.Sprintf("http://127.0.0.1:%d", g.cfg.API.HostPortBase+k) }
	m := &member{k: k, name: g.cfg.NodeName(k), url: port(k), done: make(chan struct{})}
	n, err := g.app.newNode(node.Options{
		ID: k, Config: g.cfg, Listener: g.listeners[k-1],
		Advertise: m.url, RootURL: port(g.cfg.Tree.Root),
		DataDir: filepath.Join(g.cfg.Data.Dir, m.name),
		Secret:  []byte(g.cfg.Auth.ClusterSecret),
		Logger:  g.logger.With("node", m.name),
	})
	if err != nil {
		return nil, failed("%s cannot start: %w", m.name, err)
	}
	g.listeners[k-1] = nil
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	g.members = append(g.members, m)
	go func() {
		m.err = n.Run(ctx)
		close(m.done)
		g.ended <- m
	}()
	return m, nil
}

// awaitJoined waits until the node says that it has a position.
func (g *grove) awaitJoined(ctx context.Context, m *member) error {
	return g.await(ctx, m, func(node *client.Client) bool {
		status, err := node.Status(ctx)
		if err != nil || status.Node != m.name || status.Position == 0 {
			return false
		}
		m.position, m.parent = status.Position, status.Parent
		return true
	})
}

// awaitReady waits until every node holds a state that it can serve.
func (g *grove) awaitReady(ctx context.Context, members []*member) error {
	for _, m := range members {
		if err := g.await(ctx, m, func(node *client.Client) bool { return node.Ready(ctx) == nil }); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// await waits until a node says what it is to say. One that takes too long is left to itself: it goes on trying.
func (g *grove) await(ctx context.Context, m *member, said func(*client.Client) bool) error {
	node := client.New(m.url, client.WithTimeout(time.Second))
	defer node.Close()
	patience := time.NewTimer(joinPatience)
	defer patience.Stop()
	look := time.NewTicker(joinInterval)
	defer look.Stop()
	for {
		if said(node) {
			return nil
		}
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
}

// pause waits, unless a node fails meanwhile or ctx ends.
func (g *grove) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
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
