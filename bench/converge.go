package main

import (
	"context"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
)

const convergeClients = 32

// behindMillis is for how long the last node was behind when the writers had ended.
const behindMillis contest.Metric = "from the last answer until all are equal, milliseconds"

// measureConverge counts writes with all seven nodes attached: the clock stops when
// all have the last one.
func measureConverge(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	var contestants []contest.Contestant
	enter := func(name string, tree servers.Group, d load.Dialect) (func(), error) {
		w, err := watch(ctx, d, tree)
		if err != nil {
			return w.close, err
		}
		generate, err := load.Tool(shop.Dir, "converge", d, d.Writes())
		if err != nil {
			return w.close, err
		}
		target := load.Target{Address: tree[0].Address, Protocol: d.Protocol, CPU: tree.CPUTime}
		contestants = append(contestants, contest.Contestant{Name: name, Play: func(ctx context.Context) (contest.Sample, error) {
			return converge(ctx, w, generate, target)
		}})
		return w.close, nil
	}
	for _, fanout := range shop.fanouts {
		t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 3, Sets: []string{"data.fsync=never", "sync.fanout=" + fanout}})
		if err != nil {
			return err
		}
		end, err := enter("Xylem "+fanout, t.Processes(), load.Xylem)
		defer end()
		if err != nil {
			return err
		}
	}
	redis, err := shop.StartRedisTree(ctx, 3)
	if err == nil {
		end, err := enter(redisTreeName, redis, load.RedisServer)
		defer end()
		if err != nil {
			return err
		}
	} else if !absent(r, err) {
		return err
	}
	scores, err := contest.Interleave(ctx, rounds, contestants)
	if err != nil {
		return err
	}
	reportConverge(r, shop.fanouts, scores)
	return nil
}

// converge is one round. A last write, which is ordered after all others, shows when
// a server has them all.
func converge(ctx context.Context, w *watcher, generate load.Generator, target load.Target) (contest.Sample, error) {
	before, err := target.CPU()
	if err != nil {
		return nil, err
	}
	b, err := generate(ctx, target, convergeClients, time.Second)
	if err != nil {
		return nil, err
	}
	_, behind, err := w.once()
	if err != nil {
		return nil, err
	}
	after, err := target.CPU()
	b.CPU = after - before
	b.Elapsed += behind
	s, err := whole(b, err)
	if err == nil {
		s[behindMillis] = contest.Millis(behind)
	}
	return s, err
}

func reportConverge(r *report.Report, fanouts []string, scores []contest.Score) {
	r.Title = "Writes a second with all seven nodes attached and equal at the end, 32 clients without pipelining"
	for _, fanout := range fanouts {
		r.Goals = append(r.Goals, compared("Writes a second until all seven are equal, "+fanout+": against the Redis tree", scores,
			"Xylem "+fanout, redisTreeName, contest.PerSecond, report.Goal{Bound: 1, Least: true}))
	}
	table := report.Table{Columns: []string{"tree", "writes/s", "against Redis (least to greatest)", "CPU us/write, all seven", "p50 ms", "p99 ms", "behind at the end, ms"}}
	for _, s := range scores {
		table.Add(s.Name, contest.Figure(s.Median(contest.PerSecond)), ratio(s, scores, redisTreeName, contest.PerSecond), contest.Figure(s.Median(contest.CPUMicros)),
			contest.Figure(s.Median(contest.P50Millis)), contest.Figure(s.Median(contest.P99Millis)), contest.Figure(s.Median(behindMillis)))
	}
	r.Tables = []report.Table{table}
	r.Charts = []report.Chart{
		chart("Writes a second until all seven nodes are equal", "writes a second, more is better", scores, contest.PerSecond, isOurs),
		chart("CPU time of a write, all seven servers together", "microseconds, less is better", scores, contest.CPUMicros, isOurs),
	}
	r.Note("Rounds of a second at the root, random ones of %d keys, data.fsync never, nothing on the disk of Redis; then one more write, and the clock stops when all seven answer with it. %s",
		load.ManyKeys, load.Generators())
}
