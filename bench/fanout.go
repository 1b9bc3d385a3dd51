package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
	"xylem/client"
	"xylem/sync/replica"
	"xylem/sync/wire"
)

// changesWeighed is how many changes, one at a time, the bytes of one are the mean of.
const changesWeighed = 20

// Metrics of what leaves the root.
const (
	bytesPerChange  contest.Metric = "bytes that the root sends for one change"
	pushesPerChange contest.Metric = "pushes that the root sends for one change"
)

// measureFanout weighs what leaves the root for one change in trees of several
// sizes, each in one process.
func measureFanout(ctx context.Context, shop *workshop, r *report.Report, _ int) error {
	depths := []int{3, 6, 10}
	if shop.quick {
		depths = depths[:2]
	}
	r.Title = "Bytes that leave the root for one change"
	table := report.Table{Columns: []string{"fan-out and nodes", "pushes of the root", "bytes", "against 7 nodes"}}
	c := report.Chart{Title: "Bytes that leave the root for one change", Unit: "bytes, less is better"}
	for _, fanout := range shop.fanouts {
		least := 0.0
		for _, depth := range depths {
			name := fmt.Sprintf("Xylem %s, %d nodes", fanout, 1<<depth-1)
			s, err := shop.weighChange(ctx, depth, fanout)
			if err != nil {
				fmt.Fprintf(os.Stderr, "bench: %s: %v\n", name, err)
				why, _, _ := strings.Cut(err.Error(), "; its log") // which has paths
				r.Skipped = append(r.Skipped, name+": "+why)
				continue
			}
			if least == 0 {
				least = s[bytesPerChange]
			}
			against := s[bytesPerChange] / least
			table.Add(name, contest.Figure(s[pushesPerChange]), contest.Figure(s[bytesPerChange]), contest.Figure(against))
			c.Bars = append(c.Bars, report.BarOf(contest.Score{Name: name, Samples: []contest.Sample{s}}, bytesPerChange, true))
			if fanout == "tree" && depth != depths[0] {
				r.Goals = append(r.Goals, report.Goal{What: fmt.Sprintf("Bytes that leave the root for one change, tree: %d nodes against 7", 1<<depth-1), Measured: against, Bound: 1.1})
			}
		}
	}
	r.Tables, r.Charts = []report.Table{table}, []report.Chart{c}
	r.Note("A key of %d bytes and a value of %d are written at the root, %d times one after the other; each time all nodes confirm. The root counts the bodies of its pushes (last_push at "+
		"GET /synchronize); each has some 400 bytes of HTTP in front. All nodes are in one process.", load.KeyBytes, load.ValueBytes, changesWeighed)
	return nil
}

// weighChange is what one change costs the root of a tree.
func (shop *workshop) weighChange(ctx context.Context, depth int, fanout string) (contest.Sample, error) {
	defer shop.StopAll()
	t, err := shop.StartUp(ctx, depth, "data.fsync=never", "sync.fanout="+fanout, "sync.schedule=@every 1m") // heartbeats seldom hide a delta
	if err != nil {
		return nil, err
	}
	served, err := servedByRoot(ctx, t, fanout)
	if err != nil {
		return nil, err
	}
	sum := contest.Sample{pushesPerChange: float64(len(served))}
	next := load.Values(1)
	for range changesWeighed {
		before, err := deltas(ctx, t)
		if err != nil {
			return nil, err
		}
		err = t.Root.Ask(ctx, load.HTTP, func(c *load.Connection) error {
			_, err := c.Exchange(load.PutRequest(load.Key(0), next()))
			return err
		})
		if err != nil {
			return nil, err
		}
		sent, err := sentSince(ctx, t, served, before)
		if err != nil {
			return nil, err
		}
		sum[bytesPerChange] += float64(sent) / changesWeighed
		if err := t.Settle(ctx); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// servedByRoot names whom the root pushes to: all nodes, or with the fan-out tree its
// children, once they have taken over the nodes below them.
func servedByRoot(ctx context.Context, t *servers.Tree, fanout string) ([]string, error) {
	if fanout == "tree" {
		children := []string{"NODE-2", "NODE-3"}
		return children, t.Root.Await(ctx, "it has not handed over the nodes below its children", func(ctx context.Context) error {
			c, err := t.Root.Counters(ctx)
			if err == nil && (c.Relay == nil || !slices.Equal(c.Relay.Serves, children)) {
				err = fmt.Errorf("it serves %v", c.Relay)
			}
			return err
		})
	}
	status, err := t.Root.Client.Synchronization(ctx)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, node := range status.Nodes {
		if node.Node != status.Node {
			all = append(all, node.Node)
		}
	}
	return all, nil
}

// deltas are the last pushes of the root that were deltas and were applied, by node.
func deltas(ctx context.Context, t *servers.Tree) (map[string]client.Push, error) {
	status, err := t.Root.Client.Synchronization(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]client.Push{}
	for _, node := range status.Nodes {
		if p := node.LastPush; p != nil && p.Kind == wire.Delta.String() && p.Outcome == string(replica.Applied) {
			found[node.Node] = *p
		}
	}
	return found, nil
}

// sentSince waits until the root has sent a delta to each of those that it serves, after
// those that it had sent before, and adds up their bytes.
func sentSince(ctx context.Context, t *servers.Tree, served []string, before map[string]client.Push) (sum int64, err error) {
	seen := map[string]client.Push{}
	err = t.Root.Await(ctx, "it does not tell of its pushes", func(ctx context.Context) error {
		now, err := deltas(ctx, t)
		if err != nil {
			return err
		}
		for _, name := range served {
			if p, found := now[name]; found && p != before[name] {
				seen[name] = p
			}
		}
		if len(seen) < len(served) {
			return fmt.Errorf("%d of %d", len(seen), len(served))
		}
		return nil
	})
	for _, p := range seen {
		sum += p.Bytes
	}
	return sum, err
}
