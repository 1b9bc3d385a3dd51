package main

import (
	"context"
	"fmt"
)

const (
	getClients = 32
	// turns is into how many parts a round of each server is cut, which take turns.
	// The shorter a turn, the more alike is the machine for those that are compared;
	// at some 25 ms the beginning and the end of a turn do not count yet.
	turns = 16
)

// measureGet compares what a GET of a present key costs a node with what an
// answer of the same size costs a bare fiber handler.
func measureGet(ctx context.Context, shop *workshop) (report, error) {
	alone, err := shop.startTree(ctx, 1)
	if err != nil {
		return report{}, err
	}
	whole, err := shop.startTree(ctx, 3)
	if err != nil {
		return report{}, err
	}
	for _, t := range []*tree{alone, whole} {
		if err := t.fill(ctx, keyName); err != nil {
			return report{}, err
		}
	}
	size, err := whole.leaf.answerSize(ctx)
	if err != nil {
		return report{}, err
	}
	bares, err := shop.startBares(ctx, size)
	if err != nil {
		return report{}, err
	}
	var contestants []contestant
	for _, p := range append(bares, alone.root.named("root of depth 1"), whole.leaf.named("leaf of depth 3")) {
		clients, err := gather(ctx, p.address, getClients, reads())
		defer clients.close()
		if err != nil {
			return report{}, fmt.Errorf("%s: %w", p.name, err)
		}
		contestants = append(contestants, contestant{p.name, func(context.Context) (sample, error) {
			b, err := clients.run(shop.period/turns, p.cpuTime)
			if err == nil && b.refused > 0 {
				err = fmt.Errorf("%d answers were not 200", b.refused)
			}
			if err != nil {
				return nil, err
			}
			return b.sample(), nil
		}})
	}
	scores, err := interleave(ctx, shop.rounds*turns, contestants)
	if err != nil {
		return report{}, err
	}
	for i := range scores {
		scores[i] = scores[i].merge(turns)
	}
	return reportGet(scores, size), nil
}

// startBares starts what the nodes are compared with; the first is what the goal
// speaks of.
func (shop *workshop) startBares(ctx context.Context, size int) ([]*process, error) {
	var all []*process
	for _, b := range []struct {
		name  string
		flags []string
	}{
		{"bare fiber, as a node sets it up", nil},
		{"bare fiber, with a node's headers too", []string{"-headers"}},
		{"bare fiber, with fiber's defaults", []string{"-defaults"}},
	} {
		p, err := shop.startBare(ctx, b.name, size, b.flags...)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func reportGet(scores []score, size int) report {
	bare, root, leaf := scores[0], scores[3], scores[4]
	r := report{
		title: fmt.Sprintf("GET of a present key, %d connections", getClients),
		goals: []goal{
			{"GET at a root: server CPU time against a bare fiber handler", median(root.against(bare, cpuMicros)), 1.2},
			{"GET at a leaf: server CPU time against a bare fiber handler", median(leaf.against(bare, cpuMicros)), 1.2},
		},
		notes: []string{fmt.Sprintf("Keys of %d bytes, values of %d bytes of JSON, bodies of %d bytes. The load generator uses the same cores, "+
			"so answers per second are no limit of the server.", keyBytes, valueBytes, size)},
	}
	r.table.columns = []string{"server", "CPU us/answer", "against bare (least to greatest)", "against bare with headers", "against defaults", "answers/s", "p50 ms", "p99 ms"}
	for _, s := range scores {
		r.table.add(s.name, fmt.Sprintf("%.2f", s.median(cpuMicros)), spread(s.against(bare, cpuMicros)),
			fmt.Sprintf("%.2f", median(s.against(scores[1], cpuMicros))), fmt.Sprintf("%.2f", median(s.against(scores[2], cpuMicros))),
			fmt.Sprintf("%.0f", s.median(perSecond)), fmt.Sprintf("%.2f", s.median(p50Millis)), fmt.Sprintf("%.2f", s.median(p99Millis)))
	}
	return r
}

// named is the process under another name.
func (m *member) named(name string) *process {
	p := *m.process
	p.name = name
	return &p
}

// fill puts a value to each of manyKeys keys and waits until all nodes have them.
func (t *tree) fill(ctx context.Context, key func(i int) string) error {
	err := t.root.ask(ctx, func(conn *connection) error {
		next := stock(1)
		for i := range manyKeys {
			if _, err := conn.exchange(putRequest(key(i), next())); err != nil {
				return fmt.Errorf("filling the store: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.settle(ctx)
}

// answerSize is how many bytes the body of a GET has.
func (m *member) answerSize(ctx context.Context) (size int, err error) {
	err = m.ask(ctx, func(conn *connection) error {
		body, err := conn.exchange(getRequest(keyName(manyKeys / 2)))
		size = len(body)
		return err
	})
	return size, err
}
