package main

import (
	"context"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
)

// Metrics of writes, beside those of any load.
const (
	uplinksPerWrite contest.Metric = "requests from a node to its parent, all nodes, per write"
	ownHopPerWrite  contest.Metric = "requests of the node that took the writes, per write"
	syncsPerWrite   contest.Metric = "flushes of the root's journal per write"
)

// entrance is where clients write, and how many they are.
type entrance struct {
	name    string
	at      func(t *servers.Tree) *servers.Member
	clients int
}

var entrances = []entrance{
	{"leaf, 64 clients", leafOf, 64},
	{"root, 64 clients", rootOf, 64},
	{"leaf, 1 client", leafOf, 1},
	{"root, 1 client", rootOf, 1},
}

func leafOf(t *servers.Tree) *servers.Member { return t.Leaf }
func rootOf(t *servers.Tree) *servers.Member { return t.Root }

// measurePut counts how well writes combine on their way up and on the root's
// disk.
func measurePut(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	var contestants []contest.Contestant
	for _, fanout := range shop.fanouts {
		t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 3, Sets: []string{"data.fsync=always", "sync.fanout=" + fanout}})
		if err != nil {
			return err
		}
		if err := t.Fill(ctx, load.Key); err != nil {
			return err
		}
		for _, e := range entrances {
			contestants = append(contestants, contest.Contestant{
				Name: "Xylem " + fanout + ": " + e.name,
				Play: func(ctx context.Context) (contest.Sample, error) { return shop.write(ctx, t, e) },
			})
		}
	}
	contestants = append(contestants, contest.Contestant{Name: appendName, Play: shop.appendAndSync})
	scores, err := contest.Interleave(ctx, rounds, contestants)
	if err != nil {
		return err
	}
	r.Title = "PUT into a tree of depth 3, data.fsync always"
	for i, fanout := range shop.fanouts {
		goalsOfPut(r, fanout, scores[i*len(entrances):])
	}
	tableOfPut(r, scores)
	return nil
}

// write lets clients write for a period and waits until all nodes are equal
// again. The counters are asked before and after, so each write and each flush
// is counted once.
func (shop *workshop) write(ctx context.Context, t *servers.Tree, e entrance) (contest.Sample, error) {
	at := e.at(t)
	clients, err := load.Gather(ctx, t.At(at), e.clients, load.Xylem.Writes())
	if err != nil {
		return nil, err
	}
	defer clients.Close()
	before, err := t.Counters(ctx)
	if err != nil {
		return nil, err
	}
	b, err := clients.Run(shop.period)
	if err != nil {
		return nil, err
	}
	after, err := t.Counters(ctx)
	if err != nil {
		return nil, err
	}
	s := b.Sample()
	written := float64(b.Answered)
	for i := range after {
		requests := float64(after[i].Uplink.Requests - before[i].Uplink.Requests)
		s[uplinksPerWrite] += requests / written
		if t.Members[i] == at {
			s[ownHopPerWrite] = requests / written
		}
	}
	s[syncsPerWrite] = float64(after[0].Journal.Syncs-before[0].Journal.Syncs) / written
	return s, t.Settle(ctx)
}

// goalsOfPut holds the tree of one fan-out against its goals; its scores come first.
func goalsOfPut(r *report.Report, fanout string, scores []contest.Score) {
	leaf, root := scores[0], scores[1]
	r.Goals = append(r.Goals,
		report.Goal{What: "PUT at a leaf of depth 3 against PUT at its root, 64 clients, " + fanout + ": writes a second", Measured: contest.Median(leaf.Against(root, contest.PerSecond)), Bound: 0.7, Least: true},
		report.Goal{What: "PUT at a leaf, 64 clients, " + fanout + ": requests from parent to parent per write, both hops together", Measured: leaf.Median(uplinksPerWrite), Bound: 0.2},
		report.Goal{What: "PUT at a leaf, 64 clients, " + fanout + ": requests of the leaf alone per write", Measured: leaf.Median(ownHopPerWrite), Bound: 0.2},
		report.Goal{What: "PUT at a leaf, 64 clients, " + fanout + ": flushes at the root per write", Measured: leaf.Median(syncsPerWrite), Bound: 0.2},
		report.Goal{What: "PUT at the root, 64 clients, " + fanout + ": flushes per write", Measured: root.Median(syncsPerWrite), Bound: 0.2},
	)
	r.Note("Writes at the leaf against writes at the root, 64 clients, %s: %s. A write travels two hops to the root and is pushed to six nodes, "+
		"all on the same cores; CPU is that of the seven nodes together.", fanout, contest.Spread(leaf.Against(root, contest.PerSecond)))
}

func tableOfPut(r *report.Report, scores []contest.Score) {
	r.Note("With one client every write is a batch of its own: two requests from the leaf, one flush.")
	table := report.Table{Columns: []string{"where", "writes/s", "p50 ms", "p99 ms", "requests/write", "of the leaf", "flushes/write", "CPU us/write"}}
	for _, s := range scores {
		if n := s.Sum(contest.Refusals); n > 0 {
			r.Note("%s: %.0f writes of all rounds were not answered with 200 (504 where a batch took longer than writes.timeout).", s.Name, n)
		}
		table.Add(s.Name, contest.Figure(s.Median(contest.PerSecond)), contest.Figure(s.Median(contest.P50Millis)), contest.Figure(s.Median(contest.P99Millis)),
			contest.Figure(s.Median(uplinksPerWrite)), contest.Figure(s.Median(ownHopPerWrite)),
			contest.Figure(s.Median(syncsPerWrite)), contest.Figure(s.Median(contest.CPUMicros)))
	}
	r.Tables = []report.Table{table}
	r.Charts = []report.Chart{chart("Durable writes a second into a tree of depth 3", "writes a second, more is better", scores, contest.PerSecond, isOurs)}
}
