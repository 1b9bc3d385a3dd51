package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// place is where the nodes of a tree stand, and how long messages take there. A node
// stands in one of the regions, each as likely as the others, wherever it is in the tree, for nodes get
// their places in the tree as they arrive; the root stands in the first.
//
// A message takes the median one-way time of the two regions, times a lognormal factor.
// One of a thousand waits longer, exponentially distributed: for a processor, a
// full queue or a garbage collection.
type place struct {
	name    string
	key     string            // for the command line
	medians [][]float64       // one-way, seconds, from region to region
	sigma   float64           // of the logarithm of the factor
	step    float64           // of the model's grid, seconds
	spacing time.Duration     // between two writes on an idle tree
	longest func(int) float64 // horizon of the model for a depth, seconds
}

// The tail of every place: how likely a message waits longer, and the mean of that in
// seconds.
const (
	tailShare = 0.001
	tailMean  = 0.005
)

// What a lost packet costs: a retransmission after the least time-out of Linux, doubled
// with each further loss. packetBytes go into one.
const (
	retransmit  = 0.2
	packetBytes = 1448
)

// places are the three. The round trips of the world are of the order of those that
// cloud providers publish between Virginia, Oregon, Ireland, Tokyo and São Paulo.
func places() []place {
	return []place{
		{
			name: "one data centre", key: "dc", medians: [][]float64{{0.00025}}, sigma: 0.5, step: 20e-6, spacing: 50 * time.Millisecond,
			longest: func(depth int) float64 { return 0.12 + 0.005*float64(depth) },
		},
		{
			name: "one region", key: "region", sigma: 0.25, step: 40e-6, spacing: 100 * time.Millisecond,
			medians: halved([][]float64{{1.0, 1.4, 1.7}, {1.4, 1.0, 2.0}, {1.7, 2.0, 1.0}}),
			longest: func(depth int) float64 { return 0.14 + 0.008*float64(depth) },
		},
		{
			name: "the world", key: "world", sigma: 0.1, step: 1e-3, spacing: time.Second,
			medians: halved([][]float64{
				{1, 65, 70, 150, 115},
				{65, 1, 125, 100, 175},
				{70, 125, 1, 210, 180},
				{150, 100, 210, 1, 260},
				{115, 175, 180, 260, 1},
			}),
			longest: func(depth int) float64 { return 0.8 + 0.2*float64(depth) },
		},
	}
}

// halved turns round trips in milliseconds into one-way times in seconds.
func halved(trips [][]float64) [][]float64 {
	for _, row := range trips {
		for i := range row {
			row[i] /= 2000
		}
	}
	return trips
}

// transit draws how long a message of so many bytes takes between two regions, where
// packets are lost with the given probability.
func (p *place) transit(r *rand.Rand, from, to, bytes int, loss float64) time.Duration {
	seconds := p.medians[from][to] * math.Exp(p.sigma*r.NormFloat64())
	if r.Float64() < tailShare {
		seconds += tailMean * r.ExpFloat64()
	}
	if loss > 0 {
		lost := 1 - math.Pow(1-loss, float64((bytes+packetBytes-1)/packetBytes))
		for wait := retransmit; r.Float64() < lost; wait *= 2 {
			seconds += wait
		}
	}
	return time.Duration(seconds * float64(time.Second))
}
