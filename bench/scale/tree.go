package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
)

// settings are what a run depends on.
type settings struct {
	parameters
	place place
}

// parameters are the settings that can be compared.
type parameters struct {
	depth    int
	relay    bool          // sync.fanout: tree
	loss     float64       // of packets
	cost     time.Duration // of the processor, for a request sent and its answer read, or for one taken and answered
	flush    time.Duration // median of the root's disk
	write    time.Duration // a record at a node's disk, not flushed
	liveness time.Duration
	schedule time.Duration
	keys     int
	value    int // bytes
	seed     uint64
}

// defaults are those of a node, at a place.
func defaults(depth int, relay bool, p place) settings {
	return settings{place: p, parameters: parameters{
		depth: depth, relay: relay, cost: 20 * time.Microsecond, flush: 300 * time.Microsecond, write: 20 * time.Microsecond,
		liveness: time.Second, schedule: 5 * time.Second, keys: 32, value: 100, seed: 1,
	}}
}

// size is how many nodes there are.
func (s *settings) size() int { return 1<<s.depth - 1 }

// tree is a simulated tree in virtual time. Node k is at position k.
type tree struct {
	settings
	agenda agenda
	now    time.Duration
	rand   *rand.Rand
	nodes  []node // by k; the first is nobody
	ledger ledger
	bodies bodies
	buffer []byte // of what is encoded only to be weighed
	writes int
	dead   int // how many nodes are
}

// newTree makes a tree whose nodes all hold the same few entries, as after a restart.
// Nothing has happened yet.
func newTree(s settings) *tree {
	t := &tree{settings: s, rand: rand.New(rand.NewPCG(s.seed, 0x7363616c65))}
	meta := store.Meta{Tree: version.TreeID{1}, Epoch: 1, Run: 1}
	entries := make([]*store.Entry, s.keys)
	for i := range entries {
		v := version.Version{Epoch: 1, Seq: uint64(i + 1)}
		entries[i] = &store.Entry{Key: t.key(i), Value: t.drawValue(), Version: v, Stamp: version.StampAt(startUnix), Write: version.WriteID{Node: 1, Counter: v.Seq}}
	}
	meta.Stamp = version.StampAt(startUnix)
	t.nodes = make([]node, t.size()+1)
	for k := 1; k < len(t.nodes); k++ {
		t.nodes[k].begin(t, k, meta, entries)
	}
	return t
}

// startUnix is the wall clock at the time 0, in milliseconds.
const startUnix = 1_800_000_000_000

func (t *tree) key(i int) string { return fmt.Sprintf("key-%012d", i) }

func (t *tree) drawValue() string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	value := make([]byte, t.value)
	for i := range value {
		value[i] = letters[t.rand.IntN(len(letters))]
	}
	value[0], value[len(value)-1] = '"', '"'
	return string(value)
}

func (t *tree) root() *node { return &t.nodes[1] }

// start has all nodes begin. Those below the root do so within the time between two signs of life.
func (t *tree) start() {
	var members replica.Members
	for k := 2; k < len(t.nodes); k++ {
		members.Members = append(members.Members, replica.Member{Node: uint32(k), Instance: fmt.Sprint(process(k))})
	}
	root := t.root()
	root.step(replica.Started{})
	root.step(members)
	for k := 2; k < len(t.nodes); k++ {
		n := &t.nodes[k]
		n.step(replica.Started{})
		var above replica.Above
		for p := k / 2; p > 0; p /= 2 {
			above.Nodes = append(above.Nodes, uint32(p))
		}
		n.step(above)
		t.agenda.add(event{at: time.Duration(t.rand.Int64N(int64(t.signInterval()))), kind: signDue, node: int32(k)})
	}
	t.agenda.add(event{at: t.schedule, kind: ticked, node: 1})
}

// run lets everything happen until a time, or until done.
func (t *tree) run(until time.Duration, done func() bool) {
	for len(t.agenda.heap) > 0 && t.agenda.heap[0].at <= until {
		e := t.agenda.next()
		t.now = e.at
		t.happen(&e)
		if done != nil && done() {
			return
		}
	}
	t.now = until
}

func (t *tree) happen(e *event) {
	n := &t.nodes[e.node]
	switch e.kind {
	case requestArrives:
		t.arrive(e.call)
	case requestTaken:
		e.call.take()
	case answerArrives:
		if !e.call.ended {
			t.agenda.add(event{at: n.work(t.cost / 2), kind: answerTaken, node: e.node, call: e.call})
		}
	case answerTaken:
		if !e.call.ended {
			e.call.ended = true
			n.answered(e.call, true)
		}
	case callSilent:
		if !e.call.ended {
			e.call.ended = true
			n.answered(e.call, false)
		}
	case written:
		n.step(replica.Persisted{})
	case woken:
		n.wakes()
	case signDue:
		n.giveSign()
	case ticked:
		n.step(replica.Tick{})
		t.agenda.add(event{at: t.now + t.schedule, kind: ticked, node: 1})
	case submitted:
		n.submit()
	}
}

// put has a client write to the root now; it is measured until all nodes have it.
func (t *tree) put() { t.agenda.add(event{at: t.now, kind: submitted, node: 1}) }

// measure begins to measure, from the next write on.
func (t *tree) measure() {
	t.ledger = ledger{on: true, first: t.root().store.Applied().Seq + 1 + uint64(t.ordering())}
}

// ordering is how many writes the root has taken and not ordered yet.
func (t *tree) ordering() int { return t.keys + t.writes - int(t.root().store.Applied().Seq) }
