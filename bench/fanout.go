package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
	"xylem/client"
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
func measureFanout(ctx context.Context, shop *workshop, r *report.Report) error {
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
				r.Skipped = append(r.Skipped, fmt.Sprintf("%s: %v", name, err))
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
	shop.describe(r, 1)
	r.Tables, r.Charts = []report.Table{table}, []report.Chart{c}
	r.Note("A key of %d bytes and a value of %d are written at the root, %d times one after the other; each time all nodes confirm. The root counts the bodies of its pushes (last_push at "+
		"GET /synchronize); each has some 400 bytes of HTTP in front. All nodes are in one process.", load.KeyBytes, load.ValueBytes, changesWeighed)
	return nil
}

// weighChange is what one change costs the root of a tree.
func (shop *workshop) weighChange(ctx context.Context, depth int, fanout string) (contest.Sample, error) {
	defer shop.StopAll()
	t, err := shop.StartUp(ctx, depth, "data.fsync=never", "sync.fanout="+fanout)
	if err != nil {
		return nil, err
	}
	sum := contest.Sample{}
	next := load.Values(1)
	for range changesWeighed {
		err := t.Root.Ask(ctx, load.HTTP, func(c *load.Connection) error {
			_, err := c.Exchange(load.PutRequest(load.Key(0), next()))
			return err
		})
		if err != nil {
			return nil, err
		}
		if err := t.Settle(ctx); err != nil {
			return nil, err
		}
		one, err := lastPushes(ctx, t, fanout)
		if err != nil {
			return nil, err
		}
		for m, value := range one {
			sum[m] += value / changesWeighed
		}
	}
	return sum, nil
}

// lastPushes adds up the deltas that the root sent last: to all nodes, or with the
// fan-out tree to its children.
func lastPushes(ctx context.Context, t *servers.Tree, fanout string) (contest.Sample, error) {
	status, err := t.Root.Client.Synchronization(ctx)
	if err != nil {
		return nil, err
	}
	nodes, _, err := t.Root.Client.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	s := contest.Sample{}
	for _, member := range status.Nodes {
		child := slices.ContainsFunc(nodes, func(n client.Node) bool { return n.Node == member.Node && n.Position/2 == 1 })
		if p := member.LastPush; p != nil && p.Kind == wire.Delta.String() && (child || fanout == "direct") {
			s[bytesPerChange] += float64(p.Bytes)
			s[pushesPerChange]++
		}
	}
	if s[pushesPerChange] == 0 {
		return nil, errors.New("the root tells of no delta that it sent")
	}
	return s, nil
}
