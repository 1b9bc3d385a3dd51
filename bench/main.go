// Command bench measures Xylem beside other servers and against its goals, and
// prints what it found, as tables, and as the page that docs/benchmarks.md holds.
//
// It builds the xylem binary, starts real nodes and the servers that they are
// compared with as processes of their own, and loads them over loopback in
// interleaved rounds (A B A B ...), so that a noisy machine is noisy to all of
// them. What it says of them are medians, and ratios of rounds that ran beside
// each other. What is not installed is skipped, and the report says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"xylem/bench/report"
	"xylem/bench/servers"
)

// measurement is one thing that is measured, by the name that -only takes, in so many rounds
// at most. It fills in the report, of which all but the title and the figures is there.
type measurement struct {
	name   string
	run    func(ctx context.Context, shop *workshop, r *report.Report, rounds int) error
	rounds int
}

// measurements is all of them, in the order in which they run and are shown.
var measurements = []measurement{
	{"get", measureGet, mostRounds},
	{"handler", measureHandler, mostRounds},
	{"durable", measureDurable, 11},
	{"put", measurePut, mostRounds},
	{"propagation", measurePropagation, 21},
	{"converge", measureConverge, 11},
	{"delta", measureDelta, 1},
	{"fanout", measureFanout, 1},
	{"join", measureJoin, 3},           // each leaves one more node with all entries
	{"meanwhile", measureMeanwhile, 3}, // likewise
	{"memory", measureMemory, 1},
	{"cut", measureCut, 5},
	{"death", measureDeath, 3},
	{"drain", measureDrain, 3}, // each takes a tree of its own and many seconds
}

// names are those of all measurements.
func names() []string {
	all := make([]string, len(measurements))
	for i, m := range measurements {
		all[i] = m.name
	}
	return all
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == servers.BareCommand {
		exit(servers.ServeBare(os.Args[2:]))
	}
	set, err := readFlags(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithTimeoutCause(ctx, set.timeout, fmt.Errorf("not done within -timeout %v", set.timeout))
	err = bench(ctx, set)
	cancel()
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// bench runs the measurements one after the other. One that fails does not keep
// the others from running; a missed goal is a figure and no failure.
func bench(ctx context.Context, set settings) error {
	built, err := servers.Open(ctx)
	if err != nil {
		return err
	}
	defer built.Close()
	shop := &workshop{built, set}
	var all []report.Report
	var failures []error
	for _, m := range measurements {
		if len(set.only) > 0 && !slices.Contains(set.only, m.name) {
			continue
		}
		found := report.Report{Name: m.name, Command: set.command(m.name)}
		rounds := set.most(m.rounds)
		describe(&found, rounds)
		err := m.run(ctx, shop, &found, rounds)
		shop.StopAll()
		if ctx.Err() != nil {
			failures = append(failures, context.Cause(ctx))
			break
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", m.name, err))
			fmt.Fprintln(os.Stderr, "bench:", failures[len(failures)-1])
			continue
		}
		fmt.Print(found.Text())
		all = append(all, found)
	}
	if set.page != "" && len(all) > 0 {
		failures = append(failures, report.Write(set.page, names(), all))
	}
	return errors.Join(failures...)
}
