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

// sinceStart is what a new node took.
const sinceStart contest.Metric = "from starting the process until it holds all, seconds"

const redisFullName = "Redis, diskless full resync"

// measureJoin times how a node without data takes a large store.
func measureJoin(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	var contestants []contest.Contestant
	for _, fanout := range shop.fanouts {
		t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 3, Nodes: 1, Sets: []string{"data.fsync=never", "sync.fanout=" + fanout}})
		if err != nil {
			return err
		}
		if err := fillLarge(ctx, t.Root.Address, load.Xylem, shop.entries()); err != nil {
			return err
		}
		contestants = append(contestants, contest.Contestant{Name: "Xylem " + fanout, Play: func(ctx context.Context) (contest.Sample, error) {
			return timedStart(func() error {
				if err := t.Join(ctx); err != nil {
					return err
				}
				return t.Settle(ctx)
			}, t.Root.Process)
		}})
	}
	master, err := shop.StartRedis(ctx, "redis-master")
	if err == nil {
		if err := fillLarge(ctx, master.Address, load.RedisServer, shop.entries()); err != nil {
			return err
		}
		contestants = append(contestants, contest.Contestant{Name: redisFullName, Play: func(ctx context.Context) (contest.Sample, error) {
			return timedStart(func() error {
				p, err := shop.StartRedis(ctx, "redis-replica", servers.ReplicaOf(master.Address)...)
				if err != nil {
					return err
				}
				return p.Await(ctx, "it has not caught up", p.Linked)
			}, master)
		}})
	} else if !absent(r, err) {
		return err
	}
	scores, err := contest.Interleave(ctx, rounds, contestants)
	if err != nil {
		return err
	}
	reportJoin(r, shop.fanouts, scores, shop.entries())
	return nil
}

// timedStart times until a new server holds all, and what that cost the one from which
// it has it.
func timedStart(start func() error, source *servers.Process) (contest.Sample, error) {
	before, err := source.CPUTime()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := start(); err != nil {
		return nil, err
	}
	elapsed := time.Since(began)
	after, err := source.CPUTime()
	return contest.Sample{sinceStart: elapsed.Seconds(), contest.CPUMicros: float64((after - before).Microseconds())}, err
}

func reportJoin(r *report.Report, fanouts []string, scores []contest.Score, entries int) {
	r.Title = fmt.Sprintf("An empty node takes %d entries", entries)
	for _, fanout := range fanouts {
		r.Goals = append(r.Goals, compared(fmt.Sprintf("An empty node takes %d entries, %s: seconds against Redis's diskless full resync", entries, fanout), scores,
			"Xylem "+fanout, redisFullName, sinceStart, report.Goal{Bound: 0.35}))
	}
	table := report.Table{Columns: []string{"server", "s (least to greatest)", "against Redis (least to greatest)", "CPU of the source, ms"}}
	for _, s := range scores {
		table.Add(s.Name, contest.Spread(s.Of(sinceStart)), ratio(s, scores, redisFullName, sinceStart), contest.Figure(s.Median(contest.CPUMicros)/1e3))
	}
	r.Tables = []report.Table{table}
	r.Charts = []report.Chart{chart(r.Title, "seconds, less is better", scores, sinceStart, isOurs)}
	r.Note("Keys of %d bytes, values of %d. From starting the new process until it holds all (asked every %v): with Xylem until it has confirmed the root's version, and its digest, to the root; "+
		"with Redis until it says that its link is up. Redis has repl-diskless-sync without delay and repl-diskless-load on-empty-db.", load.KeyBytes, load.ValueBytes, servers.PollInterval)
}
