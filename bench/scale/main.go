// Command scale finds out what a tree of a thousand to a hundred thousand nodes costs: it runs
// the real protocol core of every node in virtual time, on processors and a network
// that are drawn from written distributions, and holds what it measures against a
// model (docs/scale.md).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"time"
)

func main() {
	o, err := parse(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(2)
	}
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func (o *options) run() error {
	if o.page != "" {
		return writePage(o.page, o.results, o.cost)
	}
	debug.SetGCPercent(200)
	if o.profile != "" {
		file, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer context.AfterFunc(ctx, func() {
		stop() // the next one ends the process
		fmt.Fprintln(os.Stderr, "scale: ends when this tree is measured; interrupt again to end at once")
	})()
	return o.all(ctx)
}

// all does the runs one after the other, until ctx ends.
func (o *options) all(ctx context.Context) error {
	for _, depth := range o.depths {
		for _, p := range o.places {
			for _, loss := range o.losses {
				for _, fanout := range o.fanouts {
					if ctx.Err() != nil {
						return errors.New("interrupted; not all trees were measured")
					}
					if err := o.one(depth, p, loss, fanout); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// one does one run, prints it beside the model and keeps it.
func (o *options) one(depth int, p place, loss float64, fanout string) error {
	s := defaults(depth, fanout == "tree", p)
	s.loss, s.cost, s.liveness = loss, o.cost, o.liveness
	began := time.Now()
	r, err := measureTree(s, o.plan)
	if err != nil {
		if !errors.Is(err, errOverloaded) {
			return err
		}
		r.Overloaded = err.Error()
	}
	printRun(os.Stdout, s, &r, time.Since(began))
	if o.results == "" {
		return nil
	}
	return keep(o.results, r)
}
