package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is something that breaks at one time and heals at another, both since the
// plan's begin.
type fault struct {
	at, until time.Duration
	what      string
	breaks    func(*brokenTree) (heals func())
}

// drawPlan draws what happens to a tree of so many nodes: something new every few
// hundred milliseconds. The same seed draws the same.
func drawPlan(rng *rand.Rand, count int, length time.Duration) []fault {
	d := &drawing{rng: rng, count: count, busy: make([]time.Duration, count+1)}
	for at := d.between(200, 600); at < length; at += d.between(100, 500) {
		switch roll := rng.IntN(100); {
		case roll < 30:
			d.process(at, "kill -9", func(b *brokenTree, k int) func() {
				b.kill(k)
				return func() { b.start(k) }
			})
		case roll < 50:
			d.process(at, "pause", func(b *brokenTree, k int) func() {
				b.pause(k)
				return func() { b.resume(k) }
			})
		default:
			d.network(at)
		}
	}
	return d.faults
}

type drawing struct {
	rng    *rand.Rand
	count  int
	busy   []time.Duration // of each k: until when its process is broken
	faults []fault
}

// between draws a time, in milliseconds.
func (d *drawing) between(least, most int) time.Duration {
	return time.Duration(least+d.rng.IntN(most-least)) * time.Millisecond
}

func (d *drawing) add(at, until time.Duration, what string, breaks func(*brokenTree) func()) {
	d.faults = append(d.faults, fault{at, until, fmt.Sprintf("%5d to %5d ms: %s", at.Milliseconds(), until.Milliseconds(), what), breaks})
}

// process breaks a process that is whole then; the root one time in four.
func (d *drawing) process(at time.Duration, what string, breaks func(*brokenTree, int) func()) {
	k := 1 + d.rng.IntN(d.count)
	if d.rng.IntN(4) == 0 {
		k = 1
	}
	until := at + d.between(100, 1500)
	if d.busy[k] > at {
		return
	}
	d.busy[k] = until + 50*time.Millisecond
	d.add(at, until, fmt.Sprintf("%s NODE-%d", what, k), func(b *brokenTree) func() { return breaks(b, k) })
}

// network cuts links.
func (d *drawing) network(at time.Duration) {
	k := 2 + d.rng.IntN(d.count-1) // not the root
	how := cutting(d.rng.IntN(2))
	until := at + d.between(200, 2500)
	parent := k / 2
	var what string
	var severs func(from, to int) bool
	switch d.rng.IntN(6) {
	case 0:
		what, severs = fmt.Sprintf("all that NODE-%d sends to NODE-%d", k, parent), oneWay(k, parent)
	case 1:
		what, severs = fmt.Sprintf("all that NODE-%d sends to NODE-%d", parent, k), oneWay(parent, k)
	case 2:
		what, severs = fmt.Sprintf("all that NODE-1 sends to NODE-%d", k), oneWay(1, k)
	case 3:
		what, severs = fmt.Sprintf("between NODE-%d and NODE-%d", k, parent), between([]int{k}, []int{parent})
	case 4:
		k = 1 + d.rng.IntN(d.count) // the root, too
		what, severs = fmt.Sprintf("NODE-%d from all", k), around([]int{k})
	case 5:
		inside := subtree(k, d.count)
		what, severs = fmt.Sprintf("%s from all others", names(inside)), around(inside)
	}
	d.add(at, until, fmt.Sprintf("cut, %s: %s", how, what), func(b *brokenTree) func() { return b.links.cut(how, severs) })
}

func oneWay(a, b int) func(from, to int) bool {
	return func(from, to int) bool { return from == a && to == b }
}

func between(as, bs []int) func(from, to int) bool {
	return func(from, to int) bool {
		return slices.Contains(as, from) && slices.Contains(bs, to) || slices.Contains(bs, from) && slices.Contains(as, to)
	}
}

// around severs what is inside from all others.
func around(inside []int) func(from, to int) bool {
	return func(from, to int) bool { return slices.Contains(inside, from) != slices.Contains(inside, to) }
}

// subtree is the node in position k and all below it.
func subtree(k, count int) []int {
	var all []int
	for below := []int{k}; len(below) > 0; below = below[1:] {
		if at := below[0]; at <= count {
			all = append(all, at)
			below = append(below, 2*at, 2*at+1)
		}
	}
	return all
}

func names(nodes []int) string {
	var texts []string
	for _, k := range nodes {
		texts = append(texts, fmt.Sprintf("NODE-%d", k))
	}
	return strings.Join(texts, ", ")
}

// play breaks the tree as planned and heals it. Times are met as well as the
// machine allows.
func (b *brokenTree) play(plan []fault) {
	type act struct {
		at time.Duration
		do func()
	}
	var acts []act
	for _, f := range plan {
		heal := func() {}
		acts = append(acts, act{f.at, func() { heal = f.breaks(b) }}, act{f.until, func() { heal() }})
	}
	slices.SortStableFunc(acts, func(x, y act) int { return int(x.at - y.at) })
	began := time.Now()
	for _, a := range acts {
		<-time.After(a.at - time.Since(began))
		a.do()
	}
}
