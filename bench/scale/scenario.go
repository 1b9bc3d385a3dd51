package main

import (
	"errors"
	"fmt"
	"time"
)

// waveOf is what single writes on an idle tree cost, in milliseconds.
type waveOf struct {
	Writes   int     `json:"writes"`
	NodeP50  float64 `json:"node_p50"` // until a node has a write
	NodeP99  float64 `json:"node_p99"`
	LastP50  float64 `json:"last_p50"` // until the last node has it
	LastP99  float64 `json:"last_p99"`
	LastMost float64 `json:"last_most"`
}

// steady is what a steady load costs the root.
type steady struct {
	Writes      float64 `json:"writes"` // per second
	Seconds     float64 `json:"seconds"`
	RequestsOut float64 `json:"requests_out"` // per second
	BytesOut    float64 `json:"bytes_out"`    // answers to requests included
	RequestsIn  float64 `json:"requests_in"`  // without those of clients
	BytesIn     float64 `json:"bytes_in"`
	Busy        float64 `json:"busy"`    // share of one processor
	Backlog     float64 `json:"backlog"` // seconds of work that wait for it at the end
	Reports     float64 `json:"reports"` // of those that came in, per second
	NodeP50     float64 `json:"node_p50"`
	NodeP99     float64 `json:"node_p99"`
	LastP50     float64 `json:"last_p50"`
	NodeMost    float64 `json:"node_most"`
}

// result is one run.
type result struct {
	Place      string   `json:"place"`
	Fanout     string   `json:"fanout"`
	Depth      int      `json:"depth"`
	Loss       float64  `json:"loss"`
	Liveness   float64  `json:"liveness"`   // seconds
	Restart    float64  `json:"restart"`    // ms from the root's start until all have heard of its epoch
	RestartIn  float64  `json:"restart_in"` // bytes into the root until then and a second more
	Wave       waveOf   `json:"wave"`
	Loads      []steady `json:"loads,omitempty"`      // the first is without writes
	Overloaded string   `json:"overloaded,omitempty"` // why nothing else was measured
	Killed     float64  `json:"killed,omitempty"`     // ms until its subtree has the next write: the process ended
	Vanished   float64  `json:"vanished,omitempty"`   // likewise: its machine is gone, and nothing answers
}

func (r *result) fanout(relay bool) {
	r.Fanout = "direct"
	if relay {
		r.Fanout = "tree"
	}
}

// errOverloaded says that the root cannot keep up with what the tree asks of it.
var errOverloaded = errors.New("the root cannot keep up")

// plan is what is to be measured in one run.
type plan struct {
	waves  int
	rates  []float64
	pushes float64 // bound of what a steady load takes, in pushes of all nodes
	deaths bool
}

const millisecond = float64(time.Millisecond)

// measureTree runs a plan.
func measureTree(s settings, p plan) (result, error) {
	r := result{Place: s.place.key, Depth: s.depth, Loss: s.loss, Liveness: s.liveness.Seconds()}
	r.fanout(s.relay)
	t := newTree(s)
	t.measure()
	t.start()
	if err := t.settle(&r); err != nil {
		return r, err
	}
	if err := t.single(p.waves, &r.Wave); err != nil {
		return r, err
	}
	for _, rate := range p.rates {
		r.Loads = append(r.Loads, t.steady(rate, p.pushes))
	}
	if p.deaths && s.relay && s.depth > 3 { // in smaller ones none is half way
		middle := 1 << (s.depth / 2)
		var err error
		if r.Killed, err = t.death(middle, true); err == nil {
			r.Vanished, err = t.death(middle+2, false)
		}
		return r, err
	}
	return r, nil
}

// settle waits until all nodes have heard of the root's epoch, and a second more.
func (t *tree) settle(r *result) error {
	const bound = 20 * time.Second
	unheard := len(t.nodes) - 1
	for k := 2; unheard > 0; {
		for k < len(t.nodes) && t.nodes[k].store.Meta().Epoch >= 2 {
			k++
		}
		if unheard = len(t.nodes) - k; unheard == 0 {
			break
		}
		if backlog := t.root().free - t.now; t.now >= bound || backlog > 4*t.liveness {
			return fmt.Errorf("%w: after %v %d nodes have not heard of its epoch, and %v of work wait for its processor", errOverloaded, t.now, unheard, backlog)
		}
		t.run(t.now+time.Millisecond, nil)
	}
	r.Restart = float64(t.now) / millisecond
	t.run(t.now+t.liveness, nil)
	r.RestartIn = float64(t.ledger.rootIn.bytes)
	if backlog := t.root().free - t.now; backlog > t.liveness/4 {
		return fmt.Errorf("%w: %v of work wait for its processor", errOverloaded, backlog)
	}
	return nil
}

// single writes on an idle tree, one after the other.
func (t *tree) single(writes int, w *waveOf) error {
	var last delays
	var nodes delays
	spacing := t.place.spacing
	if !t.relay { // the root has to have read all answers, too
		spacing += 2 * time.Duration(t.size()) * t.cost
	}
	for range writes {
		t.run(t.now+time.Duration((0.5+t.rand.Float64())*float64(spacing)), nil)
		t.measure()
		t.put()
		t.run(t.now+time.Minute, func() bool { return len(t.ledger.waves) == 1 && t.ledger.complete() })
		if !t.ledger.complete() {
			return fmt.Errorf("%w: after a minute %d nodes lack a write", errOverloaded, t.ledger.waves[0].missing)
		}
		last.add(t.ledger.waves[0].last)
		nodes.merge(&t.ledger.nodes)
	}
	*w = waveOf{
		Writes: writes, NodeP50: nodes.millis(0.5), NodeP99: nodes.millis(0.99),
		LastP50: last.millis(0.5), LastP99: last.millis(0.99), LastMost: float64(last.most) / millisecond,
	}
	return nil
}

// steady measures a steady load: for some seconds, or less where that takes more pushes than the
// bound.
func (t *tree) steady(rate, pushes float64) steady {
	seconds := t.schedule.Seconds() // so that one of its ticks is in it
	if rate > 0 {
		perSecond := float64(t.size()) * min(rate, 1/t.place.roundTrip())
		if !t.relay {
			perSecond = min(perSecond, 1/t.cost.Seconds())
		}
		seconds = min(max(pushes/perSecond, 0.05), 3)
	}
	warm, until := t.now, t.now+time.Duration(seconds*float64(time.Second))
	if rate > 0 { // writes go on before and after what is measured
		interval := time.Duration(float64(time.Second) / rate)
		warm += time.Duration(seconds / 4 * float64(time.Second))
		until += warm - t.now
		for at := t.now; at < until; at += interval {
			t.agenda.add(event{at: at, kind: submitted, node: 1})
		}
	}
	t.run(warm, nil)
	t.measure()
	t.run(until, nil)
	t.ledger.on = false
	l := t.ledger
	r := steady{
		Writes: rate, Seconds: seconds, RequestsOut: float64(l.rootOut.requests) / seconds, BytesOut: float64(l.rootOut.bytes) / seconds,
		RequestsIn: float64(l.rootIn.requests) / seconds, BytesIn: float64(l.rootIn.bytes) / seconds, Reports: float64(l.rolls) / seconds,
		Busy: l.busy.Seconds() / seconds, Backlog: max(t.root().free-t.now, 0).Seconds(),
	}
	t.run(t.now+10*time.Second, t.ledger.complete)
	var last delays
	for i := range t.ledger.waves {
		if t.ledger.waves[i].missing == 0 {
			last.add(t.ledger.waves[i].last)
		}
	}
	nodes := &t.ledger.nodes
	r.NodeP50, r.NodeP99, r.NodeMost, r.LastP50 = nodes.millis(0.5), nodes.millis(0.99), float64(nodes.most)/millisecond, last.millis(0.5)
	return r
}

// death has a node fail, and tells how long it takes until all below it have a write that comes at that
// moment, in milliseconds.
func (t *tree) death(k int, refuses bool) (float64, error) {
	n := &t.nodes[k]
	n.dead, n.refuses = true, refuses
	t.dead++
	t.measure()
	t.put()
	t.run(t.now+time.Minute, func() bool { return len(t.ledger.waves) == 1 && t.ledger.complete() })
	if !t.ledger.complete() {
		return 0, fmt.Errorf("a minute after the death of NODE-%d %d nodes lack a write", k, t.ledger.waves[0].missing)
	}
	took := float64(t.ledger.waves[0].last) / millisecond
	t.run(t.now+2*t.liveness, nil)
	return took, nil
}
