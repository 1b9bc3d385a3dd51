package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
)

const (
	getClients = 32
	// turns is into how many parts a round of each server is cut, which take turns.
	// The shorter a turn, the more alike is the machine for those that are compared;
	// at some 25 ms the beginning and the end of a turn do not count yet.
	turns = 16
	// tailRounds is how many rounds of a second the latencies are from at most.
	tailRounds = 11
)

// Who takes part in GET.
const (
	bareName        = "bare fiber, as a node sets it up"
	bareHeadersName = "bare fiber, with a node's headers too"
	bareDefaultName = "bare fiber, with fiber's defaults"
	rootName        = "Xylem, root of depth 1"
	leafName        = "Xylem, leaf of depth 3"
	oneCore         = ", GOMAXPROCS=1"
)

// isOurs tells Xylem from what it is compared with.
func isOurs(name string) bool { return strings.HasPrefix(name, "Xylem") }

// measureGet compares what a GET of a present key costs a node with what an
// answer of the same size costs a bare fiber handler, and with other stores.
func measureGet(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	size, err := shop.answerSize(ctx)
	if err != nil {
		return err
	}
	scores, err := shop.playGet(ctx, r, size, rounds)
	if err != nil {
		return err
	}
	shop.StopAll()
	tails, err := shop.playTails(ctx, size)
	if err != nil {
		return err
	}
	reportGet(r, scores, tails, size)
	return nil
}

// answerSize is how many bytes the body of a node's answer has.
func (shop *workshop) answerSize(ctx context.Context) (size int, err error) {
	defer shop.StopAll()
	t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 1})
	if err != nil {
		return 0, err
	}
	if err := t.Fill(ctx, load.Key); err != nil {
		return 0, err
	}
	err = t.Root.Ask(ctx, load.HTTP, func(c *load.Connection) error {
		body, err := c.Exchange(load.Xylem.Get(load.Key(load.ManyKeys/2), 0))
		size = len(body)
		return err
	})
	return size, err
}

// bare is a rival that does nothing but answer.
func (shop *workshop) bare(ctx context.Context, name string, size int, env []string, flags ...string) rival {
	return rival{name, load.Xylem, func() (load.Target, error) {
		p, err := shop.StartBare(ctx, name, size, env, flags...)
		if err != nil {
			return load.Target{}, err
		}
		return p.Target(load.HTTP), nil
	}}
}

// node is the last node of a tree of its own, whose CPU time alone counts.
func (shop *workshop) node(ctx context.Context, name string, o servers.TreeOptions) rival {
	return rival{name, load.Xylem, func() (load.Target, error) {
		t, err := shop.StartTree(ctx, o)
		if err != nil {
			return load.Target{}, err
		}
		return t.Leaf.Target(load.HTTP), t.Fill(ctx, load.Key)
	}}
}

// playGet lets all servers play in turns of some 25 ms.
func (shop *workshop) playGet(ctx context.Context, r *report.Report, size, rounds int) ([]contest.Score, error) {
	var contestants []contest.Contestant
	for _, p := range []rival{
		shop.bare(ctx, bareName, size, nil), shop.bare(ctx, bareHeadersName, size, nil, "-headers"), shop.bare(ctx, bareDefaultName, size, nil, "-defaults"),
		shop.node(ctx, rootName, servers.TreeOptions{Depth: 1}), shop.node(ctx, leafName, servers.TreeOptions{Depth: 3}),
		one(ctx, "memcached", load.MemcachedServer, func() (*servers.Process, error) { return shop.StartMemcached(ctx, 64) }),
		one(ctx, "Redis", load.RedisServer, func() (*servers.Process, error) { return shop.StartRedis(ctx, "redis") }),
		one(ctx, "NATS, direct get from a bucket in memory", load.NATSBucket, func() (*servers.Process, error) { return shop.StartNATS(ctx) }),
		one(ctx, "etcd, JSON gateway", load.Etcd, func() (*servers.Process, error) { return shop.StartEtcd(ctx) }),
	} {
		target, err := p.start()
		if absent(r, err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		clients, err := load.Gather(ctx, target, getClients, p.dialect.Reads())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		defer clients.Close()
		contestants = append(contestants, contest.Contestant{Name: p.name, Play: func(context.Context) (contest.Sample, error) {
			return whole(clients.Run(shop.period / turns))
		}})
	}
	scores, err := contest.Interleave(ctx, rounds*turns, contestants)
	if err != nil {
		return nil, err
	}
	for i := range scores {
		scores[i] = scores[i].Merge(turns)
	}
	return scores, nil
}

// whole is the sample of a burst in which nothing may be refused.
func whole(b load.Burst, err error) (contest.Sample, error) {
	if err == nil && b.Refused > 0 {
		err = fmt.Errorf("%d answers were not what was asked for", b.Refused)
	}
	if err != nil {
		return nil, err
	}
	return b.Sample(), nil
}

// playTails measures latencies, with servers on one processor and on all.
func (shop *workshop) playTails(ctx context.Context, size int) ([]contest.Score, error) {
	generate, err := load.Tool(shop.Dir, "get", load.Xylem, load.Xylem.Reads())
	if err != nil {
		return nil, err
	}
	var contestants []contest.Contestant
	env := []string{"GOMAXPROCS=1"}
	for _, p := range []rival{
		shop.bare(ctx, bareName+oneCore, size, env), shop.node(ctx, rootName+oneCore, servers.TreeOptions{Depth: 1, Env: env}),
		shop.bare(ctx, bareName, size, nil), shop.node(ctx, rootName, servers.TreeOptions{Depth: 1}),
	} {
		target, err := p.start()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		contestants = append(contestants, contest.Contestant{Name: p.name, Play: func(ctx context.Context) (contest.Sample, error) {
			return whole(generate(ctx, target, getClients, time.Second))
		}})
	}
	return contest.Interleave(ctx, shop.most(tailRounds), contestants)
}

func reportGet(r *report.Report, scores, tails []contest.Score, size int) {
	r.Title = fmt.Sprintf("GET of a present key, %d connections", getClients)
	node, _ := contest.Find(tails, rootName+oneCore)
	r.Goals = []report.Goal{
		compared("GET at a root: server CPU time against a bare fiber handler", scores, rootName, bareName, contest.CPUMicros, report.Goal{Bound: 1.1}),
		compared("GET at a leaf: server CPU time against a bare fiber handler", scores, leafName, bareName, contest.CPUMicros, report.Goal{Bound: 1.1}),
		{What: "GET at a node with GOMAXPROCS=1, 32 connections: p99, milliseconds", Measured: node.Median(contest.P99Millis), Bound: 0.7},
	}
	table := report.Table{Columns: []string{"server", "CPU us/answer", "against bare (least to greatest)", "quiet rounds against bare", "against bare with headers", "against defaults", "answers/s", "p50 ms", "p99 ms"}}
	for _, s := range scores {
		table.Add(s.Name, contest.Figure(s.Median(contest.CPUMicros)), ratio(s, scores, bareName, contest.CPUMicros),
			contest.Figure(s.Quiet(contest.CPUMicros)/scores[0].Quiet(contest.CPUMicros)),
			contest.Figure(contest.Median(s.Against(scores[1], contest.CPUMicros))), contest.Figure(contest.Median(s.Against(scores[2], contest.CPUMicros))),
			contest.Figure(s.Median(contest.PerSecond)), contest.Figure(s.Median(contest.P50Millis)), contest.Figure(s.Median(contest.P99Millis)))
	}
	tail := report.Table{Title: fmt.Sprintf("Latencies, rounds: %d, of a second. %s", len(tails[0].Samples), load.Generators()), Columns: []string{"server", "p50 ms", "p99 ms (least to greatest)", "answers/s", "CPU us/answer"}}
	for _, s := range tails {
		tail.Add(s.Name, contest.Figure(s.Median(contest.P50Millis)), contest.Spread(s.Of(contest.P99Millis)),
			contest.Figure(s.Median(contest.PerSecond)), contest.Figure(s.Median(contest.CPUMicros)))
	}
	r.Tables = []report.Table{table, tail}
	r.Charts = []report.Chart{
		chart("GET: server CPU time of an answer", "microseconds, less is better", scores, contest.CPUMicros, isOurs),
		chart("GET: 99th percentile of latency, 32 connections", "milliseconds, less is better", tails, contest.P99Millis, isOurs),
	}
	r.Note("Keys of %d bytes, values of %d bytes of JSON, bodies of %d bytes. The load generator uses the same cores, "+
		"so answers per second are no limit of the server.", load.KeyBytes, load.ValueBytes, size)
}
