package main

import (
	"context"
	"fmt"
	"slices"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
)

const (
	backlog        = 100_000 // writes in the queue that drains
	quickBacklog   = 20_000
	backlogClients = 64
)

// Metrics of a drain, beside those of any load.
const (
	writesDone   contest.Metric = "writes"
	secondsTaken contest.Metric = "seconds"
	worstMillis  contest.Metric = "longest latency, milliseconds"
	batchesSent  contest.Metric = "batches of the queue"
	awaySeconds  contest.Metric = "from starting the root to the beginning of the drain, seconds"
	earlyAnswers contest.Metric = "answers before the first 200 since the root was started"
)

// The rows of one tree, in the order in which an outage finds them.
const (
	rowTaken = iota
	rowDrained
	rowHereIdle
	rowHereDraining
	rowElsewhereIdle
	rowElsewhereDraining
	rowsOfDrain
)

var drainRows = [rowsOfDrain]string{
	"taken while cut off, %d clients",
	"drained",
	"fresh at that leaf, idle tree",
	"fresh at that leaf, during the drain",
	"fresh at another leaf, idle tree",
	"fresh at another leaf, during the drain",
}

// measureDrain times how a leaf takes writes while the root is dead, how they
// drain when it is back, and what fresh writes meanwhile have to wait.
func measureDrain(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	writes := backlog
	if shop.quick {
		writes = quickBacklog
	}
	var contestants []contest.Contestant
	for _, fsync := range []string{"always", "never"} {
		var found [rowsOfDrain]contest.Sample
		for row, what := range drainRows {
			if row == rowTaken {
				what = fmt.Sprintf(what, backlogClients)
			}
			contestants = append(contestants, contest.Contestant{Name: "fsync " + fsync + ": " + what, Play: func(ctx context.Context) (s contest.Sample, err error) {
				if row == rowTaken {
					found, err = shop.drainOnce(ctx, writes, "data.fsync="+fsync)
				}
				return found[row], err
			}})
		}
	}
	scores, err := contest.Interleave(ctx, rounds, contestants)
	if err != nil {
		return err
	}
	reportDrain(r, scores, rounds, writes)
	return nil
}

func reportDrain(r *report.Report, scores []contest.Score, rounds, writes int) {
	r.Title = fmt.Sprintf("A queue of %d writes at a leaf of a tree of depth 3, drained after the root was killed and started again", writes)
	table := report.Table{Columns: []string{"data.fsync and writes", "writes", "s", "writes/s", "p50 ms", "p99 ms", "longest ms"}}
	var refused, starved, longest float64
	for tree := range slices.Chunk(scores, rowsOfDrain) {
		refused += tree[rowTaken].Sum(contest.Refusals)
		for _, row := range []int{rowHereDraining, rowElsewhereDraining} {
			starved += tree[row].Sum(contest.Refusals)
			longest = max(longest, slices.Max(tree[row].Of(worstMillis))/1e3)
		}
		r.Note("%s: in %.0f batches, the first of them through %.2f s after the root's process was started. Until its node knew of the root, "+
			"a fresh write was answered with 202: in all rounds %.0f at that leaf and %.0f at the other.", tree[rowDrained].Name, tree[rowDrained].Median(batchesSent),
			tree[rowDrained].Median(awaySeconds), tree[rowHereDraining].Sum(earlyAnswers), tree[rowElsewhereDraining].Sum(earlyAnswers))
	}
	for i, s := range scores {
		cells := []string{s.Name, fmt.Sprintf("%.0f", s.Median(writesDone)), fmt.Sprintf("%.2f", s.Median(secondsTaken)), fmt.Sprintf("%.0f", s.Median(contest.PerSecond))}
		for _, m := range []contest.Metric{contest.P50Millis, contest.P99Millis, worstMillis} {
			cell := fmt.Sprintf("%.2f", s.Median(m))
			if i%rowsOfDrain == rowDrained {
				cell = "" // a queue has no clients that wait
			}
			cells = append(cells, cell)
		}
		table.Add(cells...)
	}
	r.Tables = []report.Table{table}
	r.Goals = []report.Goal{
		{What: "writes at a leaf that is cut off, not answered with 202", Measured: refused},
		{What: "fresh writes during the drain, not answered with 200 once their node knew of the root", Measured: starved},
		{What: "longest fresh write during the drain, seconds", Measured: longest, Bound: 1},
	}
	r.Note("Values of %d bytes, each to a key of its own; rounds: %d, each with a new tree. Fresh writes come from one client at each leaf, one at a time. "+
		"After each drain the root and the other leaf had what was written, and the leaf said of one of the last writes that it was ordered.", load.ValueBytes, rounds)
}
