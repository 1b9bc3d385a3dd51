package simulation

import (
	"slices"
	"time"

	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/wire"
)

// bug is a fault planted in what surrounds the core, to see that it is found.
type bug byte

const (
	noBug         bug = iota
	noFlush           // what is to be on the disk may be anywhere
	noEpochCheck      // whatever comes from an epoch that is over looks like new
	stampedAnew       // a queued write that is sent again is stamped as it arrives
	halfApplied       // of a push that is applied, half is missing
	overlayForgot     // reads see the base alone
	noPromise         // who is asked by a candidate answers at once, and forgets it
	noMajority        // a candidate asks nobody
	noCut             // whoever is beyond the cut believes that it is not
	noRescue          // what lies beyond the cut is thrown away
	noLease           // a root believes that it is one for ever
)

// has reports whether a bug is planted in the tree of this node.
func (n *Node) has(b bug) bool { return n.tree.bug == b }

// show is how this node's clients see a key.
func (n *Node) show(key string) store.Answer {
	if !n.has(overlayForgot) {
		return n.store.Get(key)
	}
	answer := store.Answer{Entry: n.store.Current(key), AsOf: n.store.Applied()}
	answer.Known = answer.Entry != nil
	if answer.Known && answer.Entry.Deleted() {
		answer.Entry = nil
	}
	return answer
}

// spoilBatch plants a bug in a batch that this node sends.
func (n *Node) spoilBatch(batch *wire.Batch) {
	for i := range batch.Writes {
		if n.has(stampedAnew) {
			batch.Writes[i].Kept, batch.Writes[i].Stamp = false, 0
		}
	}
}

// spoilResults plants a bug in the results that come back.
func (n *Node) spoilResults(results *wire.Results) {
	if n.has(noEpochCheck) {
		results.Epoch = max(results.Epoch, n.store.Meta().Epoch)
	}
}

// rashly plants a promise that is only said.
func (n *Node) rashly(in *replica.Asked) replica.Promised {
	meta, applied := n.store.Meta(), n.store.Applied()
	return replica.Promised{Ref: in.Ref, Promise: wire.Promise{
		Granted: true, Epoch: in.Epoch, Tree: meta.Tree, Version: applied,
		RootMillis: n.replica.HeardMillis(), Writes: n.store.Seen(),
	}}
}

// spoilAck plants, in what a node says of its version, that this is on the root's
// history.
func (n *Node) spoilAck(h *wire.Header, ack *replica.Ack) {
	if !n.has(noCut) || h.Meta.OnHistory(ack.Version) {
		return
	}
	epoch := h.To.Epoch
	for i := len(h.Meta.History) - 1; i >= 0 && h.Meta.History[i].Seq >= ack.Version.Seq; i-- {
		epoch = h.Meta.History[i].Epoch
	}
	ack.Version.Epoch = epoch
}

// spoilRescue plants that a node throws away what it took back from beyond a cut: here
// as if that had lost. It reports whether a batch of the queue was of that kind.
func (n *Node) spoilRescue(e *replica.Forward) bool {
	taken := slices.ContainsFunc(e.Batch.Writes, func(w wire.Write) bool { return w.ID.Node != n.id })
	if !n.has(noRescue) || !e.Queue || !taken {
		return false
	}
	meta := n.store.Meta()
	results := wire.Results{Tree: meta.Tree, Epoch: n.replica.Fence()}
	for _, w := range e.Batch.Writes {
		res := wire.Result{Outcome: wire.Superseded, Version: n.store.Applied()}
		if w.ID.Node == n.id {
			res = wire.Result{Outcome: wire.Unreachable}
		}
		results.Results = append(results.Results, res)
	}
	n.after(time.Millisecond, func() { n.step(replica.Forwarded{Queue: true, Results: results}) })
	return true
}

// spoilPush plants a bug in a push that comes to this node.
func (n *Node) spoilPush(in *replica.Piece) {
	if meta := n.store.Meta(); n.has(noEpochCheck) && in.Header.Meta.Epoch < meta.Epoch {
		in.Header.Meta = meta
	}
	if n.has(noCut) && in.Header.Kind != wire.Snapshot && !in.Header.Meta.OnHistory(n.store.Applied()) && in.Header.Meta.Epoch > n.store.Applied().Epoch {
		meta := n.store.Meta()
		meta.BeginEpoch(in.Header.Meta.Epoch, in.Header.Meta.Run, n.store.Applied())
		in.Header.Meta.History, in.Header.Meta.Runs = meta.History, meta.Runs
	}
	if n.has(halfApplied) && in.Header.Kind == wire.Delta && !in.Partial {
		in.Entries = in.Entries[:len(in.Entries)/2]
		var encoder store.BlockEncoder
		var block []byte
		for _, e := range in.Entries {
			block = encoder.Append(block, e)
		}
		in.Blocks = [][]byte{block}
	}
}
