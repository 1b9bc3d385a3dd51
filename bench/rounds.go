package main

import (
	"context"
	"fmt"
	"slices"
)

// metric names one number that a round yields.
type metric string

// Metrics of any load; measurements have more of their own.
const (
	perSecond metric = "answers per second"
	cpuMicros metric = "server CPU time of an answer, microseconds"
	p50Millis metric = "median latency, milliseconds"
	refusals  metric = "answers that were not 200"
	p99Millis metric = "99th percentile of latency, milliseconds"
)

// sample is what one contestant did in one round.
type sample map[metric]float64

// contestant is one of those that are compared.
type contestant struct {
	name string
	play func(ctx context.Context) (sample, error)
}

// score is what one contestant did, a sample per round, in order.
type score struct {
	name    string
	samples []sample
}

// interleave lets the contestants play in turn, round after round. A round
// before the first warms them up and does not count.
func interleave(ctx context.Context, rounds int, contestants []contestant) ([]score, error) {
	scores := make([]score, len(contestants))
	for round := range rounds + 1 {
		for i, c := range contestants {
			s, err := c.play(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			scores[i].name = c.name
			if round > 0 {
				scores[i].samples = append(scores[i].samples, s)
			}
		}
	}
	return scores, nil
}

// of is the metric round by round.
func (s score) of(m metric) []float64 {
	values := make([]float64, len(s.samples))
	for i, sample := range s.samples {
		values[i] = sample[m]
	}
	return values
}

// merge makes one round of every n, with the mean of each metric.
func (s score) merge(n int) score {
	merged := score{name: s.name}
	for part := range slices.Chunk(s.samples, n) {
		mean := sample{}
		for _, one := range part {
			for m, value := range one {
				mean[m] += value / float64(len(part))
			}
		}
		merged.samples = append(merged.samples, mean)
	}
	return merged
}

func (s score) median(m metric) float64 { return median(s.of(m)) }

// sum adds up the rounds.
func (s score) sum(m metric) float64 {
	sum := 0.0
	for _, value := range s.of(m) {
		sum += value
	}
	return sum
}

// against divides by another contestant's value of the same round: what slows
// the machine down for a while slows both.
func (s score) against(other score, m metric) []float64 {
	ratios, base := s.of(m), other.of(m)
	for i := range ratios {
		ratios[i] /= base[i]
	}
	return ratios
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	switch {
	case len(sorted) == 0:
		return 0
	case len(sorted)%2 == 0:
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// spread is a median with the least and the greatest of its values.
func spread(values []float64) string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(values), slices.Min(values), slices.Max(values))
}
