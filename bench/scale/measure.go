package main

import (
	"math"
	"time"
)

// traffic is what went in or out at a node.
type traffic struct {
	requests int
	bytes    int
}

func (t *traffic) add(bytes int) { t.requests++; t.bytes += bytes }

// delays are durations in buckets, each 2 % wider than the one before.
type delays struct {
	counts [1024]int
	total  int
	most   time.Duration
}

// Least duration that is told apart, and the width of a bucket.
const (
	leastDelay  = float64(time.Microsecond)
	bucketRatio = 1.02
)

var logRatio = math.Log(bucketRatio)

func (d *delays) add(delay time.Duration) {
	i := 0
	if delay > time.Microsecond {
		i = min(int(math.Log(float64(delay)/leastDelay)/logRatio), len(d.counts)-1)
	}
	d.counts[i]++
	d.total++
	d.most = max(d.most, delay)
}

// quantile is the middle of the bucket in which the share q of all delays lies, 0
// where there is none.
func (d *delays) quantile(q float64) time.Duration {
	rank, seen := int(math.Ceil(q*float64(d.total))), 0
	for i, count := range d.counts {
		if seen += count; seen >= rank && count > 0 {
			return time.Duration(leastDelay * math.Pow(bucketRatio, float64(i)+0.5))
		}
	}
	return 0
}

// wave is one write, on its way to all nodes.
type wave struct {
	at      time.Duration // when it came to the root
	missing int           // nodes that lack it
	median  time.Duration // until half of the nodes had it
	last    time.Duration // until the last had it
}

// ledger is what is measured of a tree while measuring is on.
type ledger struct {
	on       bool
	waves    []wave // by seq, from first
	first    uint64 // the seq of waves[0], once that is ordered
	nodes    delays // from a write to each node, of all writes
	rootOut  traffic
	rootIn   traffic
	pushes   int // that the root sent
	rolls    int // that the root took
	whole    int // of those that were told whole
	signs    int // that the root took
	unserved int
	busy     time.Duration // of the root's processor
}

// arrived takes in that a node came from one version to another.
func (l *ledger) arrived(nodes int, before, now uint64, at time.Duration) {
	for seq := max(before+1, l.first); seq <= now && seq-l.first < uint64(len(l.waves)); seq++ {
		w := &l.waves[seq-l.first]
		w.missing--
		delay := at - w.at
		l.nodes.add(delay)
		if w.missing == nodes/2 {
			w.median = delay
		}
		if w.missing == 0 {
			w.last = delay
		}
	}
}

// complete reports whether all writes are at all nodes.
func (l *ledger) complete() bool {
	for i := range l.waves {
		if l.waves[i].missing > 0 {
			return false
		}
	}
	return true
}

// millis is quantile, in milliseconds.
func (d *delays) millis(q float64) float64 { return float64(d.quantile(q)) / float64(time.Millisecond) }

// merge adds all of others.
func (d *delays) merge(others *delays) {
	for i, count := range others.counts {
		d.counts[i] += count
	}
	d.total += others.total
	d.most = max(d.most, others.most)
}
