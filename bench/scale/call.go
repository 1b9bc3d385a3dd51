package main

import (
	"time"

	xylem "xylem/node"
	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// callKind is one of the requests between nodes.
type callKind uint8

const (
	push   callKind = iota // a push, in one piece
	report                 // a report to an ancestor
	sign                   // a sign of life to the root
)

// What goes along with a message, in bytes: the HTTP heads, the proof, and the JSON
// of answers to pushes and of signs of life. Taken from the requests of real nodes.
const (
	requestHead = 335 // POST, host, type, length and Xylem-Proof
	answerHead  = 74
	ackBytes    = answerHead + 102
	signBytes   = requestHead + 236
	viewBytes   = answerHead + 313 // of a place in the tree, and for each level above it
	levelBytes  = 104
)

// admissionBytes is the size of the root's answer to a sign of life of a node.
func admissionBytes(k int) int {
	bytes := viewBytes
	for ; k > 1; k /= 2 {
		bytes += levelBytes
	}
	return bytes
}

// pushTimeout is how long a push may stay without an answer.
const pushTimeout = 2 * time.Second

// call is a request and its answer.
type call struct {
	tree     *tree
	kind     callKind
	from, to int32
	ended    bool
	began    time.Duration

	header wire.Header // of a push
	body   *body
	bytes  int
	ack    replica.Ack
	roll   wire.Roll
	reply  wire.RollReply
	admit  replica.Admit
}

// body is the entries of a push, encoded once, and decoded once for all who get it.
type body struct {
	from, to version.Version
	encoded  wire.Body
	block    []byte
	entries  []*store.Entry
}

// bodies are the last few that were sent, and the calls that wait for a core's answer.
type bodies struct {
	last    [256]*body // by the seq that they lead to
	refs    replica.Ref
	waiting map[replica.Ref]*call
}

// of is the body of a push.
func (b *bodies) of(e *replica.Push) *body {
	if e.Cut == nil {
		return &noBody
	}
	at := &b.last[e.Header.To.Seq%uint64(len(b.last))]
	if *at != nil && (*at).from == e.Header.From && (*at).to == e.Header.To {
		return *at
	}
	made := &body{from: e.Header.From, to: e.Header.To}
	var encoder store.BlockEncoder
	for entry := range e.Cut.Entries() {
		made.block = encoder.Append(made.block, entry)
		made.entries = append(made.entries, entry)
	}
	made.encoded = wire.NewBody(made.block, len(made.entries))
	*at = made
	return made
}

var noBody body

// expect has the core's answer to an input given to a call.
func (b *bodies) expect(c *call) replica.Ref {
	if b.waiting == nil {
		b.waiting = make(map[replica.Ref]*call)
	}
	b.refs++
	b.waiting[b.refs] = c
	return b.refs
}

// push sends a push.
func (n *node) push(e replica.Push) {
	t := n.tree
	c := &call{tree: t, kind: push, from: n.id, to: int32(e.Node), header: e.Header, body: t.bodies.of(&e), began: t.now}
	c.header.Last = true
	t.buffer = wire.AppendPiece(t.buffer[:0], &c.header, c.body.encoded)
	c.send(requestHead + len(t.buffer))
}

// send has the processor send the request, and the network carry it.
func (c *call) send(bytes int) {
	t := c.tree
	c.bytes = bytes
	from, to := &t.nodes[c.from], &t.nodes[c.to]
	if c.from == 1 && t.ledger.on {
		t.ledger.rootOut.add(bytes)
		t.ledger.pushes++
	}
	sent := from.work(t.cost / 2)
	t.agenda.add(event{at: sent + t.transit(from, to, bytes), kind: requestArrives, node: c.to, call: c})
}

func (t *tree) transit(from, to *node, bytes int) time.Duration {
	return t.place.transit(t.rand, int(from.region), int(to.region), bytes, t.loss)
}

// arrive has the receiver's processor take the request. The dead answer nothing.
func (t *tree) arrive(c *call) {
	to := &t.nodes[c.to]
	if to.dead {
		silence := t.liveness
		switch c.kind {
		case push:
			silence = pushTimeout
		case report:
			silence = xylem.ReportSilence(t.liveness)
		}
		until := c.began + silence
		if to.refuses {
			until = t.now + t.transit(to, &t.nodes[c.from], 0)
		}
		t.agenda.add(event{at: max(t.now, until), kind: callSilent, node: c.from, call: c})
		return
	}
	cost := t.cost / 2
	if c.to == 1 && t.ledger.on {
		t.ledger.took(c)
	}
	t.agenda.add(event{at: to.work(cost), kind: requestTaken, node: c.to, call: c})
}

// took counts what came into the root.
func (l *ledger) took(c *call) {
	l.rootIn.add(c.bytes)
	switch {
	case c.kind == sign:
		l.signs++
	case c.roll.Whole:
		l.whole++
		fallthrough
	default:
		l.rolls++
	}
}

// take hands the request to the receiver's core.
func (c *call) take() {
	to := &c.tree.nodes[c.to]
	if to.dead {
		return
	}
	ref := c.tree.bodies.expect(c)
	switch c.kind {
	case push:
		in := &replica.Piece{Ref: ref, Sender: uint32(c.from), Header: c.header, Entries: c.body.entries}
		if c.body.block != nil {
			in.Blocks = [][]byte{c.body.block}
		}
		to.step(in)
	case report:
		to.step(&replica.Rolled{Ref: ref, Roll: c.roll})
	case sign:
		from := &c.tree.nodes[c.from]
		meta, applied := from.store.Meta(), from.store.Applied()
		to.step(&replica.Announced{
			Ref: ref, Node: uint32(c.from), Tree: meta.Tree, Epoch: meta.Epoch, Version: applied, Run: meta.RunOf(applied.Epoch), RootMillis: from.core.HeardMillis(),
		})
	}
}

// answer has the receiver's processor answer, and the network carry that back.
func (c *call) answer(bytes int) {
	t := c.tree
	from, to := &t.nodes[c.from], &t.nodes[c.to]
	if t.ledger.on && c.to == 1 {
		t.ledger.rootOut.bytes += bytes
	}
	if t.ledger.on && c.from == 1 {
		t.ledger.rootIn.bytes += bytes
	}
	sent := to.work(t.cost / 2)
	t.agenda.add(event{at: sent + t.transit(to, from, bytes), kind: answerArrives, node: c.from, call: c})
}

// answered takes the end of a call at its sender: an answer, or none.
func (n *node) answered(c *call, got bool) {
	if n.dead {
		return
	}
	switch c.kind {
	case push:
		ack := c.ack
		if !got {
			ack = replica.Ack{Outcome: replica.Lost}
		}
		n.step(replica.Confirmed{Node: uint32(c.to), Number: c.header.Number, Ack: ack, Entries: len(c.body.entries), Bytes: c.bytes})
	case report:
		n.rollTold(c, got)
	case sign:
		n.signed(c, got)
	}
}
