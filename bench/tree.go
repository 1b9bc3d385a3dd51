package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"xylem/client"
)

// member is a running node of a tree.
type member struct {
	*process
	client *client.Client
}

// tree is a whole tree of `xylem node` processes.
type tree struct {
	dir     string // where the nodes keep their data
	root    *member
	leaf    *member   // that of the last position
	members []*member // NODE-k at k-1; at least one, the root
}

// startTree starts the 2^depth - 1 nodes one after the other, so that NODE-k
// takes position k, and waits until all are equal. sets are settings, key=value.
func (shop *workshop) startTree(ctx context.Context, depth int, sets ...string) (*tree, error) {
	t := &tree{dir: filepath.Join(shop.dir, "tree-"+strconv.Itoa(shop.started))}
	secret := rand.Text()
	rootURL := ""
	for k := 1; k < 1<<depth; k++ {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		url := "http://" + address
		if k == 1 {
			rootURL = url
		}
		args := []string{
			"node", "--id", strconv.Itoa(k), "--depth", strconv.Itoa(depth), "--listen", address, "--advertise", url,
			"--root-url", rootURL, "--data-dir", t.dir, "--log-level", "warn",
		}
		for _, set := range sets {
			args = append(args, "--set", set)
		}
		p, err := shop.start(fmt.Sprintf("NODE-%d", k), address, shop.binary, []string{"XYLEM_AUTH_CLUSTER_SECRET=" + secret}, args...)
		if err != nil {
			return nil, err
		}
		m := &member{process: p, client: client.New(url, client.WithTimeout(2*time.Second))}
		t.members = append(t.members, m)
		if err := m.await(ctx, "it has not joined", m.joinedAt(k)); err != nil {
			return nil, err
		}
	}
	t.root, t.leaf = t.members[0], t.members[len(t.members)-1]
	return t, t.settle(ctx)
}

// joinedAt asks whether the node holds a position.
func (m *member) joinedAt(position int) func(context.Context) error {
	return func(ctx context.Context) error {
		status, err := m.client.Status(ctx)
		if err == nil && status.Position != position {
			err = fmt.Errorf("it is at position %d, not %d", status.Position, position)
		}
		return err
	}
}

// settle waits until every node has confirmed what the root has.
func (t *tree) settle(ctx context.Context) error {
	return t.root.await(ctx, "its nodes are not equal", func(ctx context.Context) error {
		status, err := t.root.client.Synchronization(ctx)
		if err != nil {
			return err
		}
		for _, node := range status.Nodes {
			if node.State != "alive" || node.Confirmed != status.Version || node.Digest != "match" {
				return fmt.Errorf("%s is %s at %q (digest %q), the root at %s", node.Node, node.State, node.Confirmed, node.Digest, status.Version)
			}
		}
		return nil
	})
}

// cpuTime is what all nodes have used of the processors.
func (t *tree) cpuTime() (time.Duration, error) {
	var sum time.Duration
	for _, m := range t.members {
		used, err := m.process.cpuTime()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// counters is what a node says of itself at GET /synchronize.
type counters struct {
	Journal     struct{ Syncs uint64 }
	Uplink      struct{ Requests, Writes uint64 }
	Pending     uint64 // writes in its queue
	Resubmitted uint64 // queued writes that were ordered
	Superseded  uint64 // queued writes that later ones had beaten
}

// counters asks every node, NODE-k at k-1.
func (t *tree) counters(ctx context.Context) ([]counters, error) {
	all := make([]counters, len(t.members))
	for i, m := range t.members {
		var err error
		if all[i], err = m.counters(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (m *member) counters(ctx context.Context) (c counters, err error) {
	status, err := m.client.Synchronization(ctx)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(status.Body, &c); err != nil {
		return c, fmt.Errorf("the counters of %s: %w", m.name, err)
	}
	return c, nil
}

// ask lets questions be asked over a connection to the node.
func (m *member) ask(ctx context.Context, questions func(*connection) error) error {
	conn, err := dial(ctx, m.address)
	if err != nil {
		return err
	}
	defer conn.close()
	defer context.AfterFunc(ctx, conn.close)()
	if err := conn.deadline(time.Now().Add(startPatience)); err != nil {
		return err
	}
	return questions(conn)
}
