package main

import (
	"math"
	"slices"
	"time"

	"xylem/coordinator"
	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// node is one simulated process: the real core, and what carries out its effects. It
// has one processor, on which what is to be done waits its turn.
type node struct {
	tree    *tree
	core    *replica.Replica
	store   *store.Store
	id      int32
	region  uint8
	dead    bool
	refuses bool // where dead: what is sent to it is refused at once

	applied  uint64        // seq that the store was seen at
	free     time.Duration // when the processor has done all that waits for it
	waking   time.Duration // when an event wakes the core, 0 for never
	shunned  []int32       // ancestors that did not answer
	bypassed int32         // one that answered and brought nothing
	until    time.Duration // for how long
	reported int32         // who took the last roll
	delay    time.Duration // between signs of life while the root does not answer
}

// process is the random number of a node's process.
func process(k int) uint64 { return uint64(k) * 0x9e3779b97f4a7c15 }

// begin makes node k, which holds entries.
func (n *node) begin(t *tree, k int, meta store.Meta, entries []*store.Entry) {
	n.tree, n.id, n.region = t, int32(k), uint8(t.rand.IntN(len(t.place.medians)))
	if k == 1 {
		n.region = 0
	}
	n.store = store.New()
	to := entries[len(entries)-1].Version
	_, _ = n.store.Apply(version.Version{}, to, meta, entries) // it is empty
	n.applied = to.Seq
	core := replica.Defaults(t.liveness)
	core.Node, core.Root, core.Relay, core.Store, core.NewRun, core.QueueBytes = uint32(k), 1, t.relay, n.store, process(k), 1<<20
	n.core = replica.New(core)
}

// work has the processor do something as soon as it has done all that was to be
// done before, and tells when that is done.
func (n *node) work(cost time.Duration) time.Duration {
	n.free = max(n.free, n.tree.now) + cost
	if n.id == 1 && n.tree.ledger.on {
		n.tree.ledger.busy += cost
	}
	return n.free
}

// step hands the core an input and carries out what it asks for.
func (n *node) step(in replica.Input) {
	if n.dead {
		return
	}
	t := n.tree
	effects := n.core.Step(replica.Now{Mono: t.now, Unix: startUnix + t.now.Milliseconds()}, in)
	if seq := n.store.Applied().Seq; seq != n.applied {
		if n.id != 1 {
			t.ledger.arrived(t.size()-1-t.dead, n.applied, seq, t.now)
		}
		n.applied = seq
	}
	for _, e := range effects {
		n.perform(e)
	}
	n.wakeLater()
}

// wakeLater makes sure that the core is woken when it wants to be.
func (n *node) wakeLater() {
	at, set := n.core.NextWake()
	if at = max(at, n.tree.now); set && (n.waking == 0 || at < n.waking) {
		n.waking = at + 1
		n.tree.agenda.add(event{at: n.waking, kind: woken, node: n.id})
	}
}

func (n *node) wakes() {
	if n.waking != n.tree.now { // an earlier one was asked for since
		return
	}
	n.waking = 0
	if at, set := n.core.NextWake(); set && at <= n.tree.now {
		n.step(replica.Wake{})
		return
	}
	n.wakeLater()
}

func (n *node) perform(e replica.Effect) {
	t := n.tree
	switch e := e.(type) {
	case replica.Persist:
		takes := t.write
		if e.Sync {
			takes = time.Duration(float64(t.flush) * math.Exp(0.5*t.rand.NormFloat64()))
		}
		t.agenda.add(event{at: t.now + takes, kind: written, node: n.id})
	case replica.Push:
		n.push(e)
	case replica.TellRoll:
		n.tellRoll(e.Roll)
	case replica.Reply:
		n.work(t.cost / 2)
	case replica.Acknowledge:
		call := t.bodies.waiting[e.Ref]
		delete(t.bodies.waiting, e.Ref)
		call.ack = e.Ack
		call.answer(ackBytes)
	case replica.AnswerRoll:
		call := t.bodies.waiting[e.Ref]
		delete(t.bodies.waiting, e.Ref)
		call.reply = e.Reply
		t.buffer = wire.AppendRollReply(t.buffer[:0], &e.Reply)
		call.answer(answerHead + len(t.buffer))
	case replica.Admit:
		call := t.bodies.waiting[e.Ref]
		delete(t.bodies.waiting, e.Ref)
		call.admit = e
		call.answer(admissionBytes(int(call.from)))
	case replica.Unserved:
		t.ledger.unserved++
		if n.reported > 1 {
			n.bypassed, n.until = n.reported, t.now+time.Second
		}
	default:
		panic("the core asks for what no tree of this simulation needs")
	}
}

// submit takes a client's write at the root, to one of the keys in turn.
func (n *node) submit() {
	t := n.tree
	t.writes++
	w := wire.Write{ID: version.WriteID{Node: 1, Counter: 1<<40 + uint64(t.writes)}, Key: t.key(t.writes % t.keys), Value: t.drawValue()}
	n.work(t.cost / 2)
	t.ledger.waves = append(t.ledger.waves, wave{at: t.now, missing: t.size() - 1 - t.dead})
	n.step(&replica.Submit{Ref: 1, Writes: []wire.Write{w}, Client: true})
}

// giveSign tells the root that this node lives.
func (n *node) giveSign() {
	t := n.tree
	if n.dead {
		return
	}
	call := &call{tree: t, kind: sign, from: n.id, to: 1, began: t.now}
	call.send(signBytes)
	t.agenda.add(event{at: t.now + t.liveness, kind: callSilent, node: n.id, call: call})
}

// signed takes the answer to a sign of life, or that there was none.
func (n *node) signed(c *call, got bool) {
	t := n.tree
	interval := t.signInterval()
	switch {
	case got:
		n.delay = 0
		n.step(c.admit.Time)
	case n.delay == 0:
		n.delay = t.liveness / coordinator.SignsPerTimeout
		interval = n.delay
	default:
		n.delay = min(2*n.delay, t.liveness)
		interval = n.delay
	}
	t.agenda.add(event{at: max(c.began+interval, t.now), kind: signDue, node: n.id})
}

// tellRoll reports to the nearest ancestor that is of use.
func (n *node) tellRoll(roll wire.Roll) {
	roll.Address = "http://NODE-12345:5000"
	t := n.tree
	for p := n.id / 2; p > 0; p /= 2 {
		if slices.Contains(n.shunned, p) || p == n.bypassed && t.now < n.until {
			continue
		}
		call := &call{tree: t, kind: report, from: n.id, to: p, roll: roll, began: t.now}
		t.buffer = wire.AppendRoll(t.buffer[:0], &call.roll)
		call.send(requestHead + len(t.buffer))
		return
	}
	n.step(replica.RollTold{})
}

// rollTold takes the answer to a report. One that did not answer is gone round from
// then on: here the dead stay dead.
func (n *node) rollTold(c *call, got bool) {
	switch {
	case !got:
		n.shunned = append(n.shunned, c.to)
		n.tellRoll(c.roll)
	case c.reply.Verdict == wire.JoinFirst || c.reply.Verdict == wire.AskAbove:
		n.step(replica.RollTold{})
	default:
		n.reported = c.to
		n.step(replica.RollTold{Reply: &c.reply})
	}
}
