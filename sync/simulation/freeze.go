package simulation

import (
	"time"

	"xylem/sync/replica"
)

// do has something happen at this node now, or, while its process is frozen, as soon
// as it is not.
func (n *Node) do(what func()) {
	if !n.frozen {
		what()
		return
	}
	boot := n.boot
	n.backlog = append(n.backlog, func() {
		if n.boot == boot {
			what()
		}
	})
}

// freeze stops the process for a while, as SIGSTOP does: what comes waits, and is
// handled at once in the end, with the clock moved on.
func (n *Node) freeze(span time.Duration) {
	n.tree.world.Tracef("NODE-%d is frozen for %v", n.id, span)
	n.tree.Stats.Freezes++
	n.frozen = true
	boot := n.boot
	n.tree.world.After(span, func() {
		if n.boot == boot {
			n.thaw()
		}
	})
}

func (n *Node) thaw() {
	n.tree.world.Tracef("NODE-%d goes on", n.id)
	n.frozen = false
	backlog := n.backlog
	n.backlog = nil
	for i, what := range backlog {
		if n.frozen { // again
			n.backlog = append(backlog[i:], n.backlog...)
			return
		}
		what()
	}
}

// scheduleFreezes has processes frozen, roots above all: at some moment, or just when
// their disk has answered and nothing was made of that yet.
func (t *Tree) scheduleFreezes(s Scenario) {
	w := t.world
	for range w.Rand.IntN(6) {
		w.After(w.Between(0, s.Hurt-w.Now()), func() {
			n := t.nodes[w.Rand.IntN(len(t.nodes))]
			if w.Chance(0.6) {
				n = t.root()
			}
			span := w.Between(0, 2*t.ensemble.session)
			switch {
			case !n.up() || n.frozen:
			case w.Chance(0.5):
				n.stall = span
			default:
				n.freeze(span)
			}
		})
	}
}

// scheduleMoves has operators move the root.
func (t *Tree) scheduleMoves(s Scenario) {
	w := t.world
	for range w.Rand.IntN(4) {
		w.After(w.Between(0, s.Hurt-w.Now()), func() {
			root, to := t.root(), t.nodes[w.Rand.IntN(len(t.nodes))]
			if root.isRoot() && to != root {
				root.do(func() { root.step(replica.HandOver{Node: to.id}) })
			}
		})
	}
}
