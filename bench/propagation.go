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
	writesPerRound = 200
	steadyRate     = 5000 // writes a second beside those that are timed
	steadyClients  = 8
	redisTreeName  = "Redis, seven servers chained as the tree"
)

// rate is how many writes a second the steady writers did.
const rate contest.Metric = "steady writes a second"

// followed is a tree whose writes are followed to its last node.
type followed struct {
	name   string
	target load.Target // where writes go, with the CPU time of all servers
	d      load.Dialect
	once   func() (answered, everywhere time.Duration, err error)
	times  func(writes int) (contest.Sample, error) // one after the other
}

// measurePropagation times a write from its beginning at the root until the last
// of seven nodes answers with it: one write at a time, and the same beside steady
// writers.
func measurePropagation(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	all, closeAll, err := shop.startFollowed(ctx, r)
	defer closeAll()
	if err != nil {
		return err
	}
	idle, loaded := make([]contest.Contestant, len(all)), make([]contest.Contestant, len(all))
	for i, f := range all {
		idle[i] = contest.Contestant{Name: f.name, Play: func(context.Context) (contest.Sample, error) { return f.times(writesPerRound) }}
		loaded[i] = contest.Contestant{Name: f.name, Play: f.beside}
	}
	quiet, err := contest.Interleave(ctx, rounds, idle)
	if err != nil {
		return err
	}
	busy, err := contest.Interleave(ctx, rounds, loaded)
	if err != nil {
		return err
	}
	reportPropagation(r, shop.fanouts, quiet, busy)
	return nil
}

// startFollowed starts a tree for each fan-out, and what they are compared with.
// What it returns second closes the connections, also after an error.
func (shop *workshop) startFollowed(ctx context.Context, r *report.Report) (all []followed, closeAll func(), err error) {
	var closers []func()
	closeAll = func() {
		for _, c := range closers {
			c()
		}
	}
	for _, fanout := range shop.fanouts {
		t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 3, Sets: []string{"data.fsync=never", "sync.fanout=" + fanout}})
		if err != nil {
			return nil, closeAll, err
		}
		w, err := watch(ctx, load.Xylem, t.Processes())
		closers = append(closers, w.close)
		if err != nil {
			return nil, closeAll, err
		}
		all = append(all, followed{"Xylem " + fanout, t.At(t.Root), load.Xylem, w.once, w.times})
	}
	redis, err := shop.StartRedisTree(ctx, 3)
	if err == nil {
		w, err := watch(ctx, load.RedisServer, redis)
		closers = append(closers, w.close)
		if err != nil {
			return nil, closeAll, err
		}
		target := load.Target{Address: redis[0].Address, Protocol: load.Redis, CPU: redis.CPUTime}
		all = append(all, followed{redisTreeName, target, load.RedisServer, w.once, w.times})
	} else if !absent(r, err) {
		return nil, closeAll, err
	}
	nats, err := shop.StartNATS(ctx)
	if err == nil {
		s, err := subscribe(ctx, nats, 7)
		closers = append(closers, s.close)
		if err != nil {
			return nil, closeAll, err
		}
		all = append(all, followed{"NATS, one server, seven watches", nats.Target(load.NATS), load.NATSBucket, s.once, s.times})
	} else if !absent(r, err) {
		return nil, closeAll, err
	}
	return all, closeAll, nil
}

// beside is a round with steady writers at the root.
func (f followed) beside(ctx context.Context) (s contest.Sample, err error) {
	before, err := f.target.CPU()
	if err != nil {
		return nil, err
	}
	pace, err := load.StartPace(ctx, f.target, steadyClients, steadyRate, f.d.Writes())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	s, err = timesOf(f.once, writesPerRound)
	elapsed := time.Since(began)
	if err := errors.Join(err, pace.Stop()); err != nil {
		return nil, err
	}
	after, err := f.target.CPU()
	s[rate] = pace.Rate()
	s[contest.CPUMicros] = float64((after - before).Microseconds()) / (pace.Rate()*elapsed.Seconds() + writesPerRound)
	return s, err
}

func reportPropagation(r *report.Report, fanouts []string, quiet, busy []contest.Score) {
	r.Title = "Propagation: a write at the root until readable at all seven nodes"
	for _, fanout := range fanouts {
		ours := "Xylem " + fanout
		r.Goals = append(r.Goals,
			compared("Propagation, "+fanout+": p50 against the Redis tree", quiet, ours, redisTreeName, contest.P50Millis, report.Goal{Bound: 1.2}),
			compared("Propagation, "+fanout+": p99 against the Redis tree", quiet, ours, redisTreeName, contest.P99Millis, report.Goal{Bound: 1}),
			compared(fmt.Sprintf("Propagation under %d writes a second, %s: p99 against the Redis tree", steadyRate, fanout), busy, ours, redisTreeName, contest.P99Millis, report.Goal{Bound: 1}),
		)
	}
	one := report.Table{Title: "One write at a time", Columns: []string{"tree", "p50 ms", "p99 ms", "p50 against Redis (least to greatest)", "p99 against Redis", "the write's own answer, p50 ms", "reading all once, p50 ms"}}
	for _, s := range quiet {
		one.Add(s.Name, contest.Figure(s.Median(contest.P50Millis)), contest.Figure(s.Median(contest.P99Millis)),
			ratio(s, quiet, redisTreeName, contest.P50Millis), ratio(s, quiet, redisTreeName, contest.P99Millis), contest.Figure(s.Median(answerP50)), known(s, passP50))
	}
	steady := report.Table{
		Title:   fmt.Sprintf("The same beside %d clients that write %d times a second in all", steadyClients, steadyRate),
		Columns: []string{"tree", "p50 ms", "p99 ms", "p50 against Redis (least to greatest)", "p99 against Redis", "steady writes/s", "CPU us/write"},
	}
	for _, s := range busy {
		steady.Add(s.Name, contest.Figure(s.Median(contest.P50Millis)), contest.Figure(s.Median(contest.P99Millis)),
			ratio(s, busy, redisTreeName, contest.P50Millis), ratio(s, busy, redisTreeName, contest.P99Millis),
			contest.Figure(s.Median(rate)), contest.Figure(s.Median(contest.CPUMicros)))
	}
	r.Tables = []report.Table{one, steady}
	r.Charts = []report.Chart{
		chart("Propagation to seven nodes, one write at a time: p50", "milliseconds, less is better", quiet, contest.P50Millis, isOurs),
		chart("Propagation to seven nodes, one write at a time: p99", "milliseconds, less is better", quiet, contest.P99Millis, isOurs),
		chart(fmt.Sprintf("Propagation to seven nodes under %d writes a second: p99", steadyRate), "milliseconds, less is better", busy, contest.P99Millis, isOurs),
	}
	r.Note("%d writes a round, data.fsync never, nothing on the disk of the others. One reader asks the servers that do not have it yet in turn, without a pause, from the write's answer on, so a figure "+
		"has the time of reading once at all seven in it (last column); NATS has one server, which tells seven connections. CPU is of all servers together, and has that of answering the reader.", writesPerRound)
}
