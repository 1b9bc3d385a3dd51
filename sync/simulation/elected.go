package simulation

import (
	"fmt"
	"slices"
	"time"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

// elected is what a node of a tree whose root is elected knows of the ensemble, in one
// run.
type elected struct {
	seen     uint64            // number of the last view
	led      uint64            // the last epoch that it was made the candidate of
	living   map[uint32]uint64 // the members at that time
	heard    []uint32          // of them, whose promises it got
	lease    time.Duration     // until when it may act as root, in its monotonic time
	root     uint32            // whom it follows; 0 for nobody
	book     []uint32          // who stands where, as it last heard
	promises map[replica.Ref]func(wire.Promise)
}

// mono is the node's monotonic time.
func (n *Node) mono() time.Duration { return n.tree.world.Now() - n.began }

// self is this run of the node, as the owner of the epoch that it was made the
// candidate of last.
func (n *Node) self() holder { return holder{node: n.id, boot: n.boot, epoch: n.led} }

// owns reports whether the node was made the candidate of an epoch, in whatever run.
func (n *Node) owns(epoch uint64) bool {
	if n.tree.ensemble == nil {
		return n.id == 1
	}
	return n.tree.ensemble.owners[epoch].node == n.id
}

// heartbeat tells the ensemble, again and again, that this node lives and what it
// holds; the answer is a view, and, for a candidate or root, the lease.
func (n *Node) heartbeat() {
	e := n.tree.ensemble
	id, boot, sent, holds, fit := n.id, n.boot, n.mono(), n.store.Applied(), n.replica.Fit() && !n.failed
	n.tree.call(n, e.link, func(answer func(any)) {
		e.heard(id, boot, holds, fit)
		answer(e.view())
	}, func(answer any, _ fate) {
		v, got := answer.(view)
		if !got {
			return
		}
		n.sees(v)
		if h := v.holder; h.node == n.id && h.boot == n.boot && h.epoch == n.led && n.up() {
			n.lease = max(n.lease, sent+e.session/2)
			until := n.lease
			if n.has(noLease) {
				until = time.Hour
			}
			n.step(replica.Leased{Until: until})
		}
	})
	n.after(e.session/8, n.heartbeat)
}

// sees takes in a view that is newer than the last.
func (n *Node) sees(v view) {
	if v.number <= n.seen {
		return
	}
	n.seen = v.number
	h := v.holder
	switch mine := h.node == n.id && h.boot == n.boot; {
	case mine && h.epoch > n.led:
		n.led, n.living, n.root = h.epoch, v.living, 0
		lead := replica.Lead{Epoch: h.epoch, Tree: v.tree}
		for _, other := range n.tree.nodes {
			if v.living[other.id] != 0 && other != n {
				lead.Members = append(lead.Members, other.id)
			}
		}
		h.living = 1 + len(lead.Members)
		n.heard = nil
		n.tree.ensemble.owners[h.epoch] = h
		n.tree.ensemble.granted[h.epoch][n.id] = n.tree.acknowledgedAt(n)
		if n.has(noMajority) {
			lead.Members = nil
		}
		n.step(lead)
	case mine:
	default:
		n.root = 0
		if n.replica.IsRoot() {
			n.step(replica.StandDown{})
		}
		if h.serving && h.node != n.id {
			n.root, n.book, n.welcomed = h.node, v.book, false
			n.above()
			n.step(replica.Follow{Root: h.node, Epoch: h.epoch})
		}
	}
}

// performRole carries out the effects of a tree whose root is elected.
func (n *Node) performRole(e replica.Effect) {
	t := n.tree
	switch e := e.(type) {
	case replica.Gather:
		n.gather(e)
	case replica.Promised:
		t.promised(n, &e.Promise)
		n.promises[e.Ref](e.Promise)
		delete(n.promises, e.Ref)
	case replica.Serving:
		t.serving(n, e.Epoch)
		n.joined = make(map[uint32]uint64)
		for id, boot := range n.living {
			if id != n.id {
				n.joined[id] = boot
			}
		}
		n.after(0, func() { n.step(n.members()) })
		n.insist(e.Epoch, t.ensemble.serve)
	case replica.StepAside:
		t.world.Tracef("NODE-%d steps aside in epoch %d: %s", n.id, e.Epoch, e.Why)
		t.Stats.StepsAside++
		n.insist(e.Epoch, func(of holder) bool { t.ensemble.stepAside(of, e.Beyond); return true })
	case replica.HandedOver:
		if !e.Failed {
			t.Stats.HandedOver++
			n.insist(e.Epoch, func(of holder) bool { t.ensemble.handOver(of, e.Node); return true })
		}
	}
}

// insist has the ensemble do something for the owner of an epoch, until it answers. What
// it refuses the node is not the owner for any more.
func (n *Node) insist(epoch uint64, do func(of holder) bool) {
	of := n.self()
	if epoch != of.epoch {
		return
	}
	n.tree.call(n, n.tree.ensemble.link, func(answer func(any)) { answer(do(of)) }, func(answer any, how fate) {
		switch {
		case n.led != epoch:
		case how != answered:
			n.after(100*time.Millisecond, func() { n.insist(epoch, do) })
		case !answer.(bool):
			n.step(replica.StandDown{})
		}
	})
}

// gather asks a member for its promise.
func (n *Node) gather(e replica.Gather) {
	to := n.tree.node(e.Node)
	n.tree.call(n, to, func(answer func(any)) {
		to.refs++
		to.promises[to.refs] = func(p wire.Promise) { answer(wire.AppendPromise(nil, &p)) }
		in := &replica.Asked{Ref: to.refs, Sender: n.id, Epoch: e.Epoch, Tree: e.Tree}
		if to.has(noPromise) {
			to.perform(to.rashly(in))
			return
		}
		to.step(in)
	}, func(answer any, how fate) {
		in := replica.Gathered{Node: e.Node, Epoch: e.Epoch}
		if how == answered {
			p, err := wire.DecodePromise(answer.([]byte))
			if err != nil {
				n.tree.fail("a promise does not decode: %v", err)
			}
			in.Promise = &p
			if p.Granted && e.Epoch == n.led {
				n.heard = append(n.heard, e.Node)
			}
		}
		n.step(in)
	})
}

// leased reports whether the node may act as the root that it is.
func (n *Node) leased() bool { return n.mono() < n.lease || n.has(noLease) }

// reply hands out what became of a group of writes. A root looks at its lease once
// more: the process may have been frozen since the answer was made.
func (n *Node) reply(e replica.Reply) {
	t := n.tree
	if own := t.ensemble != nil && e.Epoch != 0 && n.owns(e.Epoch); own && !n.leased() {
		t.Stats.Withheld++
		e.Results = slices.Clone(e.Results)
		for i, res := range e.Results {
			if res.Outcome == wire.Ordered || res.Outcome == wire.Superseded || res.Outcome == wire.Unmet {
				e.Results[i] = wire.Result{Outcome: wire.Unknown}
			}
		}
	}
	t.fenced(n, &e)
	n.replies[e.Ref](e)
	delete(n.replies, e.Ref)
}

// members is the list of those that were let in.
func (n *Node) members() replica.Members {
	var members replica.Members
	for id := range uint32(len(n.tree.nodes)) + 1 {
		if boot, found := n.joined[id]; found {
			members.Members = append(members.Members, replica.Member{Node: id, Instance: fmt.Sprint(boot)})
		}
	}
	return members
}
