package main

import (
	"context"
	"fmt"
)

// Metrics of writes, beside those of any load.
const (
	uplinksPerWrite metric = "requests from a node to its parent, all nodes, per write"
	ownHopPerWrite  metric = "requests of the node that took the writes, per write"
	syncsPerWrite   metric = "flushes of the root's journal per write"
)

// entrance is where clients write, and how many they are.
type entrance struct {
	name    string
	at      *member
	clients int
}

// measurePut counts how well writes combine on their way up and on the root's
// disk.
func measurePut(ctx context.Context, shop *workshop) (report, error) {
	t, err := shop.startTree(ctx, 3, "data.fsync=always")
	if err != nil {
		return report{}, err
	}
	if err := t.fill(ctx, keyName); err != nil {
		return report{}, err
	}
	var contestants []contestant
	for _, e := range []entrance{
		{"leaf, 64 clients", t.leaf, 64},
		{"root, 64 clients", t.root, 64},
		{"leaf, 1 client", t.leaf, 1},
		{"root, 1 client", t.root, 1},
	} {
		contestants = append(contestants, contestant{e.name, func(ctx context.Context) (sample, error) { return t.write(ctx, e, shop) }})
	}
	contestants = append(contestants, contestant{"bare append and fsync, 1 writer", shop.appendAndSync})
	scores, err := interleave(ctx, shop.rounds, contestants)
	if err != nil {
		return report{}, err
	}
	return reportPut(scores), nil
}

// write lets clients write for a period and waits until all nodes are equal
// again. The counters are asked before and after, so each write and each flush
// is counted once.
func (t *tree) write(ctx context.Context, e entrance, shop *workshop) (sample, error) {
	clients, err := gather(ctx, e.at.address, e.clients, writes())
	defer clients.close()
	if err != nil {
		return nil, err
	}
	before, err := t.counters(ctx)
	if err != nil {
		return nil, err
	}
	b, err := clients.run(shop.period, t.cpuTime)
	if err != nil {
		return nil, err
	}
	after, err := t.counters(ctx)
	if err != nil {
		return nil, err
	}
	s := b.sample()
	written := float64(b.answered)
	for i := range after {
		requests := float64(after[i].Uplink.Requests - before[i].Uplink.Requests)
		s[uplinksPerWrite] += requests / written
		if t.members[i] == e.at {
			s[ownHopPerWrite] = requests / written
		}
	}
	s[syncsPerWrite] = float64(after[0].Journal.Syncs-before[0].Journal.Syncs) / written
	return s, t.settle(ctx)
}

func reportPut(scores []score) report {
	leaf, root := scores[0], scores[1]
	r := report{
		title: "PUT into a tree of depth 3, data.fsync always",
		goals: []goal{
			{"PUT at a leaf, 64 clients: requests from parent to parent per write, both hops together", leaf.median(uplinksPerWrite), 0.2},
			{"PUT at a leaf, 64 clients: requests of the leaf alone per write", leaf.median(ownHopPerWrite), 0.2},
			{"PUT at a leaf, 64 clients: flushes at the root per write", leaf.median(syncsPerWrite), 0.2},
			{"PUT at the root, 64 clients: flushes per write", root.median(syncsPerWrite), 0.2},
		},
		notes: []string{
			fmt.Sprintf("Writes at the leaf against writes at the root, 64 clients: %s. A write travels two hops to the root and is pushed to six nodes, "+
				"all on the same cores; CPU is that of the seven nodes together.", spread(leaf.against(root, perSecond))),
			"With one client every write is a batch of its own: two requests from the leaf, one flush.",
		},
	}
	for _, s := range scores {
		if n := s.sum(refusals); n > 0 {
			r.notes = append(r.notes, fmt.Sprintf("%s: %.0f writes of all rounds were not answered with 200 (504 where a batch took longer than writes.timeout).", s.name, n))
		}
	}
	r.table.columns = []string{"where", "writes/s", "p50 ms", "p99 ms", "requests/write", "of the leaf", "flushes/write", "CPU us/write"}
	for _, s := range scores {
		r.table.add(s.name, fmt.Sprintf("%.0f", s.median(perSecond)), fmt.Sprintf("%.2f", s.median(p50Millis)), fmt.Sprintf("%.2f", s.median(p99Millis)),
			fmt.Sprintf("%.3f", s.median(uplinksPerWrite)), fmt.Sprintf("%.3f", s.median(ownHopPerWrite)),
			fmt.Sprintf("%.3f", s.median(syncsPerWrite)), fmt.Sprintf("%.0f", s.median(cpuMicros)))
	}
	return r
}
