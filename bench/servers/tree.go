package servers

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"xylem/bench/load"
	"xylem/client"
)

// Member is a running node of a tree.
type Member struct {
	*Process
	// Client asks what the load's requests do not.
	Client *client.Client
}

// Tree is a whole tree of `xylem node` processes.
type Tree struct {
	// Dir is where the nodes keep their data.
	Dir string
	// Root is the first of Members.
	Root *Member
	// Leaf is the last of Members.
	Leaf *Member
	// Members are the nodes that run, NODE-k at k-1.
	Members []*Member
	shop    *Workshop
	options TreeOptions
	secret  string
	rootURL string
	size    int // nodes that are there
}

// TreeOptions is how the nodes of a tree are set up.
type TreeOptions struct {
	// Depth is that of the tree, with 2^Depth - 1 places.
	Depth int
	// Nodes is how many are started, 0 for as many as there are places.
	Nodes int
	// Sets are settings, key=value.
	Sets []string
	// Env are variables of the environment, NAME=value.
	Env []string
	// Front puts something before a node: it is told where the node listens, and returns the
	// host:port at which the others find it. nil for nothing.
	Front func(k int, address string) (string, error)
}

// StartTree starts the nodes one after the other, so that NODE-k takes position k,
// and waits until all are equal.
func (shop *Workshop) StartTree(ctx context.Context, o TreeOptions) (*Tree, error) {
	t := &Tree{shop: shop, options: o, secret: rand.Text(), Dir: filepath.Join(shop.Dir, "tree-"+strconv.Itoa(shop.started))}
	if o.Nodes == 0 {
		o.Nodes = 1<<o.Depth - 1
	}
	for range o.Nodes {
		if err := t.Join(ctx); err != nil {
			return nil, err
		}
	}
	return t, t.Settle(ctx)
}

// Join starts the next node and waits until it has a place in the tree.
func (t *Tree) Join(ctx context.Context) error {
	k := len(t.Members) + 1
	address, err := FreeAddress()
	if err != nil {
		return err
	}
	front := address
	if t.options.Front != nil {
		if front, err = t.options.Front(k, address); err != nil {
			return err
		}
	}
	if k == 1 {
		t.rootURL = "http://" + front
	}
	args := []string{
		"node", "--id", strconv.Itoa(k), "--depth", strconv.Itoa(t.options.Depth), "--listen", address, "--advertise", "http://" + front,
		"--root-url", t.rootURL, "--data-dir", t.Dir, "--log-level", "warn",
	}
	for _, set := range t.options.Sets {
		args = append(args, "--set", set)
	}
	env := append([]string{"XYLEM_AUTH_CLUSTER_SECRET=" + t.secret}, t.options.Env...)
	p, err := t.shop.start(fmt.Sprintf("NODE-%d", k), address, t.shop.binary, env, args...)
	if err != nil {
		return err
	}
	m := &Member{Process: p, Client: client.New("http://"+address, client.WithTimeout(2*time.Second))}
	t.Members = append(t.Members, m)
	t.Root, t.Leaf, t.size = t.Members[0], m, k
	return m.Await(ctx, "it has not joined", m.joinedAt(k))
}

// joinedAt asks whether the node holds a position.
func (m *Member) joinedAt(position int) func(context.Context) error {
	return func(ctx context.Context) error {
		status, err := m.Client.Status(ctx)
		if err == nil && status.Position != position {
			err = fmt.Errorf("it is at position %d, not %d", status.Position, position)
		}
		return err
	}
}

// Settle waits until the root takes writes and every node has confirmed what the root has.
func (t *Tree) Settle(ctx context.Context) error {
	return t.Root.Await(ctx, "its nodes are not equal", func(ctx context.Context) error {
		status, err := t.Root.Client.Synchronization(ctx)
		if err != nil {
			return err
		}
		if status.State != "ordering" {
			return fmt.Errorf("the root is %s", status.State)
		}
		equal := 0
		for _, node := range status.Nodes {
			if node.State == "absent" { // its place is free
				continue
			}
			if node.State != "alive" || node.Confirmed != status.Version || node.Digest != "match" {
				return fmt.Errorf("%s is %s at %q (digest %q), the root at %s", node.Node, node.State, node.Confirmed, node.Digest, status.Version)
			}
			equal++
		}
		if equal < t.size {
			return fmt.Errorf("%d of %d nodes have joined", equal, t.size)
		}
		return nil
	})
}

// End stops the nodes and removes what they kept.
func (t *Tree) End() error {
	t.shop.StopAll()
	return os.RemoveAll(t.Dir)
}

// Processes are those of all nodes.
func (t *Tree) Processes() Group {
	var all Group
	for _, m := range t.Members {
		all = append(all, m.Process)
	}
	return all
}

// At is a node as a target of load, with the CPU time of all nodes.
func (t *Tree) At(m *Member) load.Target {
	return load.Target{Address: m.Address, Protocol: load.HTTP, CPU: t.Processes().CPUTime}
}

// Counters is what a node says of itself at GET /synchronize.
type Counters struct {
	// Journal counts the flushes of its disk.
	Journal struct{ Syncs uint64 }
	// Uplink counts what it sent to its parent.
	Uplink struct{ Requests, Writes uint64 }
	// Relay names whom it pushes to; nil where only the root pushes.
	Relay *struct{ Serves []string }
	// Pending is how many writes are in its queue.
	Pending uint64
	// Resubmitted is how many queued writes were ordered.
	Resubmitted uint64
	// Superseded is how many queued writes later ones had beaten.
	Superseded uint64
}

// Settled is how many writes have left the queue.
func (c Counters) Settled() uint64 { return c.Resubmitted + c.Superseded }

// Counters asks every node, NODE-k at k-1.
func (t *Tree) Counters(ctx context.Context) ([]Counters, error) {
	all := make([]Counters, len(t.Members))
	for i, m := range t.Members {
		var err error
		if all[i], err = m.Counters(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Counters asks the node.
func (m *Member) Counters(ctx context.Context) (c Counters, err error) {
	status, err := m.Client.Synchronization(ctx)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(status.Body, &c); err != nil {
		return c, fmt.Errorf("the counters of %s: %w", m.Name, err)
	}
	return c, nil
}

// Ask lets questions be asked over a connection to the server.
func (p *Process) Ask(ctx context.Context, protocol *load.Protocol, questions func(*load.Connection) error) error {
	conn, err := load.Dial(ctx, protocol, p.Address, 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Close)()
	if err := conn.Deadline(time.Now().Add(startPatience)); err != nil {
		return err
	}
	return questions(conn)
}

// Fill puts a value to each of load.ManyKeys keys and waits until all nodes have them.
func (t *Tree) Fill(ctx context.Context, key func(i int) string) error {
	err := t.Root.Ask(ctx, load.HTTP, func(c *load.Connection) error { return load.Xylem.Fill(c, 0, load.ManyKeys, key) })
	if err != nil {
		return err
	}
	return t.Settle(ctx)
}
