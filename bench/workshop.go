package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
)

// workshop is what the measurements share: how servers are started, and what the
// command line says.
type workshop struct {
	*servers.Workshop
	settings
}

// describe says in the report when, where and with how many rounds it is measured.
func describe(r *report.Report, rounds int) {
	played := "once"
	if rounds > 1 {
		played = fmt.Sprintf("%d rounds, medians", rounds)
	}
	r.Measured = fmt.Sprintf("%s, %s, %s", time.Now().UTC().Format(time.DateOnly), report.Machine(servers.LoadAverage()), played)
}

// absent reports whether err says that somebody is not installed, and notes that.
func absent(r *report.Report, err error) bool {
	if !errors.Is(err, servers.ErrMissing) {
		return false
	}
	r.Skipped = append(r.Skipped, err.Error())
	return true
}

// pause lets some time pass, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rival is somebody who is compared, before it runs.
type rival struct {
	name    string
	dialect load.Dialect
	start   func() (load.Target, error)
}

// one is a rival that is one process, which is filled with load.ManyKeys keys.
func one(ctx context.Context, name string, d load.Dialect, start func() (*servers.Process, error)) rival {
	return rival{name, d, func() (load.Target, error) {
		p, err := start()
		if err != nil {
			return load.Target{}, err
		}
		err = p.Ask(ctx, d.Protocol, func(c *load.Connection) error { return d.Fill(c, 0, load.ManyKeys, load.Key) })
		return p.Target(d.Protocol), err
	}}
}

// compared is a goal about a ratio to somebody, who may not have taken part.
func compared(what string, scores []contest.Score, ours, theirs string, m contest.Metric, g report.Goal) report.Goal {
	a, played := contest.Find(scores, ours)
	b, both := contest.Find(scores, theirs)
	if g.What = what; !played || !both {
		g.Unmeasured = strings.TrimSpace(theirs + " did not take part")
		return g
	}
	g.Measured = contest.Median(a.Against(b, m))
	return g
}

// ratio is the spread of one's metric against another's, empty if that one did not
// take part.
func ratio(s contest.Score, scores []contest.Score, theirs string, m contest.Metric) string {
	other, found := contest.Find(scores, theirs)
	if !found {
		return ""
	}
	return contest.Spread(s.Against(other, m))
}

// known is a metric's median, empty where it was not measured.
func known(s contest.Score, m contest.Metric) string {
	if len(s.Samples) == 0 {
		return ""
	}
	if _, measured := s.Samples[0][m]; !measured {
		return ""
	}
	return contest.Figure(s.Median(m))
}

// chart is a metric of all scores. ours tells which are Xylem's.
func chart(title, unit string, scores []contest.Score, m contest.Metric, ours func(name string) bool) report.Chart {
	c := report.Chart{Title: title, Unit: unit}
	for _, s := range scores {
		c.Bars = append(c.Bars, report.BarOf(s, m, ours(s.Name)))
	}
	return c
}
