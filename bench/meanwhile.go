package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
)

const (
	meanwhileRate    = 1000 // writes a second beside those that are followed
	meanwhileClients = 4
	aloneFor         = time.Second
)

// Metrics of writes beside a join, beside those of the time until they are readable.
const (
	answerP99 contest.Metric = "99th percentile of the write's own latency, milliseconds"
	joinedIn  contest.Metric = "until the new server holds all, seconds"
)

// host is a server that takes writes, and one that has them from it.
type host struct {
	name   string
	target load.Target
	d      load.Dialect
	w      *watcher
	join   func(ctx context.Context) error // of one more, until it holds all
}

// measureMeanwhile compares what writes take while a server without data takes a large
// store with what they take otherwise.
func measureMeanwhile(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	var hosts []*host
	defer func() {
		for _, h := range hosts {
			h.w.close()
		}
	}()
	for _, fanout := range shop.fanouts {
		h, err := shop.xylemHost(ctx, fanout)
		if err != nil {
			return err
		}
		hosts = append(hosts, h)
	}
	if h, err := shop.redisHost(ctx); err == nil {
		hosts = append(hosts, h)
	} else if !absent(r, err) {
		return err
	}
	var contestants []contest.Contestant
	for _, h := range hosts {
		contestants = append(contestants,
			contest.Contestant{Name: h.name + ", alone", Play: func(ctx context.Context) (contest.Sample, error) {
				return h.writes(ctx, func(ctx context.Context) error { return pause(ctx, aloneFor) })
			}},
			contest.Contestant{Name: h.name + ", while a server joins", Play: func(ctx context.Context) (contest.Sample, error) { return h.writes(ctx, h.join) }})
	}
	scores, err := contest.Interleave(ctx, rounds, contestants)
	if err != nil {
		return err
	}
	reportMeanwhile(r, scores, shop.entries())
	return nil
}

// xylemHost is a root and one more node of a tree that has room for more.
func (shop *workshop) xylemHost(ctx context.Context, fanout string) (*host, error) {
	t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 3, Nodes: 2, Sets: []string{"data.fsync=never", "sync.fanout=" + fanout}})
	if err != nil {
		return nil, err
	}
	if err := fillLarge(ctx, t.Root.Address, load.Xylem, shop.entries()); err != nil {
		return nil, err
	}
	join := func(ctx context.Context) error {
		if err := t.Join(ctx); err != nil {
			return err
		}
		return t.Leaf.Await(ctx, "it holds no state", func(ctx context.Context) error {
			status, err := t.Leaf.Client.Status(ctx)
			if err == nil && status.Epoch == 0 {
				err = errors.New("it has none")
			}
			return err
		})
	}
	return hostOf(ctx, "Xylem "+fanout, t.At(t.Root), load.Xylem, t.Processes(), join)
}

// redisHost is a master and a replica.
func (shop *workshop) redisHost(ctx context.Context) (*host, error) {
	master, err := shop.StartRedis(ctx, "redis-master")
	if err != nil {
		return nil, err
	}
	if err := fillLarge(ctx, master.Address, load.RedisServer, shop.entries()); err != nil {
		return nil, err
	}
	follow := func(ctx context.Context) (*servers.Process, error) {
		p, err := shop.StartRedis(ctx, "redis-replica", servers.ReplicaOf(master.Address)...)
		if err == nil {
			err = p.Await(ctx, "it has not caught up", p.Linked)
		}
		return p, err
	}
	replica, err := follow(ctx)
	if err != nil {
		return nil, err
	}
	join := func(ctx context.Context) error {
		_, err := follow(ctx)
		return err
	}
	return hostOf(ctx, "Redis, a master and its replicas", master.Target(load.Redis), load.RedisServer, servers.Group{master, replica}, join)
}

func hostOf(ctx context.Context, name string, target load.Target, d load.Dialect, pair servers.Group, join func(context.Context) error) (*host, error) {
	w, err := watch(ctx, d, pair)
	if err != nil {
		w.close()
		return nil, err
	}
	return &host{name, target, d, w, join}, nil
}

// writes follows writes one after the other, beside steady ones, for as long as something
// else takes.
func (h *host) writes(ctx context.Context, meanwhile func(context.Context) error) (s contest.Sample, err error) {
	pace, err := load.StartPace(ctx, h.target, meanwhileClients, meanwhileRate, h.d.Writes())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over, began := make(chan struct{}), time.Now()
	var took time.Duration
	var failed error
	go func() {
		defer close(over)
		failed = meanwhile(ctx)
		took = time.Since(began)
	}()
	var answers, all []time.Duration
	for running := true; running && err == nil; {
		var answered, everywhere time.Duration
		answered, everywhere, err = h.w.once()
		answers, all = append(answers, answered), append(all, everywhere)
		select {
		case <-over:
			running = false
		default:
		}
	}
	done := pace.Rate()
	if err != nil {
		cancel()
	}
	<-over
	if err := errors.Join(err, failed, pace.Stop()); err != nil {
		return nil, err
	}
	s, own := contest.Timed(all), contest.Timed(answers)
	s[answerP50], s[answerP99], s[rate], s[joinedIn] = own[contest.P50Millis], own[contest.P99Millis], done, took.Seconds()
	return s, nil
}

func reportMeanwhile(r *report.Report, scores []contest.Score, entries int) {
	r.Title = fmt.Sprintf("Writes while an empty node takes %d entries", entries)
	table := report.Table{Columns: []string{"server", "steady writes/s", "a write p50 ms", "p99 ms", "until readable at the other, p50 ms", "p99 ms", "joined in, s"}}
	for i, s := range scores {
		joined := ""
		if i%2 == 1 {
			joined = contest.Figure(s.Median(joinedIn))
		}
		table.Add(s.Name, contest.Figure(s.Median(rate)), contest.Figure(s.Median(answerP50)), contest.Figure(s.Median(answerP99)),
			contest.Figure(s.Median(contest.P50Millis)), contest.Figure(s.Median(contest.P99Millis)), joined)
	}
	r.Tables = []report.Table{table}
	r.Note("A root, or master, and one more server; each round one more joins, and takes all: of Redis and with direct from the first, with tree from its parent, which is the other one for two of three. Meanwhile %d clients write %d times a second in all, and one more writes, and reads at both servers in turn, "+
		"without a pause, until both have it. data.fsync never, nothing on the disk of Redis. All of this shares the machine's processors: a join takes one of them, whoever writes.", meanwhileClients, meanwhileRate)
}
