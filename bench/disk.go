package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
)

// appendName is who asks the disk alone.
const appendName = "bare append and fsync, 1 writer"

// appendAndSync is what the disk can do: one writer that appends the size of an
// entry and flushes, again and again. No write that is on the disk when it is
// answered can be faster alone.
func (shop *workshop) appendAndSync(ctx context.Context) (s contest.Sample, err error) {
	name := filepath.Join(shop.Dir, "append")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(name)) }()
	record := make([]byte, load.KeyBytes+load.ValueBytes+32)
	var latencies []time.Duration
	began := time.Now()
	for time.Since(began) < shop.period && ctx.Err() == nil {
		start := time.Now()
		if _, err := file.Write(record); err != nil {
			return nil, err
		}
		if err := file.Sync(); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(start))
	}
	elapsed := time.Since(began)
	slices.Sort(latencies)
	return contest.Sample{
		contest.PerSecond: float64(len(latencies)) / elapsed.Seconds(), syncsPerWrite: 1,
		contest.P50Millis: contest.Millis(contest.Quantile(latencies, 0.50)), contest.P99Millis: contest.Millis(contest.Quantile(latencies, 0.99)),
	}, ctx.Err()
}
