package simulation

import (
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

// spoilPush plants a bug in a push that comes to this node.
func (n *Node) spoilPush(in *replica.Piece) {
	if meta := n.store.Meta(); n.has(noEpochCheck) && in.Header.Meta.Epoch < meta.Epoch {
		in.Header.Meta = meta
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
