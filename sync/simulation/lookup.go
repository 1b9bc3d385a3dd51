package simulation

import (
	"xylem/store"
	"xylem/sync/version"
)

// reader is one of the two ways to read a store: with this node's queued writes,
// for its clients, and without, for the nodes below.
type reader func(key string) store.Answer

// lookUp answers for key, as of least or later, from what this node knows and,
// where that is not enough, from what its ancestors know. fresh is false where
// nobody could be asked.
func (n *Node) lookUp(get reader, key string, least version.Version, then func(answer store.Answer, fresh bool)) {
	end := func() {
		answer := get(key)
		then(answer, !answer.AsOf.Before(least) && n.store.Meta().Epoch > 0)
	}
	if answer := get(key); n.isRoot() || answer.Known && !answer.AsOf.Before(least) {
		end()
		return
	}
	n.ask(n.trusted(), key, least, end)
}

// ask learns what the nearest ancestor that is fresh enough knows of key.
func (n *Node) ask(above []*Node, key string, least version.Version, end func()) {
	if len(above) == 0 {
		end()
		return
	}
	to := above[0]
	n.tree.call(n, to, func(answer func(any)) {
		to.lookUp(to.store.GetOrdered, key, least, func(known store.Answer, fresh bool) {
			if !fresh {
				answer(nil)
				return
			}
			answer(known)
		})
	}, func(answer any, how fate) {
		known, found := answer.(store.Answer)
		switch {
		case how == answered && found:
			n.store.LearnAnswer(key, known.Entry, known.AsOf)
			end()
			return
		case how == silent:
			n.suspect(to)
		}
		n.ask(above[1:], key, least, end)
	})
}
