package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// history is the checker's memory: what clients asked for and were told, what the
// root ordered, and what was seen.
type history struct {
	ledger  ledger
	writes  map[version.WriteID]*write
	waiting map[string][]*write              // acknowledged as queued, by key
	async   map[uint32]uint64                // of each node, the last such write that was ordered
	digests map[version.Version]store.Digest // of the root's state
	applied map[uint32]seen                  // of each node in its run
}

// write is a client's write and what the client knows of it.
type write struct {
	*wire.Write               // with its stamp, once the node has given one
	node        *Node         // that took it
	boot        uint64        // in this run of the node
	async       bool          // the client asked for no more than to have it queued, and there was room
	timed       bool          // its stamp goes by the root's time, which the node heard in the run in which it took it
	taken       time.Duration // when
	ordered     time.Duration // when, as it showed
	told        wire.Outcome  // 0 before anything was
}

// queued takes a record of queued writes: a write that was taken before its node
// heard the root's time gets another stamp once it has.
func (t *Tree) queued(record []byte) {
	writes, final, err := store.ReadQueued(record)
	if err != nil {
		t.fail("a record of queued writes does not decode: %v", err)
	}
	for _, e := range writes {
		w := t.history.writes[e.Write]
		w.Stamp = e.Stamp
		w.timed = final && w.boot == w.node.boot && !t.rootJumped
	}
}

// certain reports whether the client was told that it was not ordered.
func (w *write) certain() bool {
	switch w.told {
	case wire.Unmet, wire.Unreachable, wire.Full, wire.QueueFull:
		return true
	}
	return false
}

type seen struct {
	boot    uint64
	version version.Version
}

func newHistory() history {
	return history{
		ledger:  newLedger(),
		writes:  make(map[version.WriteID]*write),
		waiting: make(map[string][]*write),
		async:   make(map[uint32]uint64),
		digests: make(map[version.Version]store.Digest),
		applied: make(map[uint32]seen),
	}
}

// wrote takes a record that the root hands to its disk.
func (t *Tree) wrote(record []byte) {
	if err := t.history.ledger.write(record); err != nil {
		t.fail("a record of the root does not decode: %v", err)
	}
}

// ordered takes what the root has ordered: up to the version at.
func (t *Tree) ordered(at version.Version) {
	l := &t.history.ledger
	if at.Seq < l.end().Seq && !(t.loss.wiped && at.IsZero()) {
		t.adopted(at)
	}
	for l.end().Seq < at.Seq {
		v := version.Version{Epoch: at.Epoch, Seq: l.end().Seq + 1}
		e := l.written[v]
		if e == nil {
			t.fail("the root is at %v and never wrote %v to its disk", at, v)
			return
		}
		t.world.Tracef("ordered %v: %q by %v with %v", v, e.Key, e.Write, e.Stamp)
		t.judge(e)
		l.append(e)
	}
}

// judge checks that an entry might follow what the root has ordered before.
func (t *Tree) judge(e *store.Entry) {
	l := &t.history.ledger
	w, last := t.history.writes[e.Write], l.last(e.Key)
	switch {
	case w == nil || w.Key != e.Key || w.Value != e.Value:
		t.fail("version %v of %q is of no client's write: %v", e.Version, e.Key, e.Write)
		return
	case w.certain():
		t.fail("%v is ordered as %v, and a client was told that it was not: %d", e.Write, e.Version, w.told)
	}
	before := ""
	if last != nil {
		before = last.Value
	}
	if absent := before == ""; w.If.Kind == store.Absent && !absent || w.If.Kind == store.Matches && (absent || last.Version != w.If.Version) {
		t.fail("%v of %q was conditional (%+v) and follows %v", e.Version, e.Key, w.If, last.Version)
	}
	w.ordered = t.world.Now()
	if isCounter(e.Key) && e.Value != next(before) {
		t.fail("counter %q goes from %q to %q at %v", e.Key, before, e.Value, e.Version)
	}
	if t.forgotten(e.Key) {
		return
	}
	if w.async && w.told == wire.Pending && !w.node.isRoot() && !t.loss.wiped {
		if after := t.history.async[w.node.id]; w.ID.Counter < after {
			t.fail("%v is ordered at %v, after %d that the same node queued later", w.ID, e.Version, after)
		}
		t.history.async[w.node.id] = w.ID.Counter
	}
	if w.told == wire.Superseded {
		t.fail("%v is ordered as %v, and a client was told that it was superseded", e.Write, e.Version)
	}
	if last == nil {
		return
	}
	if earlier := l.byID[e.Write]; earlier != nil {
		t.fail("%v is ordered twice, as %v and as %v", e.Write, earlier.Version, e.Version)
	}
	if last.Beats(e) {
		t.fail("%v of %q with stamp %v follows %v with stamp %v", e.Version, e.Key, e.Stamp, last.Version, last.Stamp)
	}
	if t.history.writes[last.Write].taken > w.taken+uncertainty && w.timed && e.Stamp == w.Stamp {
		t.fail("%v of %q waited since %v and follows %v, which was taken later", e.Write, e.Key, w.taken, last.Write)
	}
}

// told takes what the client of a write was told.
func (t *Tree) told(w *write, res wire.Result) {
	h, l := &t.history, &t.history.ledger
	t.world.Tracef("NODE-%d answers %v %q: %d at %v", w.node.id, w.ID, w.Key, res.Outcome, res.Version)
	w.told = res.Outcome
	e := l.at(res.Version)
	switch res.Outcome {
	case wire.Ordered:
		t.Stats.Acknowledged++
		if e == nil {
			e = t.lost(w.node, res.Version)
		}
		if e == nil || e.Write != w.ID {
			t.fail("%v was answered as ordered at %v, where %v is", w.ID, res.Version, e)
		}
		if got := w.node.show(w.Key); got.AsOf.Before(res.Version) {
			t.fail("NODE-%d answered %v for %q and shows it as of %v", w.node.id, res.Version, w.Key, got.AsOf)
		}
	case wire.Superseded:
		t.Stats.Superseded++
		t.superseded(w, res.Version)
	case wire.Pending:
		t.Stats.Pending++
		h.waiting[w.Key] = append(h.waiting[w.Key], w)
		t.shown(w.node, w.Key, w.node.show(w.Key))
	case wire.QueueFull:
		t.Stats.NoRoom++
	case wire.Unknown:
		t.Stats.Unknown++
	case wire.Unmet:
		t.Stats.Unmet++
	default:
		t.Stats.Refused++
	}
	if w.certain() && l.byID[w.ID] != nil {
		t.fail("%v was answered with %d and is ordered as %v", w.ID, w.told, l.byID[w.ID].Version)
	}
}

// observe checks what must hold at a node after every step.
func (t *Tree) observe(n *Node) {
	t.Stats.Events++
	at, digest := n.store.Digest()
	h := &t.history
	last := h.applied[n.id]
	if last.boot == n.boot && last.version == at {
		return
	}
	if last.boot == n.boot && at.Seq < last.version.Seq && t.loss.entries[last.version] == nil {
		t.fail("NODE-%d went back from %v to %v", n.id, last.version, at)
	}
	h.applied[n.id] = seen{boot: n.boot, version: at}
	t.world.Tracef("NODE-%d is at %v", n.id, at)
	if n.isRoot() {
		t.ordered(at)
		h.digests[at] = digest
		return
	}
	t.knownDigest(n)
}

// knownDigest checks that a member's state is one that the root had.
func (t *Tree) knownDigest(n *Node) {
	at, digest := n.store.Digest()
	if t.loss.entries[at] != nil && t.lost(n, at) == nil {
		t.fail("NODE-%d is at %v, which it has heard is on no history", n.id, at)
	}
	if known, found := t.history.digests[at]; !at.IsZero() && (!found || known != digest) {
		t.fail("NODE-%d at %v has digest %v, the root had %v there", n.id, at, digest, known)
	}
}

// recovered checks what a node brings back from its disk. The root may hold more
// than was ever shown: writes that reached the disk just before the end.
func (t *Tree) recovered(n *Node) {
	if !n.store.Verify() {
		t.fail("NODE-%d recovered a digest that is not its entries'", n.id)
	}
	at, digest := n.store.Digest()
	for _, w := range t.sorted() {
		if w.node != n || w.told != wire.Pending {
			continue
		}
		if _, known := n.replica.Fate(w.ID); !known {
			t.fail("NODE-%d came back without %v of %q, which it had queued", n.id, w.ID, w.Key)
		}
	}
	if !n.isRoot() {
		t.knownDigest(n)
		return
	}
	t.ordered(at)
	t.history.digests[at] = digest
	if !t.loss.wiped {
		t.asLedger(n)
	}
}

// asLedger holds the root's entries against the ledger.
func (t *Tree) asLedger(n *Node) {
	meta := n.store.Meta()
	l := &t.history.ledger
	for _, want := range l.entries {
		got := n.store.Current(want.Key)
		gone := got == nil && want.Deleted() && want.Version.Seq <= meta.Floor.Seq
		if want == l.last(want.Key) && !gone && (got == nil || *got != *want) {
			t.fail("NODE-%d holds %v of %q, and %v was ordered last", n.id, got, want.Key, want)
		}
	}
}

// settle checks the end: the root holds what was ordered, all nodes hold what the
// root holds, entry by entry, and every acknowledged write of a key that was
// written once is there.
func (t *Tree) settle() {
	if !t.equal() {
		for _, n := range t.nodes {
			v, d := n.store.Digest()
			t.world.Tracef("NODE-%d ends at %v with %v", n.id, v, d)
		}
		t.fail("the nodes are not equal after healing")
		return
	}
	t.asLedger(t.root())
	for _, n := range t.nodes {
		t.sameAsRoot(n)
		if !n.store.Verify() {
			t.fail("NODE-%d keeps a digest that is not its entries'", n.id)
		}
	}
	for _, w := range t.sorted() {
		if t.loss.keys[w.Key] && w.told != wire.Pending {
			continue // gone with the root's disk, which alone held it
		}
		if w.told == wire.Pending {
			t.settled(w)
		}
		for _, n := range t.nodes {
			e := n.store.Get(w.Key).Entry
			if (w.told == wire.Ordered || w.told == wire.Pending) && writtenOnce(w.Key) && (e == nil || e.Write != w.ID || e.Value != w.Value) {
				t.fail("NODE-%d holds %v of %q, acknowledged by %v", n.id, e, w.Key, w.ID)
			}
		}
	}
}

// sorted is every write in a fixed order.
func (t *Tree) sorted() []*write {
	writes := make([]*write, 0, len(t.history.writes))
	for _, w := range t.history.writes {
		writes = append(writes, w)
	}
	slices.SortFunc(writes, func(a, b *write) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return writes
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

// next is the value of a counter after one more increment.
func next(value string) string {
	count := 0
	_, _ = fmt.Sscan(value, &count)
	return fmt.Sprint(count + 1)
}
