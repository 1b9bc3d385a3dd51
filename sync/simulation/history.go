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
	ledger    ledger
	writes    map[version.WriteID]*write
	waiting   map[string][]*write              // acknowledged as queued, by key
	digests   map[version.Version]store.Digest // of the root's state
	forgotten map[string]bool                  // keys of which a tombstone was dropped
	applied   map[uint32]seen                  // of each node in its run
}

// write is a client's write and what the client knows of it.
type write struct {
	*wire.Write                 // with its stamp, once the node has given one
	node        *Node           // that took it
	boot        uint64          // in this run of the node
	async       bool            // the client asked for no more than to have it queued, and there was room
	timed       bool            // its stamp goes by the root's time, which the node heard in the run in which it took it
	taken       time.Duration   // when
	ordered     time.Duration   // when, as it showed
	told        wire.Outcome    // 0 before anything was
	at          version.Version // as of which it was told
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
		w.timed = final && w.boot == w.node.boot && !t.rootTime.jumped
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
		ledger:    newLedger(),
		writes:    make(map[version.WriteID]*write),
		waiting:   make(map[string][]*write),
		digests:   make(map[version.Version]store.Digest),
		forgotten: make(map[string]bool),
		applied:   make(map[uint32]seen),
	}
}

// wrote takes a record that a node hands to its disk. In an epoch of its own it orders:
// what comes first there may come with the record that opens it.
func (t *Tree) wrote(n *Node, record []byte) {
	entries, err := store.ReadDelta(record)
	if err != nil {
		t.fail("a record of NODE-%d does not decode: %v", n.id, err)
	}
	l := &t.history.ledger
	for _, e := range entries {
		epoch := e.Version.Epoch
		if !n.owns(epoch) || l.at(e.Version) != nil { // it is of a push
			continue
		}
		if l.epochs[epoch] == nil {
			t.begun(n, epoch, n.store.Applied())
		}
		l.written[e.Version] = e
	}
}

// ordered takes what a root has ordered: up to the version at.
func (t *Tree) ordered(n *Node, at version.Version) {
	l := &t.history.ledger
	b := l.epochs[at.Epoch]
	for b != nil && b.end() < at.Seq {
		v := version.Version{Epoch: at.Epoch, Seq: b.end() + 1}
		e := l.written[v]
		if e == nil {
			t.fail("NODE-%d is at %v and never wrote %v to its disk", n.id, at, v)
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
	b := l.epochs[e.Version.Epoch]
	before := version.Version{Epoch: e.Version.Epoch, Seq: b.end()} // the end of its branch
	w, last := t.history.writes[e.Write], l.state(e.Key, before)
	switch {
	case w == nil || w.Key != e.Key || w.Value != e.Value:
		t.fail("version %v of %q is of no client's write: %v", e.Version, e.Key, e.Write)
		return
	case w.certain():
		t.fail("%v is ordered as %v, and a client was told that it was not: %d", e.Write, e.Version, w.told)
	}
	value := ""
	if last != nil {
		value = last.Value
	}
	goesOn := t.goesOn(e) || t.comesBack(e, last)
	if !goesOn && !t.holds(w.If, last) {
		t.fail("%v of %q was conditional (%+v) and follows %v", e.Version, e.Key, w.If, last)
	}
	if len(l.byID[e.Write]) == 0 {
		w.ordered = t.world.Now()
	}
	if isCounter(e.Key) && !goesOn && e.Value != next(value) {
		t.fail("counter %q goes from %q to %q at %v", e.Key, value, e.Value, e.Version)
	}
	if t.forgotten(e.Key) {
		return
	}
	if w.async && w.told == wire.Pending && !t.abandoned && len(l.byID[e.Write]) == 0 {
		t.inTurn(w, before)
	}
	if w.told == wire.Superseded && l.leads(w.at, before) {
		t.fail("%v is ordered as %v, and a client was told that it was superseded at %v", e.Write, e.Version, w.at)
	}
	if last == nil {
		return
	}
	if earlier := l.ordered(e.Write, before); earlier != nil {
		t.fail("%v is ordered twice, as %v and as %v", e.Write, earlier.Version, e.Version)
	}
	if last.Beats(e) {
		t.fail("%v of %q with stamp %v follows %v with stamp %v", e.Version, e.Key, e.Stamp, last.Version, last.Stamp)
	}
	if t.history.writes[last.Write].taken > w.taken+t.uncertainty() && w.timed && e.Stamp == w.Stamp && !t.rootTime.lost {
		t.fail("%v of %q waited since %v and follows %v, which was taken later", e.Write, e.Key, w.taken, last.Write)
	}
}

// holds reports whether a condition is met by what the key has. What was ordered again
// in a later epoch has another version there.
func (t *Tree) holds(c store.Condition, last *store.Entry) bool {
	absent := last == nil || last.Deleted()
	switch c.Kind {
	case store.Absent:
		return absent
	case store.Matches:
		met := t.history.ledger.at(c.Version)
		return !absent && (last.Version == c.Version || met != nil && met.Write == last.Write)
	}
	return true
}

// goesOn reports whether an entry is one that some node had seen beyond the version at
// which its epoch begins, and that was ordered again as it had been: some of those
// before it may be missing.
func (t *Tree) goesOn(e *store.Entry) bool {
	l := &t.history.ledger
	b := l.epochs[e.Version.Epoch]
	return slices.ContainsFunc(l.byID[e.Write], func(before *store.Entry) bool { return l.leads(b.begin, before.Version) })
}

// comesBack reports whether an entry was ordered on another branch, on which what its key
// has here was there before it, or a write that wins over that.
func (t *Tree) comesBack(e, last *store.Entry) bool {
	l := &t.history.ledger
	return slices.ContainsFunc(l.byID[e.Write], func(before *store.Entry) bool {
		return last == nil || l.ordered(last.Write, before.Version) != nil || t.footing(e.Write, before.Version) >= last.Stamp
	})
}

// inTurn checks that a write which was queued at once is not ordered after one that
// the same node queued later. Where versions were abandoned, nodes queue again what they
// had not; what comes back that had been ordered is behind the rest.
func (t *Tree) inTurn(w *write, before version.Version) {
	l := &t.history.ledger
	for b, seq := range l.path(before) {
		for _, e := range b.entries[:seq-b.begin.Seq] {
			other := t.history.writes[e.Write]
			if other.async && other.told == wire.Pending && other.node == w.node && other.ID.Counter > w.ID.Counter {
				t.fail("%v is ordered after %v, and %v, which the same node queued later", w.ID, before, e.Write)
			}
		}
	}
}

// told takes what the client of a write was told.
func (t *Tree) told(w *write, res wire.Result) {
	h, l := &t.history, &t.history.ledger
	t.world.Tracef("NODE-%d answers %v %q: %d at %v", w.node.id, w.ID, w.Key, res.Outcome, res.Version)
	w.told, w.at = res.Outcome, res.Version
	e := l.at(res.Version)
	switch res.Outcome {
	case wire.Ordered:
		t.Stats.Acknowledged++
		if e == nil || e.Write != w.ID {
			t.fail("%v was answered as ordered at %v, where %v is", w.ID, res.Version, e)
		}
		if meta := w.node.store.Meta(); meta.Abandoned(res.Version) {
			t.fail("%v was answered as ordered at %v, which NODE-%d has heard is on no history", w.ID, res.Version, w.node.id)
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
		t.fail("%v was answered with %d and is ordered as %v", w.ID, w.told, l.byID[w.ID][0].Version)
	}
}

// observe checks what must hold at a node after every step.
func (t *Tree) observe(n *Node) {
	t.Stats.Events++
	at, digest := n.store.Digest()
	h := &t.history
	meta := n.store.Meta()
	t.forget(n, meta.Floor)
	if epoch := n.replica.Epoch(); epoch != 0 && h.ledger.epochs[epoch] == nil {
		t.begun(n, epoch, at)
	}
	last := h.applied[n.id]
	if last.boot == n.boot && last.version == at {
		return
	}
	if last.boot == n.boot && !h.ledger.leads(last.version, at) && !meta.Abandoned(last.version) {
		t.fail("NODE-%d went back from %v to %v", n.id, last.version, at)
	}
	h.applied[n.id] = seen{boot: n.boot, version: at}
	t.world.Tracef("NODE-%d is at %v", n.id, at)
	if n.owns(at.Epoch) {
		t.ordered(n, at)
		t.had(n, at, digest)
		n.shown = at
		return
	}
	t.knownDigest(n)
}

// had keeps the digest of a root's state.
func (t *Tree) had(n *Node, at version.Version, digest store.Digest) {
	if known, found := t.history.digests[at]; found && known != digest {
		t.fail("NODE-%d at %v has digest %v, another root had %v there", n.id, at, digest, known)
	}
	t.history.digests[at] = digest
}

// knownDigest checks that a member's state is one that a root had.
func (t *Tree) knownDigest(n *Node) {
	at, digest := n.store.Digest()
	if meta := n.store.Meta(); meta.Abandoned(at) {
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
	if meta := n.store.Meta(); !t.wiped && !t.history.ledger.leads(n.shown, at) && !meta.Abandoned(n.shown) {
		t.fail("NODE-%d is at %v and had shown %v", n.id, at, n.shown)
	}
	if !n.owns(at.Epoch) {
		t.knownDigest(n)
		return
	}
	t.ordered(n, at)
	t.had(n, at, digest)
	t.asLedger(n)
}

// asLedger holds a node's entries against the ledger.
func (t *Tree) asLedger(n *Node) {
	meta := n.store.Meta()
	for key, want := range t.history.ledger.keys(n.store.Applied()) {
		got := n.store.Current(key)
		gone := got == nil && want.Deleted() && want.Version.Seq <= meta.Floor.Seq
		if !gone && (got == nil || !got.Equal(want)) {
			t.fail("NODE-%d holds %v of %q, and %v was ordered last", n.id, got, key, want)
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
		if w.told == wire.Pending {
			t.settled(w)
		}
		if w.told == wire.Ordered && !t.kept(w) || w.told != wire.Ordered && w.told != wire.Pending || !writtenOnce(w.Key) {
			continue
		}
		for _, n := range t.nodes {
			if e := n.store.Get(w.Key).Entry; e == nil || e.Write != w.ID || e.Value != w.Value {
				t.fail("NODE-%d holds %v of %q, acknowledged by %v", n.id, e, w.Key, w.ID)
			}
		}
	}
}

// kept checks, at the end, that a write which was acknowledged as ordered still is, or
// was ordered again, or has lost: to a write with a later stamp, or by its condition.
// It reports false where it went with the root's disk, which alone held it.
func (t *Tree) kept(w *write) bool {
	l, end := &t.history.ledger, t.root().store.Applied()
	switch {
	case l.leads(w.at, end) || l.ordered(w.ID, end) != nil:
	case t.wiped:
		return false
	case t.forgotten(w.Key):
	case w.If.Kind != store.Always:
		if !t.metOther(w, end) {
			t.fail("%v of %q, acknowledged as ordered at %v, is gone, and all of its key up to %v was there before it", w.ID, w.Key, w.at, end)
		}
	case !t.passed(w, end) && !t.outlived(w, end):
		t.fail("%v of %q, acknowledged as ordered at %v, is gone", w.ID, w.Key, w.at)
	}
	return true
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
	live := func(of *Node) []*store.Entry {
		var entries []*store.Entry
		for e := range of.store.Cut(version.Version{}).Entries() {
			if !e.Deleted() {
				entries = append(entries, e)
			}
		}
		return entries
	}
	if !slices.EqualFunc(live(t.root()), live(n), (*store.Entry).Equal) {
		t.fail("NODE-%d has the root's digest and other entries", n.id)
	}
}

// next is the value of a counter after one more increment.
func next(value string) string {
	count := 0
	_, _ = fmt.Sscan(value, &count)
	return fmt.Sprint(count + 1)
}
