package main

import (
	"testing"
	"time"

	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// inner is a node right below the root of a tree of 65,535 nodes, half of which are
// below it.
type inner struct {
	core   *replica.Replica
	now    time.Duration
	at     version.Version
	first  wire.Roll // of its left child, whole
	second wire.Roll
	short  [2]wire.Roll // of both
}

const innerBelow = 16383 // of each of its children, themselves included

func newInner() *inner {
	s := defaults(2, true, places()[0])
	t := newTree(s)
	n := &t.nodes[2]
	in := &inner{core: n.core, now: time.Millisecond, at: n.store.Applied()}
	in.step(replica.Started{})
	in.step(replica.Above{Nodes: []uint32{1}})
	meta := n.store.Meta()
	_, digest := n.store.Digest()
	in.step(&replica.Piece{Sender: 1, Header: wire.Header{
		Kind: wire.Heartbeat, Root: 1, Number: 1, Last: true, Meta: meta, From: in.at, To: in.at, Sent: startUnix, Digest: digest, Live: uint64(s.keys),
	}})
	in.step(replica.RollTold{Reply: &wire.RollReply{Verdict: wire.RollTaken, Linked: true, Version: in.at}})
	in.first, in.second = in.whole(4), in.whole(5)
	in.step(&replica.Rolled{Roll: in.first})
	in.step(&replica.Rolled{Roll: in.second})
	for i, whole := range []*wire.Roll{&in.first, &in.second} {
		in.short[i] = wire.Roll{Tree: meta.Tree, Epoch: 1, Set: whole.Set, Floor: in.at, Heard: startUnix, Nodes: whole.Nodes[:1:1]}
	}
	return in
}

func (in *inner) step(i replica.Input) []replica.Effect {
	return in.core.Step(replica.Now{Mono: in.now, Unix: startUnix + in.now.Milliseconds()}, i)
}

// whole is the report of a child and those below it.
func (in *inner) whole(child uint32) wire.Roll {
	roll := wire.Roll{Tree: version.TreeID{1}, Epoch: 1, Whole: true, Set: uint64(child)<<32 | 1}
	for i := range uint32(innerBelow) {
		node := child
		if i > 0 {
			node = child<<16 + i
		}
		roll.Nodes = append(roll.Nodes, wire.Standing{Node: node, Process: uint64(node) * 7, Version: in.at, Heard: startUnix})
	}
	return roll
}

// What any step costs once its children have reported whole.
func BenchmarkStepAfterWhole(b *testing.B) {
	in := newInner()
	for range 3 { // until it has nothing to tell
		in.step(replica.RollTold{Reply: &wire.RollReply{Verdict: wire.RollTaken, Linked: true, Version: in.at}})
	}
	b.ReportAllocs()
	for b.Loop() {
		in.step(replica.RootTime{Epoch: 1, Millis: startUnix})
	}
}

// What a sign of life of a child costs.
func BenchmarkShortReport(b *testing.B) {
	in := newInner()
	b.ReportAllocs()
	for b.Loop() {
		in.step(&replica.Rolled{Roll: in.short[0]})
	}
}

// What the node's own sign of life costs.
func BenchmarkOwnReport(b *testing.B) {
	in := newInner()
	b.ReportAllocs()
	told := &wire.RollReply{Verdict: wire.RollTaken, Linked: true, Version: in.at}
	for b.Loop() {
		for i := range in.short {
			in.step(&replica.Rolled{Roll: in.short[i]})
		}
		in.step(replica.RollTold{Reply: told})
		in.now += time.Second / 3
		in.step(replica.Wake{})
	}
}
