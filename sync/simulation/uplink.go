package simulation

import (
	"slices"
	"time"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

// suspicion is how long an ancestor that did not answer is passed over, before it
// is asked whether it does again.
const suspicion = time.Second

// trusted are the ancestors that did not leave this node waiting lately.
func (n *Node) trusted() []*Node {
	return slices.DeleteFunc(n.ancestors(), func(a *Node) bool { return n.suspects[a] })
}

// suspect passes over an ancestor that did not answer, until it does again.
func (n *Node) suspect(ancestor *Node) {
	if n.suspects[ancestor] {
		return
	}
	n.suspects[ancestor] = true
	n.after(suspicion, func() { n.probe(ancestor) })
}

// probe asks a suspect whether it answers again.
func (n *Node) probe(ancestor *Node) {
	n.tree.call(n, ancestor, func(answer func(any)) { answer(nil) }, func(_ any, how fate) {
		if how == silent {
			n.after(suspicion, func() { n.probe(ancestor) })
			return
		}
		delete(n.suspects, ancestor)
		n.step(replica.Reachable{})
	})
}

// forward sends a batch to the nearest ancestor that takes it.
func (n *Node) forward(e replica.Forward) {
	if n.spoilRescue(&e) {
		return
	}
	n.spoilBatch(&e.Batch)
	request := wire.AppendBatch(nil, &e.Batch)
	n.forwardTo(n.trusted(), request, func(end replica.Forwarded) {
		end.Queue = e.Queue
		n.step(end)
	})
}

// forwardTo tries ancestors one by one, as long as the batch certainly had no
// effect at the one before.
func (n *Node) forwardTo(above []*Node, request []byte, end func(replica.Forwarded)) {
	if len(above) == 0 {
		end(replica.Forwarded{Failed: wire.Unreachable})
		return
	}
	to := above[0]
	n.tree.Stats.Forwards++
	if to != n.parent() {
		n.tree.Stats.Detours++
	}
	n.tree.callOnce(n, to, func(answer func(any)) { to.takeBatch(request, answer) }, func(answer any, how fate) {
		switch how {
		case refused:
			n.forwardTo(above[1:], request, end)
		case silent:
			n.suspect(to)
			end(replica.Forwarded{Failed: wire.Unknown, Another: len(n.trusted()) > 0})
		case answered:
			results, err := wire.DecodeResults(answer.([]byte))
			n.spoilResults(&results)
			switch {
			case err != nil:
				n.tree.fail("results do not decode: %v", err)
			case nowhere(results.Results):
				n.forwardTo(above[1:], request, end)
			default:
				end(replica.Forwarded{Results: results})
			}
		}
	})
}

// nowhere reports whether none of the writes got to the root.
func nowhere(results []wire.Result) bool {
	return !slices.ContainsFunc(results, func(r wire.Result) bool { return r.Outcome != wire.Unreachable })
}

// takeBatch takes the batch of a node below.
func (n *Node) takeBatch(request []byte, answer func(any)) {
	received, err := wire.DecodeBatch(request)
	if err != nil {
		n.tree.fail("a batch does not decode: %v", err)
		return
	}
	n.submit(&replica.Submit{Writes: received.Writes, Epoch: received.Epoch}, func(reply replica.Reply) {
		tree := n.store.Meta().Tree
		answer(wire.AppendResults(nil, &wire.Results{Tree: tree, Epoch: reply.Epoch, Results: reply.Results}))
	})
}
