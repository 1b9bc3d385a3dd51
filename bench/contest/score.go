package contest

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Score is what one contestant did, a sample per round, in order.
type Score struct {
	// Name is the contestant's.
	Name string
	// Samples holds one for each round that counts.
	Samples []Sample
}

// Of is the metric round by round.
func (s Score) Of(m Metric) []float64 {
	values := make([]float64, len(s.Samples))
	for i, sample := range s.Samples {
		values[i] = sample[m]
	}
	return values
}

// Merge makes one round of every n, with the mean of each metric.
func (s Score) Merge(n int) Score {
	merged := Score{Name: s.Name}
	for part := range slices.Chunk(s.Samples, n) {
		mean := Sample{}
		for _, one := range part {
			for m, value := range one {
				mean[m] += value / float64(len(part))
			}
		}
		merged.Samples = append(merged.Samples, mean)
	}
	return merged
}

// Median is that of the metric over all rounds.
func (s Score) Median(m Metric) float64 { return Median(s.Of(m)) }

// Quiet is the metric in the round that a quarter of the rounds do not exceed: of a
// cost, what it is while nothing else disturbs the machine.
func (s Score) Quiet(m Metric) float64 {
	sorted := slices.Sorted(slices.Values(s.Of(m)))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/4]
}

// Sum adds up the rounds.
func (s Score) Sum(m Metric) float64 {
	sum := 0.0
	for _, value := range s.Of(m) {
		sum += value
	}
	return sum
}

// Against divides by another contestant's value of the same round: what slows
// the machine down for a while slows both.
func (s Score) Against(other Score, m Metric) []float64 {
	ratios, base := s.Of(m), other.Of(m)
	for i := range ratios {
		ratios[i] /= base[i]
	}
	return ratios
}

// Find is the score of that name, and whether there is one.
func Find(scores []Score, name string) (Score, bool) {
	i := slices.IndexFunc(scores, func(s Score) bool { return s.Name == name })
	if i < 0 {
		return Score{}, false
	}
	return scores[i], true
}

// Median is the middle value, or the mean of the two in the middle; 0 of none.
func Median(values []float64) float64 {
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

// Spread is a median with the least and the greatest of its values.
func Spread(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s to %s)", Figure(Median(values)), Figure(slices.Min(values)), Figure(slices.Max(values)))
}

// Figure is a number with as many digits as it can bear: three that count below a
// thousand, and no fraction above.
func Figure(value float64) string {
	size := math.Abs(value)
	switch {
	case size >= 100 || value == 0:
		return fmt.Sprintf("%.0f", value)
	case size >= 10:
		return fmt.Sprintf("%.1f", value)
	case size >= 0.1:
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.3f", value)
}

// Quantile is the least of the sorted durations that a share q of them does not exceed.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(float64(len(sorted))*q), len(sorted)-1)]
}

// Timed is the sample of some times, in any order.
func Timed(times []time.Duration) Sample {
	sorted := slices.Sorted(slices.Values(times))
	return Sample{P50Millis: Millis(Quantile(sorted, 0.50)), P99Millis: Millis(Quantile(sorted, 0.99))}
}

// Millis is a duration in milliseconds.
func Millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
