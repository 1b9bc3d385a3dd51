// Command bench measures Xylem against its goals and prints what it found, as a
// table and as the markdown that docs/benchmarks.md holds.
//
// It builds the xylem binary, starts real nodes and the servers that they are
// compared with as processes of their own, and loads them over loopback HTTP in
// interleaved rounds (A B A B ...), so that a noisy machine is noisy to all of
// them. What it says of them are medians, and ratios of rounds that ran beside
// each other.
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
	"time"
)

// measurement is one thing that is measured, by the name that -only takes.
type measurement struct {
	name string
	run  func(ctx context.Context, shop *workshop) (report, error)
}

// measurements is all of them, in the order in which they run.
var measurements = []measurement{
	{"get", measureGet},
	{"handler", measureHandler},
	{"put", measurePut},
	{"delta", measureDelta},
	{"propagation", measurePropagation},
	{"drain", measureDrain},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == bareCommand {
		exit(serveBare(os.Args[2:]))
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
	began := time.Now()
	shop, err := openWorkshop(ctx, set)
	if err != nil {
		return err
	}
	defer shop.close()
	where := machine()
	fmt.Println(where)
	var all []report
	var failures []error
	for _, m := range measurements {
		if len(set.only) > 0 && !slices.Contains(set.only, m.name) {
			continue
		}
		found, err := m.run(ctx, shop)
		shop.stopAll()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", m.name, err))
			continue
		}
		found.command = set.command(m.name)
		fmt.Print(found.text())
		all = append(all, found)
	}
	page := markdown(all, set, where, began)
	fmt.Printf("\n%s", page)
	if set.markdown != "" && len(failures) == 0 {
		failures = append(failures, writeMarkdown(set.markdown, page))
	}
	return errors.Join(failures...)
}
