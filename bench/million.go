package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"xylem/bench/load"
)

const (
	million      = 1_000_000
	quickMillion = 100_000
	fillers      = 64 // clients that fill a store
	fillPatience = 5 * time.Minute
)

// entries is how many entries a large store has.
func (shop *workshop) entries() int {
	if shop.quick {
		return quickMillion
	}
	return million
}

// fillLarge puts a value to each of n keys with many clients. ctx ends it.
func fillLarge(ctx context.Context, address string, d load.Dialect, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, fillPatience, fmt.Errorf("%d entries are not there after %v", n, fillPatience))
	defer cancel()
	var running sync.WaitGroup
	errs := make(chan error, fillers)
	for i := range fillers {
		running.Go(func() {
			if err := fillPart(ctx, address, d, i, n); err != nil {
				errs <- err
				cancel()
			}
		})
	}
	running.Wait()
	select {
	case err := <-errs:
		return fmt.Errorf("filling a store: %w", err)
	default:
		return nil
	}
}

// fillPart is one client of fillLarge: every fillers-th key.
func fillPart(ctx context.Context, address string, d load.Dialect, client, n int) error {
	conn, err := load.Dial(ctx, d.Protocol, address, client)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Close)()
	if err := conn.Deadline(time.Now().Add(fillPatience)); err != nil {
		return err
	}
	next := load.Values(uint64(client))
	for i := client; i < n; i += fillers {
		if _, err := conn.Exchange(d.Put(load.Key(i), next(), client)); err != nil {
			return err
		}
	}
	return nil
}
