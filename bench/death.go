package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
)

const (
	deathDepth = 5
	quickDepth = 4
	// liveness is liveness.timeout: after that long without a sign a node counts as dead.
	liveness = time.Second
	// calmWrites is how many writes the time of a push is the median of.
	calmWrites = 50
)

// Metrics of a node's death.
const (
	downMillis contest.Metric = "until a write at the root is readable in the whole subtree, milliseconds"
	upMillis   contest.Metric = "until a write at a leaf of the subtree is answered with 200, milliseconds"
	pushMillis contest.Metric = "a write until readable in the whole subtree before, milliseconds"
)

// measureDeath kills a child of the root, and times until its subtree is served.
func measureDeath(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	depth := deathDepth
	if shop.quick {
		depth = quickDepth
	}
	var scores []contest.Score
	for _, fanout := range shop.fanouts {
		found, err := shop.playDeaths(ctx, depth, rounds, fanout)
		shop.StopAll()
		if err != nil {
			return err
		}
		scores = append(scores, found...)
	}
	r.Title = fmt.Sprintf("A child of the root dies or hangs in a tree of %d nodes: until its subtree is served again", 1<<depth-1)
	table := report.Table{Columns: []string{
		"what happened", "down: writes arrive, ms (least to greatest)", "up: writes are ordered, ms (least to greatest)", "a push before, p50 ms",
	}}
	for _, s := range scores {
		bound := contest.Millis(liveness) + s.Median(pushMillis)
		goal := func(what string, m contest.Metric) {
			r.Goals = append(r.Goals, report.Goal{
				What:     fmt.Sprintf("%s: until %s, against the detection time (%v) and one push", s.Name, what, liveness),
				Measured: s.Median(m) / bound, Bound: 1,
			})
		}
		goal("writes at the root arrive in its subtree", downMillis)
		goal("writes in its subtree are ordered", upMillis)
		table.Add(s.Name, contest.Spread(s.Of(downMillis)), contest.Spread(s.Of(upMillis)), contest.Figure(s.Median(pushMillis)))
	}
	r.Tables = []report.Table{table}
	r.Charts = []report.Chart{
		chart("A node in the middle dies: until writes at the root arrive below it", "milliseconds, less is better", scores, downMillis, isOurs),
		chart("A node in the middle dies: until writes from below it are ordered", "milliseconds, less is better", scores, upMillis, isOurs),
	}
	r.Note("%d processes, data.fsync never. NODE-2 is killed (-9), or stopped (SIGSTOP), so that its connections stay open and nothing answers. "+
		"One client then writes at the root once, and asks all nodes below the dead one in turn until each has it; another puts at the last of them, "+
		"again and again, until it is answered with 200. Afterwards the node goes on, or is started again, and all must be equal.", 1<<depth-1)
	return nil
}

// playDeaths has a node die and hang, round after round, in one tree.
func (shop *workshop) playDeaths(ctx context.Context, depth, rounds int, fanout string) ([]contest.Score, error) {
	t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: depth, Sets: []string{"data.fsync=never", "sync.fanout=" + fanout}})
	if err != nil {
		return nil, err
	}
	watched := servers.Group{t.Root.Process}
	var leaf *servers.Process
	for k := 2; k <= len(t.Members); k++ {
		if below(k, 2) {
			leaf = t.Members[k-1].Process
			watched = append(watched, leaf)
		}
	}
	w, err := watch(ctx, load.Xylem, watched)
	defer w.close()
	if err != nil {
		return nil, err
	}
	victim := t.Members[1]
	die := func(stop func(), again func() error) func(context.Context) (contest.Sample, error) {
		return func(ctx context.Context) (contest.Sample, error) {
			if err := throughVictim(ctx, t, victim, leaf, fanout); err != nil {
				return nil, err
			}
			s, err := lose(ctx, stop, leaf, w)
			if err := errors.Join(err, again()); err != nil {
				return nil, err
			}
			return s, t.Settle(ctx)
		}
	}
	return contest.Interleave(ctx, rounds, []contest.Contestant{
		{Name: "Xylem " + fanout + ", a node in the middle is killed", Play: die(func() { victim.Kill() }, func() (err error) {
			victim.Process, err = shop.Again(victim.Process)
			return err
		})},
		{Name: "Xylem " + fanout + ", a node in the middle hangs", Play: die(func() { victim.Freeze() }, func() error {
			victim.Thaw()
			return nil
		})},
	})
}

// below reports whether a position is in the subtree of another, and not its top.
func below(position, top int) bool {
	for position > top {
		if position /= 2; position == top {
			return true
		}
	}
	return false
}

// throughVictim waits until the victim passes on what is written at the leaf, and with
// the fan-out tree what is pushed to those below it: after it was away, others may go on
// doing that for a while.
func throughVictim(ctx context.Context, t *servers.Tree, victim *servers.Member, leaf *servers.Process, fanout string) error {
	return leaf.Await(ctx, victim.Name+" passes nothing on", func(ctx context.Context) error {
		before, err := victim.Counters(ctx)
		if err != nil {
			return err
		}
		pushed, err := pushedBelow(ctx, t)
		if err != nil {
			return err
		}
		if err := errors.Join(putUntilOrdered(ctx, leaf), t.Settle(ctx)); err != nil {
			return err
		}
		after, err := victim.Counters(ctx)
		if err != nil {
			return err
		}
		again, err := pushedBelow(ctx, t)
		switch {
		case err != nil:
			return err
		case after.Uplink.Writes == before.Uplink.Writes:
			return errors.New("writes took another way")
		case fanout == "tree" && again != pushed:
			return errors.New("the root pushes to nodes below it")
		}
		return nil
	})
}

// pushedBelow tells what the root itself last pushed to the nodes below its first child.
// It is another text as soon as the root has pushed to one of them.
func pushedBelow(ctx context.Context, t *servers.Tree) (string, error) {
	status, err := t.Root.Client.Synchronization(ctx)
	if err != nil {
		return "", err
	}
	text := ""
	for i, node := range status.Nodes {
		if below(i+1, 2) && node.LastPush != nil {
			text += fmt.Sprintf("%s %+v\n", node.Node, *node.LastPush)
		}
	}
	return text, nil
}

// lose is one round.
func lose(ctx context.Context, stop func(), leaf *servers.Process, w *watcher) (contest.Sample, error) {
	calm, err := w.times(calmWrites)
	if err != nil {
		return nil, err
	}
	s := contest.Sample{pushMillis: calm[contest.P50Millis]}
	began := time.Now()
	stop()
	var writing sync.WaitGroup
	var ordered error
	var up time.Duration
	writing.Go(func() {
		ordered = putUntilOrdered(ctx, leaf)
		up = time.Since(began)
	})
	_, _, err = w.once()
	s[downMillis] = contest.Millis(time.Since(began))
	writing.Wait()
	s[upMillis] = contest.Millis(up)
	return s, errors.Join(err, ordered)
}

// putUntilOrdered writes at a node until the root has ordered a write.
func putUntilOrdered(ctx context.Context, p *servers.Process) error {
	return p.Await(ctx, "its writes are not ordered", func(ctx context.Context) error {
		return p.Ask(ctx, load.HTTP, func(c *load.Connection) error {
			_, err := c.Exchange(load.PutRequest(load.Key(0), `"again"`))
			return err
		})
	})
}
