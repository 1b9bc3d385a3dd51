package main

import (
	"context"
	"fmt"
	"slices"
)

const (
	backlog        = 100_000 // writes in the queue that drains
	quickBacklog   = 20_000
	backlogClients = 64
	// mostDrains bounds the rounds of this measurement, each of which takes a tree of
	// its own and many seconds.
	mostDrains = 3
)

// Metrics of a drain, beside those of any load.
const (
	writesDone   metric = "writes"
	secondsTaken metric = "seconds"
	worstMillis  metric = "longest latency, milliseconds"
	batchesSent  metric = "batches of the queue"
	awaySeconds  metric = "from starting the root to the beginning of the drain, seconds"
	earlyAnswers metric = "answers before the first 200 since the root was started"
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
func measureDrain(ctx context.Context, shop *workshop) (report, error) {
	rounds, writes := min(shop.rounds, mostDrains), backlog
	if shop.quick {
		rounds, writes = 1, quickBacklog
	}
	var contestants []contestant
	for _, fsync := range []string{"always", "never"} {
		var found [rowsOfDrain]sample
		for row, what := range drainRows {
			if row == rowTaken {
				what = fmt.Sprintf(what, backlogClients)
			}
			contestants = append(contestants, contestant{"fsync " + fsync + ": " + what, func(ctx context.Context) (s sample, err error) {
				if row == rowTaken {
					found, err = shop.drainOnce(ctx, writes, "data.fsync="+fsync)
				}
				return found[row], err
			}})
		}
	}
	scores, err := interleave(ctx, rounds, contestants)
	if err != nil {
		return report{}, err
	}
	return reportDrain(scores, rounds, writes), nil
}

func reportDrain(scores []score, rounds, writes int) report {
	r := report{title: fmt.Sprintf("A queue of %d writes at a leaf of a tree of depth 3, drained after the root was killed and started again", writes)}
	r.table.columns = []string{"data.fsync and writes", "writes", "s", "writes/s", "p50 ms", "p99 ms", "longest ms"}
	var refused, starved, longest float64
	for tree := range slices.Chunk(scores, rowsOfDrain) {
		refused += tree[rowTaken].sum(refusals)
		for _, row := range []int{rowHereDraining, rowElsewhereDraining} {
			starved += tree[row].sum(refusals)
			longest = max(longest, slices.Max(tree[row].of(worstMillis))/1e3)
		}
		r.notes = append(r.notes, fmt.Sprintf("%s: in %.0f batches, the first of them through %.2f s after the root's process was started. Until its node knew of the root, "+
			"a fresh write was answered with 202: in all rounds %.0f at that leaf and %.0f at the other.", tree[rowDrained].name, tree[rowDrained].median(batchesSent),
			tree[rowDrained].median(awaySeconds), tree[rowHereDraining].sum(earlyAnswers), tree[rowElsewhereDraining].sum(earlyAnswers)))
	}
	for i, s := range scores {
		cells := []string{s.name, fmt.Sprintf("%.0f", s.median(writesDone)), fmt.Sprintf("%.2f", s.median(secondsTaken)), fmt.Sprintf("%.0f", s.median(perSecond))}
		for _, m := range []metric{p50Millis, p99Millis, worstMillis} {
			cell := fmt.Sprintf("%.2f", s.median(m))
			if i%rowsOfDrain == rowDrained {
				cell = "" // a queue has no clients that wait
			}
			cells = append(cells, cell)
		}
		r.table.add(cells...)
	}
	r.goals = []goal{
		{"writes at a leaf that is cut off, not answered with 202", refused, 0},
		{"fresh writes during the drain, not answered with 200 once their node knew of the root", starved, 0},
		{"longest fresh write during the drain, seconds", longest, 1},
	}
	r.notes = append(r.notes, fmt.Sprintf("Values of %d bytes, each to a key of its own; rounds: %d, each with a new tree. Fresh writes come from one client at each leaf, one at a time. "+
		"After each drain the root and the other leaf had what was written, and the leaf said of one of the last writes that it was ordered.", valueBytes, rounds))
	return r
}
