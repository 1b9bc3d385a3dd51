package main

import (
	"context"
	"fmt"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
)

const (
	durableClients = 64
	// answerBytes is the length of what a bare handler answers to a PUT, about that of
	// a node's answer.
	answerBytes = 153
)

// Who takes part in durable writes.
const (
	durableRoot  = "Xylem, root, data.fsync always"
	durableRedis = "Redis, appendfsync always"
	durableBare  = "bare fiber that reads the body and answers"
	durableEtcd  = "etcd, JSON gateway"
)

// measureDurable compares writes that are on the disk when they are answered.
func measureDurable(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	var contestants []contest.Contestant
	for _, p := range []rival{
		shop.node(ctx, durableRoot, servers.TreeOptions{Depth: 1, Sets: []string{"data.fsync=always"}}),
		one(ctx, durableRedis, load.RedisServer, func() (*servers.Process, error) {
			return shop.StartRedis(ctx, "redis", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
		}),
		shop.bare(ctx, durableBare, answerBytes, nil),
		one(ctx, durableEtcd, load.Etcd, func() (*servers.Process, error) { return shop.StartEtcd(ctx) }),
	} {
		target, err := p.start()
		if absent(r, err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		generate, err := load.Tool(shop.Dir, fmt.Sprintf("durable-%d", len(contestants)), p.dialect, p.dialect.Writes())
		if err != nil {
			return err
		}
		contestants = append(contestants, contest.Contestant{Name: p.name, Play: func(ctx context.Context) (contest.Sample, error) {
			return whole(generate(ctx, target, durableClients, time.Second))
		}})
	}
	contestants = append(contestants, contest.Contestant{Name: appendName, Play: shop.appendAndSync})
	scores, err := contest.Interleave(ctx, rounds, contestants)
	if err != nil {
		return err
	}
	r.Title = fmt.Sprintf("PUT at the root of a tree of depth 1, durable, %d clients without pipelining", durableClients)
	r.Goals = []report.Goal{
		compared("PUT at the root, durable: writes a second against Redis with appendfsync always", scores, durableRoot, durableRedis, contest.PerSecond, report.Goal{Bound: 0.6, Least: true}),
		compared("PUT at the root, durable: writes a second against a fiber handler that only answers", scores, durableRoot, durableBare, contest.PerSecond, report.Goal{Bound: 0.85, Least: true}),
	}
	table := report.Table{Columns: []string{"server", "writes/s", "against Redis (least to greatest)", "against bare", "p50 ms", "p99 ms", "CPU us/write"}}
	for _, s := range scores {
		table.Add(s.Name, contest.Figure(s.Median(contest.PerSecond)), ratio(s, scores, durableRedis, contest.PerSecond), ratio(s, scores, durableBare, contest.PerSecond),
			contest.Figure(s.Median(contest.P50Millis)), contest.Figure(s.Median(contest.P99Millis)), contest.Figure(s.Median(contest.CPUMicros)))
	}
	r.Tables = []report.Table{table}
	r.Charts = []report.Chart{
		chart("Durable writes a second, 64 clients", "writes a second, more is better", scores, contest.PerSecond, isOurs),
		chart("Server CPU time of a durable write", "microseconds, less is better", scores, contest.CPUMicros, isOurs),
	}
	r.Note("The last row is what the disk does for one writer who appends as much and flushes: where that is slow, or others flush too, it bounds all that is durable. TMPDIR names another disk.")
	r.Note("Rounds of a second, random ones of %d keys, values of %d bytes. %s", load.ManyKeys, load.ValueBytes, load.Generators())
	return nil
}
