package replica

import (
	"xylem/store"
	"xylem/sync/wire"
)

// uplink is the part of a member that combines writes upward: while one batch is
// on its way to the parent, the writes that arrive gather for the next.
type uplink struct {
	gathered []*Submit
	sent     []*Submit // the batch under way; empty when there is none
}

func (r *Replica) combine(in *Submit) {
	r.uplink.gathered = append(r.uplink.gathered, in)
	r.forward()
}

func (r *Replica) forward() {
	u := &r.uplink
	if len(u.sent) > 0 || len(u.gathered) == 0 {
		return
	}
	u.sent, u.gathered = r.takeBatch(u.gathered)
	meta := r.store.Meta()
	batch := wire.Batch{Tree: meta.Tree, Epoch: meta.Epoch}
	for _, group := range u.sent {
		batch.Writes = append(batch.Writes, group.Writes...)
	}
	r.emit(Forward{Batch: batch})
}

// forwarded hands each group its part of the results. What was ordered is
// visible here before it is answered. Results of another tree, or of an epoch that
// this node knows to be over, promise nothing.
func (r *Replica) forwarded(in Forwarded) {
	u := &r.uplink
	sent := u.sent
	u.sent = nil
	writes := 0
	for _, group := range sent {
		writes += len(group.Writes)
	}
	meta := r.store.Meta()
	failed := in.Failed
	otherTree := in.Results.Tree != meta.Tree && !in.Results.Tree.IsZero() && !meta.Tree.IsZero()
	if failed == 0 && (len(in.Results.Results) != writes || in.Results.Epoch < meta.Epoch || otherTree) {
		failed = wire.Unknown
	}
	if failed != 0 {
		r.refuseAll(sent, failed)
		r.forward()
		return
	}
	results := in.Results.Results
	for _, group := range sent {
		mine := results[:len(group.Writes):len(group.Writes)]
		results = results[len(group.Writes):]
		for i, res := range mine {
			r.learn(&group.Writes[i], res)
		}
		r.emit(Reply{Ref: group.Ref, Epoch: in.Results.Epoch, Results: mine})
	}
	r.forward()
}

// learn adds a write that was ordered to what this node knows beyond its base.
func (r *Replica) learn(w *wire.Write, res wire.Result) {
	if res.Outcome != wire.Ordered {
		return
	}
	r.store.Learn(&store.Entry{
		Key: w.Key, Value: w.Value, Version: res.Version, Stamp: res.Stamp, Write: w.ID,
	})
}
