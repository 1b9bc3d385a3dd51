package simulation

import (
	"fmt"
	"strings"

	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// session is a client that goes from node to node and passes on the highest
// version that it ever received, so that it never sees the state go back.
type session struct {
	tree  *Tree
	least version.Version
	keys  []string // that it wrote
}

// Keys tell what is done with them: some are written once, counters only ever
// incremented by compare-and-set, the others written by anybody in any way.
const (
	once    = "once-"
	counter = "counter-"
)

func writtenOnce(key string) bool { return strings.HasPrefix(key, once) }
func isCounter(key string) bool   { return strings.HasPrefix(key, counter) }

// write sends a write to a node, drawn both.
func (s *session) write(keys int) {
	s.tree.issued++
	i := s.tree.issued
	n := s.tree.anyNode()
	if n.up() {
		n.do(func() { s.writeAt(n, i, keys) })
	}
}

// writeAt sends the i-th write of all.
func (s *session) writeAt(n *Node, i, keys int) {
	w := s.tree.world
	value := fmt.Sprintf(`"value %d"`, i)
	switch {
	case i%2 == 0:
		s.send(n, wire.Write{Key: fmt.Sprintf("%s%d", once, i), Value: value})
	case w.Chance(0.2):
		s.increment(n, fmt.Sprintf("%s%d", counter, w.Rand.IntN(2)))
	default:
		write := wire.Write{Key: fmt.Sprintf("key-%d", w.Rand.IntN(keys))}
		if !w.Chance(0.2) {
			write.Value = value
		}
		if w.Chance(0.1) {
			write.If.Kind = store.Absent
		}
		s.send(n, write)
	}
}

// increment reads a counter and writes it back increased, unless somebody else
// was there first.
func (s *session) increment(n *Node, key string) {
	s.read(n, key, func(e *store.Entry) {
		write := wire.Write{Key: key, Value: next(""), If: store.Condition{Kind: store.Absent}}
		if e != nil {
			write.Value = next(e.Value)
			write.If = store.Condition{Kind: store.Matches, Version: e.Version}
		}
		if n.up() {
			s.send(n, write)
		}
	})
}

// send has a node take a write.
func (s *session) send(n *Node, w wire.Write) {
	t := s.tree
	n.counter++
	w.ID = version.WriteID{Node: n.id, Counter: n.counter}
	in := &replica.Submit{Writes: []wire.Write{w}, Client: true, Async: w.If.Kind == store.Always && t.world.Chance(0.1)}
	_, queued := n.replica.Pending()
	room := queued+1000 < t.queueBytes // else it is sent at once, and may be queued later
	sent := &write{Write: &in.Writes[0], node: n, boot: n.boot, taken: t.world.Now(), async: in.Async && room && !n.isRoot()}
	t.history.writes[w.ID] = sent
	n.submit(in, func(reply replica.Reply) {
		res := reply.Results[0]
		t.told(sent, res)
		if res.Outcome == wire.Ordered {
			s.keys = append(s.keys, w.Key)
		}
		s.least = version.Max(s.least, res.Version)
	})
}

// readAny reads a key at a node, drawn both.
func (s *session) readAny(keys int) {
	w := s.tree.world
	key := fmt.Sprintf("key-%d", w.Rand.IntN(keys))
	switch {
	case len(s.keys) > 0 && w.Chance(0.5):
		key = s.keys[w.Rand.IntN(len(s.keys))]
	case w.Chance(0.2):
		key = fmt.Sprintf("%s%d", counter, w.Rand.IntN(2))
	}
	if n := s.tree.anyNode(); n.up() {
		n.do(func() { s.read(n, key, func(*store.Entry) {}) })
	}
}

// read reads a key at a node as of the session's version or later, and checks the
// answer.
func (s *session) read(n *Node, key string, then func(*store.Entry)) {
	t, least := s.tree, s.least
	n.lookUp(question{key: key, least: least}, func(a answer) {
		switch a.found {
		case abandoned:
			t.Stats.Abandonments++
			if s.least == least { // it begins anew
				s.least = version.Version{}
			}
			return
		case stale:
			t.Stats.FailedReads++
			return
		}
		t.Stats.Reads++
		t.world.Tracef("NODE-%d shows %q at least as of %v: %v as of %v", n.id, key, least, text(a.Entry), a.AsOf)
		t.checkRead(n, key, least, a.Answer)
		s.least = version.Max(s.least, a.AsOf)
		then(a.Entry)
	})
}

// checkRead checks an answer: it is what the root had ordered as of the version that
// the answer names, no more and no less.
func (t *Tree) checkRead(n *Node, key string, least version.Version, answer store.Answer) {
	if !t.history.ledger.leads(least, answer.AsOf) {
		t.fail("NODE-%d shows %q as of %v, asked for %v", n.id, key, answer.AsOf, least)
	}
	t.shown(n, key, answer)
	if answer.Pending {
		t.checkPending(n, key, answer.Entry)
		return
	}
	if meta := n.store.Meta(); meta.Abandoned(answer.AsOf) {
		t.fail("NODE-%d shows %q as of %v, which it has heard is on no history", n.id, key, answer.AsOf)
	}
	want := t.history.ledger.state(key, answer.AsOf)
	if want != nil && want.Deleted() {
		want = nil
	}
	got := answer.Entry
	if (got == nil) != (want == nil) || got != nil && !alike(got, want) {
		t.fail("NODE-%d shows %v of %q as of %v, where it was %v", n.id, got, key, answer.AsOf, want)
	}
}

// checkPending checks a value that shows without a version: a client of this node wrote
// it, or it had been ordered, and is taken back.
func (t *Tree) checkPending(n *Node, key string, e *store.Entry) {
	if e == nil {
		return
	}
	w := t.history.writes[e.Write]
	if w == nil || w.node != n && len(t.history.ledger.byID[e.Write]) == 0 || w.Key != key || w.Value != e.Value || w.certain() || !e.Version.IsZero() {
		t.fail("NODE-%d shows %v as pending", n.id, e)
	}
}

func (t *Tree) anyNode() *Node { return t.nodes[t.world.Rand.IntN(len(t.nodes))] }

// alike reports whether a reader could not tell two entries apart. How they came is
// nothing to readers, and a node that a write passed knows it as it was sent.
func alike(a, b *store.Entry) bool {
	x, y := *a, *b
	x.Origin, y.Origin = nil, nil
	return x == y
}
