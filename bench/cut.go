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
	cutRate    = 1000 // writes a second meanwhile
	cutClients = 4
)

// untilEqual is how long a node that was cut off took.
const untilEqual contest.Metric = "from the heal until equal, milliseconds"

const redisPartialName = "Redis, partial resync"

// link is a server and one that follows it, with nothing but proxies between them.
type link struct {
	writes  load.Target
	d       load.Dialect
	proxies []*load.Proxy
	w       *watcher
}

// measureCut times how a node that was cut off while writes went on catches up.
func measureCut(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	var contestants []contest.Contestant
	enter := func(name string, l *link, err error) error {
		if err == nil {
			round := 0
			contestants = append(contestants, contest.Contestant{Name: name, Play: func(ctx context.Context) (contest.Sample, error) {
				round++
				return l.cut(ctx, shop.cutFor()+phase(round))
			}})
		}
		return err
	}
	for _, fanout := range shop.fanouts {
		l := &link{d: load.Xylem}
		defer l.close()
		if err := enter("Xylem "+fanout, l, l.startXylem(ctx, shop, fanout)); err != nil {
			return err
		}
	}
	l := &link{d: load.RedisServer}
	defer l.close()
	if err := enter(redisPartialName, l, l.startRedis(ctx, shop)); err != nil && !absent(r, err) {
		return err
	}
	scores, err := contest.Interleave(ctx, rounds, contestants)
	if err != nil {
		return err
	}
	reportCut(r, shop, scores)
	return nil
}

func (l *link) close() {
	if l.w != nil {
		l.w.close()
	}
	for _, p := range l.proxies {
		p.Close()
	}
}

// front puts a proxy before a server.
func (l *link) front(address string) (string, error) {
	p, err := load.NewProxy(address)
	if err != nil {
		return "", err
	}
	l.proxies = append(l.proxies, p)
	return p.Address, nil
}

// startXylem starts a root and one more node, each with a proxy before it.
func (l *link) startXylem(ctx context.Context, shop *workshop, fanout string) error {
	t, err := shop.StartTree(ctx, servers.TreeOptions{
		Depth: 2, Nodes: 2, Sets: []string{"data.fsync=never", "sync.fanout=" + fanout},
		Front: func(_ int, address string) (string, error) { return l.front(address) },
	})
	if err != nil {
		return err
	}
	l.writes = t.At(t.Root)
	l.w, err = watch(ctx, l.d, t.Processes())
	return err
}

// startRedis starts a master and a replica that knows it by a proxy.
func (l *link) startRedis(ctx context.Context, shop *workshop) error {
	master, err := shop.StartRedis(ctx, "redis-master")
	if err != nil {
		return err
	}
	front, err := l.front(master.Address)
	if err != nil {
		return err
	}
	replica, err := shop.StartRedis(ctx, "redis-replica", servers.ReplicaOf(front)...)
	if err != nil {
		return err
	}
	if err := replica.Await(ctx, "it has not caught up", replica.Linked); err != nil {
		return err
	}
	l.writes = master.Target(load.Redis)
	l.w, err = watch(ctx, l.d, servers.Group{master, replica})
	return err
}

// cutFor is how long a cut takes at least.
func (shop *workshop) cutFor() time.Duration {
	if shop.quick {
		return 2 * time.Second
	}
	return 5 * time.Second
}

// phase is the part of a second that the cut of a round takes longer, another in each round, so
// that timers of a second are met at all their phases.
func phase(round int) time.Duration { return time.Duration(round*370%1000) * time.Millisecond }

// cut is one round.
func (l *link) cut(ctx context.Context, while time.Duration) (contest.Sample, error) {
	pace, err := load.StartPace(ctx, l.writes, cutClients, cutRate, l.d.Writes())
	if err != nil {
		return nil, err
	}
	for _, p := range l.proxies {
		p.Cut()
	}
	if err := pause(ctx, while); err != nil {
		return nil, errors.Join(err, pace.Stop())
	}
	s := contest.Sample{rate: pace.Rate()}
	if err := pace.Stop(); err != nil {
		return nil, err
	}
	healed := time.Now()
	for _, p := range l.proxies {
		if err := p.Heal(); err != nil {
			return nil, err
		}
	}
	if _, _, err := l.w.once(); err != nil {
		return nil, err
	}
	s[untilEqual] = contest.Millis(time.Since(healed))
	return s, nil
}

func reportCut(r *report.Report, shop *workshop, scores []contest.Score) {
	while := shop.cutFor()
	r.Title = fmt.Sprintf("A node cut off for %v at %d writes a second: from the heal until equal", while, cutRate)
	for _, fanout := range shop.fanouts {
		r.Goals = append(r.Goals, compared(fmt.Sprintf("A node cut off for %v, %s: from the heal until equal, against Redis's partial resync", while, fanout), scores,
			"Xylem "+fanout, redisPartialName, untilEqual, report.Goal{Bound: 0.15}))
	}
	table := report.Table{Columns: []string{"server", "ms (least to greatest)", "against Redis (least to greatest)", "writes/s meanwhile"}}
	for _, s := range scores {
		table.Add(s.Name, contest.Spread(s.Of(untilEqual)), ratio(s, scores, redisPartialName, untilEqual), contest.Figure(s.Median(rate)))
	}
	r.Tables = []report.Table{table}
	r.Charts = []report.Chart{chart(r.Title, "milliseconds, less is better", scores, untilEqual, isOurs)}
	r.Note("A server and one that follows it; proxies of the benchmark stand between them, both ways. Cutting ends all connections, and refuses new ones; it lasts up to a second longer, by another part of "+
		"it in each round. Writes go to random ones of %d keys until the heal; then one more is written, and the clock stops when the node answers with it.", load.ManyKeys)
}
