package main

import (
	"math"
	"testing"

	xylem "xylem/node"
	"xylem/sync/replica"
)

// A small tree of each kind: all nodes come to the root's state, and the model says of it what
// is simulated.
func TestModelAgreesWithTheSimulation(t *testing.T) {
	for _, fanout := range fanouts {
		t.Run(fanout, func(t *testing.T) {
			s := defaults(7, fanout == "tree", places()[0])
			tr := newTree(s)
			tr.measure()
			tr.start()
			var r result
			if err := tr.settle(&r); err != nil {
				t.Fatal(err)
			}
			if err := tr.single(25, &r.Wave); err != nil {
				t.Fatal(err)
			}
			l := tr.steady(100, 1e4)
			_, digest := tr.root().store.Digest()
			for k := range tr.nodes[1:] {
				at, have := tr.nodes[k+1].store.Digest()
				if have != digest || at != tr.root().store.Applied() {
					t.Fatalf("NODE-%d is at %v and has %v, the root is at %v and has %v", k+1, at, have, tr.root().store.Applied(), digest)
				}
			}
			m, ml := predict(s), predictLoad(s, 100)
			within(t, "a node, p50, ms", r.Wave.NodeP50, 1000*m.nodeP50)
			within(t, "a node, p99, ms", r.Wave.NodeP99, 1000*m.nodeP99)
			within(t, "the last node, p50, ms", r.Wave.LastP50, 1000*m.lastP50)
			within(t, "requests that the root sends, a second", l.RequestsOut, ml.requestsOut)
			within(t, "bytes that the root sends, a second", l.BytesOut, ml.bytesOut)
			within(t, "bytes that come to the root, a second", l.BytesIn, ml.bytesIn)
			within(t, "the root's processor", l.Busy, ml.busy)
		})
	}
}

// within holds what was simulated against the model.
func within(t *testing.T, what string, simulated, model float64) {
	t.Helper()
	if math.Abs(simulated/model-1) > 0.25 {
		t.Errorf("%s: %.4g simulated, %.4g by the model", what, simulated, model)
	}
}

// An inner node that dies is gone round, whether what is sent to it is refused or
// not answered.
func TestTheDeathOfAnInnerNodeIsGoneRound(t *testing.T) {
	s := defaults(7, true, places()[0])
	r, err := measureTree(s, plan{waves: 1, deaths: true})
	if err != nil {
		t.Fatal(err)
	}
	sign := s.liveness / replica.SignsPerTimeout
	if most := 2 * sign; r.Killed > 1000*most.Seconds() {
		t.Errorf("%v ms until the nodes below a killed one have a write, more than two signs of life", r.Killed)
	}
	if most := 2*sign + xylem.ReportSilence(s.liveness); r.Vanished > 1000*most.Seconds() {
		t.Errorf("%v ms until the nodes below a vanished one have a write, more than two signs of life and a silence", r.Vanished)
	}
}

// Packets that are lost make the last node wait, in the simulation as in the model.
func TestLossIsInTheModel(t *testing.T) {
	s := defaults(7, true, places()[0])
	s.loss, s.place.step = 0.01, 100e-6
	r, err := measureTree(s, plan{waves: 20})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the last node, p50, ms", r.Wave.LastP50, 1000*predict(s).lastP50)
}
