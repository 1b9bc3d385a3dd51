package replica

import (
	"testing"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// origin is a root's store without the protocol, to cut any push from.
type origin struct {
	*store.Store
	t     *testing.T
	clock version.Clock
	sent  int64 // by the root's clock
	next  uint64
}

// newOrigin is tree aa in its first epoch.
func newOrigin(t *testing.T) *origin {
	o := &origin{Store: store.New(), t: t, sent: wallClock}
	o.SetMeta(store.Meta{Tree: version.TreeID{0xaa}, Epoch: 1})
	return o
}

// write orders writes, as parseWrite reads them.
func (o *origin) write(writes ...string) *origin {
	for _, text := range writes {
		w := parseWrite(o.t, text)
		at := version.Version{Epoch: o.Meta().Epoch, Seq: o.Applied().Seq + 1}
		stamp := o.clock.Next(wallClock)
		if w.Kept {
			stamp = w.Stamp
		}
		e := &store.Entry{Key: w.Key, Value: w.Value, Version: at, Stamp: stamp, Write: w.ID}
		if !w.First.IsZero() {
			e.Origin = &store.Origin{First: w.First}
		}
		o.Commit([]*store.Entry{e}, stamp)
	}
	return o
}

// startEpoch is a restart of the root.
func (o *origin) startEpoch() *origin {
	meta := o.Meta()
	meta.History = meta.History.Extend(o.Applied())
	meta.Epoch++
	o.SetMeta(meta)
	return o
}

// expire drops all tombstones.
func (o *origin) expire() {
	meta := o.Meta()
	meta.Floor = o.ExpiredTombstones(o.clock.Last() + 1)
	o.SetMeta(meta)
}

// header is that of the next push.
func (o *origin) header(kind wire.Kind, cut *store.Cut) wire.Header {
	o.next++
	return wire.Header{
		Kind: kind, Number: o.next, Last: true, Meta: cut.Meta, From: cut.From, To: cut.To,
		Sent: o.sent, Digest: cut.Digest, Live: uint64(cut.Live),
	}
}

func (o *origin) heartbeat() *Piece {
	h := o.header(wire.Heartbeat, o.Cut(o.Applied()))
	return o.gathered(&h, nil)
}

func (o *origin) delta(from string) *Piece {
	cut := o.Cut(parseVersion(o.t, from))
	h := o.header(wire.Delta, cut)
	return o.gathered(&h, blockOf(cut))
}

func (o *origin) snapshot() *Piece {
	cut := o.Cut(version.Version{})
	h := o.header(wire.Snapshot, cut)
	return o.gathered(&h, blockOf(cut))
}

// gathered is a push of one piece as a member's Assembly makes it.
func (o *origin) gathered(h *wire.Header, block []byte) *Piece {
	o.t.Helper()
	var a Assembly
	piece, err := a.Add(1, h, block)
	if err != nil {
		o.t.Fatal(err)
	}
	return piece
}

// fetched is the origin's state as the answer to a Fetch.
func (o *origin) fetched(node uint32) Fetched {
	p := o.snapshot()
	return Fetched{Node: node, Header: p.Header, Builder: p.Builder}
}

// announced is what a node that holds the origin's state announces.
func (o *origin) announced(node uint32) *Announced {
	meta := o.Meta()
	return &Announced{Ref: Ref(node), Node: node, Tree: meta.Tree, Epoch: meta.Epoch, Version: o.Applied()}
}

func blockOf(cut *store.Cut) []byte {
	var enc store.BlockEncoder
	var block []byte
	for e := range cut.Entries() {
		block = enc.Append(block, e)
	}
	return block
}
