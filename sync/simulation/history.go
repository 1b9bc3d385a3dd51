package simulation

import (
	"slices"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// history is the checker's memory: what clients were told, and what was seen.
type history struct {
	acknowledged map[version.WriteID]acknowledged
	refused      map[version.WriteID]bool // told: certainly not ordered
	byVersion    map[version.Version]version.WriteID
	digests      map[version.Version]store.Digest // of the root's state
	applied      map[uint32]seen                  // of each node in its run
	durable      map[string]version.Version       // highest acknowledged version of a key
	lastDelete   map[string]version.Version       // the last tombstone that the root held of a key
}

type acknowledged struct {
	key, value string
	at         version.Version
}

type seen struct {
	boot    uint64
	version version.Version
}

func newHistory() history {
	return history{
		acknowledged: make(map[version.WriteID]acknowledged),
		refused:      make(map[version.WriteID]bool),
		byVersion:    make(map[version.Version]version.WriteID),
		digests:      make(map[version.Version]store.Digest),
		applied:      make(map[uint32]seen),
		durable:      make(map[string]version.Version),
		lastDelete:   make(map[string]version.Version),
	}
}

// told takes what a client at n was told about a write.
func (t *Tree) told(n *Node, w wire.Write, res wire.Result) {
	h := &t.history
	t.world.Tracef("NODE-%d answers %v %q: %d at %v", n.id, w.ID, w.Key, res.Outcome, res.Version)
	switch res.Outcome {
	case wire.Ordered:
		t.Stats.Acknowledged++
		h.acknowledged[w.ID] = acknowledged{key: w.Key, value: w.Value, at: res.Version}
		if other, taken := h.byVersion[res.Version]; taken && other != w.ID {
			t.fail("version %v was given to %v and to %v", res.Version, other, w.ID)
		}
		h.byVersion[res.Version] = w.ID
		h.durable[w.Key] = version.Max(h.durable[w.Key], res.Version)
		if got := n.store.Get(w.Key); got.AsOf.Before(res.Version) {
			t.fail("NODE-%d answered %v for %q and shows it as of %v", n.id, res.Version, w.Key, got.AsOf)
		}
	case wire.Unknown:
		t.Stats.Unknown++
	case wire.Unmet:
	default:
		t.Stats.Refused++
		h.refused[w.ID] = true
	}
}

// observe checks what must hold at a node after every step.
func (t *Tree) observe(n *Node) {
	at, digest := n.store.Digest()
	h := &t.history
	last := h.applied[n.id]
	if last.boot == n.boot && last.version == at {
		return
	}
	if last.boot == n.boot && at.Seq < last.version.Seq {
		t.fail("NODE-%d went back from %v to %v", n.id, last.version, at)
	}
	h.applied[n.id] = seen{boot: n.boot, version: at}
	t.world.Tracef("NODE-%d is at %v", n.id, at)
	if n.isRoot() {
		h.digests[at] = digest
		for e := range n.store.Cut(last.version).Entries() {
			if e.Deleted() {
				h.lastDelete[e.Key] = e.Version
			}
		}
		return
	}
	if known, found := h.digests[at]; !found || known != digest {
		t.fail("NODE-%d at %v has digest %v, the root had %v there", n.id, at, digest, known)
	}
}

// recovered checks what a node brings back from its disk.
func (t *Tree) recovered(n *Node) {
	if !n.store.Verify() {
		t.fail("NODE-%d recovered a digest that is not its entries'", n.id)
	}
	at, digest := n.store.Digest()
	h := &t.history
	if n.isRoot() {
		// It may hold more than was ever shown: writes that reached the disk just
		// before the end. It may not hold less than was acknowledged.
		h.digests[at] = digest
		for key, v := range h.durable {
			if !t.wiped && t.missing(n, key, v) {
				t.fail("the root came back at %v without %q, acknowledged at %v", at, key, v)
			}
		}
		return
	}
	if known, found := h.digests[at]; !at.IsZero() && (!found || known != digest) {
		t.fail("NODE-%d came back at %v with digest %v, the root had %v there", n.id, at, digest, known)
	}
}

// missing reports whether a node lacks a write of key acknowledged at v, and
// nothing later stands in its place. A tombstone up to the floor leaves no trace,
// and may be of a delete whose client was not told that it was ordered.
func (t *Tree) missing(n *Node, key string, v version.Version) bool {
	if e := n.store.Current(key); e != nil {
		return e.Version.Before(v)
	}
	last := t.history.lastDelete[key]
	return last.Before(v) || n.store.Meta().Floor.Before(last)
}

// settle checks the end: all nodes are equal, entry by entry, and hold what was
// acknowledged and nothing of what was refused.
func (t *Tree) settle() {
	h := &t.history
	if !t.equal() {
		for _, n := range t.nodes {
			v, d := n.store.Digest()
			t.world.Tracef("NODE-%d ends at %v with %v", n.id, v, d)
		}
		t.fail("the nodes are not equal after healing")
		return
	}
	for _, n := range t.nodes {
		t.sameAsRoot(n)
		if !n.store.Verify() {
			t.fail("NODE-%d keeps a digest that is not its entries'", n.id)
		}
		for e := range n.store.Cut(version.Version{}).Entries() {
			if h.refused[e.Write] {
				t.fail("NODE-%d holds %q by %v, of which a client was told that it was not ordered", n.id, e.Key, e.Write)
			}
			if a, found := h.acknowledged[e.Write]; found && (a.at != e.Version || a.key != e.Key || a.value != e.Value) {
				t.fail("NODE-%d holds %v of %q, acknowledged as %v of %q", n.id, e.Version, e.Key, a.at, a.key)
			}
			if w := e.Version; w.Before(h.durable[e.Key]) {
				t.fail("NODE-%d holds %q at %v, acknowledged at %v", n.id, e.Key, w, h.durable[e.Key])
			}
		}
		for key, v := range h.durable {
			if t.missing(n, key, v) {
				t.fail("NODE-%d lost %q, acknowledged at %v", n.id, key, v)
			}
		}
	}
}

// sameAsRoot holds a node's live entries against the root's, one by one.
func (t *Tree) sameAsRoot(n *Node) {
	live := func(of *Node) []store.Entry {
		var entries []store.Entry
		for e := range of.store.Cut(version.Version{}).Entries() {
			if !e.Deleted() {
				entries = append(entries, *e)
			}
		}
		return entries
	}
	if !slices.Equal(live(t.root()), live(n)) {
		t.fail("NODE-%d has the root's digest and other entries", n.id)
	}
}
