package simulation

import (
	"xylem/store"
	"xylem/sync/version"
)

// found is what a lookup came to.
type found byte

const (
	fresh     found = iota
	stale           // nobody could be asked who knows as much
	abandoned       // the version that was asked for is on no history
)

// question asks for a key as of a version or later; epoch is the highest that whoever
// asks has heard of: a node behind it cannot say what was abandoned.
type question struct {
	key   string
	below bool // a node below asks: this node's queued writes are for its clients alone
	least version.Version
	epoch uint64
	hops  int // that it has come: nodes whose books differ may ask each other, until its time is over
}

// maxHops is how often a question may be passed on.
const maxHops = 4

// answer is what an ancestor tells.
type answer struct {
	store.Answer
	found found
}

// lookUp answers a question from what this node knows and, where that is not enough,
// from what its ancestors know.
func (n *Node) lookUp(q question, then func(answer)) {
	end := func(told answer) {
		a := answer{Answer: n.look(q), found: fresh}
		judged := told.found == fresh && a.AsOf.Before(told.AsOf)
		switch {
		case judged && q.below:
			a.Answer = store.AnswerOf(told.Entry, told.AsOf)
		case judged:
			a.Answer = n.store.GetOver(a.Answer, q.key, told.Entry, told.AsOf)
		}
		switch {
		case n.hasAbandoned(q):
			a.found = abandoned
		case a.AsOf.Before(q.least) || n.store.Meta().Epoch == 0, !judged && !n.canTell(q.least, a.AsOf):
			a.found = stale
		}
		then(a)
	}
	known := n.look(q)
	if n.hasAbandoned(q) || n.isRoot() || q.hops == maxHops || known.Known && !known.AsOf.Before(q.least) && n.canTell(q.least, known.AsOf) {
		end(answer{found: stale})
		return
	}
	q.epoch = max(q.epoch, n.store.Meta().Epoch)
	if !q.least.IsZero() {
		q.epoch = max(q.epoch, known.AsOf.Epoch)
	}
	asked := q
	asked.below, asked.hops = true, q.hops+1
	n.ask(n.trusted(), asked, func(told answer) {
		if told.found == abandoned {
			then(told)
			return
		}
		end(told)
	})
}

// look is what memory has for who asks.
func (n *Node) look(q question) store.Answer {
	if q.below {
		return n.store.GetOrdered(q.key)
	}
	return n.show(q.key)
}

// canTell reports whether the node knows enough of the history to say that a version
// leads to another: it may have learnt of a write in an epoch of which it knows nothing
// else yet.
func (n *Node) canTell(least, asOf version.Version) bool {
	return least.IsZero() || least.Epoch == asOf.Epoch || n.store.Meta().Epoch >= asOf.Epoch
}

// hasAbandoned reports whether the node knows that the version asked for is on no
// history.
func (n *Node) hasAbandoned(q question) bool {
	meta := n.store.Meta()
	if meta.Epoch < max(q.epoch, q.least.Epoch) || meta.OnHistory(q.least) {
		return false
	}
	if n.tree.history.ledger.leads(q.least, n.store.Applied()) {
		n.tree.fail("NODE-%d says that %v is on no history, and holds it", n.id, q.least)
	}
	return true
}

// ask learns what the nearest ancestor that is fresh enough knows of a key.
func (n *Node) ask(above []*Node, q question, end func(answer)) {
	if len(above) == 0 {
		end(answer{found: stale})
		return
	}
	to := above[0]
	n.tree.call(n, to, func(reply func(any)) {
		to.lookUp(q, func(a answer) { reply(a) })
	}, func(told any, how fate) {
		a, _ := told.(answer)
		meta := n.store.Meta()
		switch {
		case how == answered && a.found == abandoned:
			end(a)
			return
		case how == answered && a.found == fresh && !meta.Abandoned(a.AsOf):
			n.store.LearnAnswer(q.key, a.Entry, a.AsOf)
			end(a)
			return
		case how == silent:
			n.suspect(to)
		}
		n.ask(above[1:], q, end)
	})
}
