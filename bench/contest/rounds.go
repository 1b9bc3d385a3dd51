// Package contest lets those that are compared take turns, round after round, and
// makes medians, ratios and their spread of what the rounds yield.
package contest

import (
	"context"
	"fmt"
)

// Metric names one number that a round yields.
type Metric string

// Metrics of any load; measurements have more of their own.
const (
	PerSecond Metric = "answers per second"
	CPUMicros Metric = "server CPU time of an answer, microseconds"
	P50Millis Metric = "median latency, milliseconds"
	P99Millis Metric = "99th percentile of latency, milliseconds"
	Refusals  Metric = "answers that were not what was asked for"
)

// Sample is what one contestant did in one round.
type Sample map[Metric]float64

// Contestant is one of those that are compared.
type Contestant struct {
	// Name is what the report calls it.
	Name string
	// Play is one turn. Its end may be waited for beyond its period.
	Play func(ctx context.Context) (Sample, error)
}

// Interleave lets the contestants play in turn, round after round. A round
// before the first warms them up and does not count.
func Interleave(ctx context.Context, rounds int, contestants []Contestant) ([]Score, error) {
	scores := make([]Score, len(contestants))
	for round := range rounds + 1 {
		for i, c := range contestants {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			s, err := c.Play(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			scores[i].Name = c.Name
			if round > 0 {
				scores[i].Samples = append(scores[i].Samples, s)
			}
		}
	}
	return scores, nil
}
