package main

import (
	"context"
	"os"
	"os/signal"
)

// untilSignal runs work under a context that the first Ctrl-C or SIGTERM ends, and waits for it to end gracefully. A
// second one abandons it: the process is about to exit.
func (a *app) untilSignal(ctx context.Context, work func(context.Context) error) error {
	signals := make(chan os.Signal, 2)
	a.notify(signals)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	for heard := 0; ; {
		select {
		case err := <-done:
			return err
		case <-signals:
			heard++
			stop()
		}
		if heard > 1 {
			return &failure{status: exitInterrupted, err: errInterrupted}
		}
	}
}
