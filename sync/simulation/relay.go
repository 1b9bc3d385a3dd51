package simulation

import (
	"slices"
	"time"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

// relayed is what a node of a tree that relays knows of the nodes above it, in one run.
type relayed struct {
	reportsTo   *Node                   // who took the last roll
	bypassed    map[*Node]time.Duration // until when it does not report to one that brings nothing
	patience    time.Duration           // for how long the next is bypassed
	pushes      int                     // pieces of pushes that it has sent
	pushedBytes int                     // their size
	reports     int                     // rolls that it has taken
}

// mostPatience bounds how long an ancestor is bypassed.
const mostPatience = 8 * time.Second

// above tells the core who is above it.
func (n *Node) above() {
	if !n.tree.relay {
		return
	}
	var in replica.Above
	for _, a := range n.ancestors() {
		in.Nodes = append(in.Nodes, a.id)
	}
	n.step(in)
}

// bypass has the node report to another than before for a while, longer each time.
func (n *Node) bypass() {
	n.tree.Stats.Bypassed++
	if n.reportsTo == nil || n.reportsTo.isRoot() {
		return
	}
	n.patience = min(max(2*n.patience, time.Second), mostPatience)
	n.bypassed[n.reportsTo] = n.tree.world.Now() + n.patience
}

// tellRoll reports to the nearest ancestor that takes it.
func (n *Node) tellRoll(e *replica.TellRoll) {
	var above []*Node
	if n.welcomed {
		above = slices.DeleteFunc(n.trusted(), func(a *Node) bool { return n.tree.world.Now() < n.bypassed[a] })
	}
	n.tellTo(above, e.Beyond, replica.RollTold{}, wire.AppendRoll(nil, &e.Roll))
}

// tellTo tries ancestors one by one. taken is the answer of the nearest that took it.
func (n *Node) tellTo(above []*Node, beyond bool, taken replica.RollTold, request []byte) {
	if len(above) == 0 {
		n.step(taken)
		return
	}
	to := above[0]
	n.tree.Stats.Rolls++
	n.tree.call(n, to, func(answer func(any)) { to.takeRoll(n, request, answer) }, func(answer any, how fate) {
		if how != answered {
			if how == silent {
				n.suspect(to)
			}
			n.tellTo(above[1:], beyond, taken, request)
			return
		}
		reply, err := wire.DecodeRollReply(answer.([]byte))
		switch {
		case err != nil:
			n.tree.fail("the answer to a roll does not decode: %v", err)
		case reply.Verdict == wire.JoinFirst:
			n.welcomed = false
			n.step(taken)
		case reply.Verdict == wire.AskAbove:
			n.tellTo(above[1:], beyond, taken, request)
		case beyond && !reply.Linked:
			if taken.Reply == nil {
				n.reportsTo, taken.Reply = to, &reply
			}
			n.tellTo(above[1:], beyond, taken, request)
		default:
			n.reportsTo = to
			n.step(replica.RollTold{Reply: &reply})
		}
	})
}

// takeRoll takes the report of a node below.
func (n *Node) takeRoll(from *Node, request []byte, answer func(any)) {
	roll, err := wire.DecodeRoll(request)
	if err != nil {
		n.tree.fail("a roll does not decode: %v", err)
		return
	}
	if n.isRoot() && n.joined[from.id] != roll.Nodes[0].Process {
		answer(wire.AppendRollReply(nil, &wire.RollReply{Verdict: wire.JoinFirst}))
		return
	}
	n.reports++
	n.refs++
	n.rolls[n.refs] = func(reply wire.RollReply) { answer(wire.AppendRollReply(nil, &reply)) }
	n.step(&replica.Rolled{Ref: n.refs, Roll: roll})
}
