package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// changed is how many entries the delta has that is weighed.
const changed = manyKeys

// measureDelta weighs a delta: as the encoder makes it, and as a tree sends it.
func measureDelta(ctx context.Context, shop *workshop) (report, error) {
	r := report{title: fmt.Sprintf("Bytes of a delta of %d changed values", changed)}
	r.table.columns = []string{"delta", "entries", "bytes", "bytes/entry", "against keys and values"}
	payload := float64(changed * (keyBytes + valueBytes))
	row := func(what string, bytes int) {
		r.table.add(what, fmt.Sprint(changed), fmt.Sprint(bytes), fmt.Sprintf("%.1f", float64(bytes)/changed), fmt.Sprintf("%.3f", float64(bytes)/payload))
	}
	raw, sent := encodeDelta(randomKey, stock(1))
	row("encoder, before compression", raw)
	row("encoder, as sent, random keys and values", sent)
	_, alike := encodeDelta(keyName, func() string { return fmt.Sprintf("%q", fmt.Sprintf("%0*d", valueBytes-2, 7)) })
	row("encoder, as sent, numbered keys, values alike", alike)
	seen, err := sentDelta(ctx, shop)
	if err != nil {
		return r, err
	}
	row("last_push at the root of a tree, random keys and values", int(seen))
	r.goals = []goal{
		{"delta before compression, against its keys and values (encoder)", float64(raw) / payload, 1.35},
		{"delta as sent, which is not compressed, against its keys and values (last_push)", float64(seen) / payload, 1.35},
	}
	r.notes = []string{fmt.Sprintf("Keys of %d bytes, values of %d; a version, a stamp and a write id go with each. Random keys and values do "+
		"not compress, so such a delta is sent as it is.", keyBytes, valueBytes)}
	return r, nil
}

// encodeDelta makes a delta of values that 64 clients wrote at one node, and
// returns its bytes before and after compression, its head included.
func encodeDelta(key func(i int) string, value func() string) (raw, sent int) {
	s := store.New()
	meta := store.Meta{Tree: version.TreeID{1}, Epoch: 1}
	s.SetMeta(meta)
	var clock version.Clock
	entries := make([]*store.Entry, changed)
	began := time.Now().UnixMilli()
	for i := range entries {
		entries[i] = &store.Entry{
			Key: key(i), Value: value(), Version: version.Version{Epoch: 1, Seq: uint64(i + 1)},
			Stamp: clock.Next(began + int64(i/64)), Write: version.WriteID{Node: 7, Counter: 77<<version.BootShift + uint64(i)},
		}
	}
	s.Commit(entries, clock.Last())
	cut := s.Cut(version.Version{})
	var encoder store.BlockEncoder
	var block []byte
	for e := range cut.Entries() {
		block = encoder.Append(block, e)
	}
	h := wire.Header{
		Kind: wire.Delta, Number: 1, Last: true, Meta: cut.Meta, To: cut.To, Sent: began, Digest: cut.Digest, Live: uint64(cut.Live),
	}
	for _, body := range slices.Collect(wire.Bodies(cut)) {
		piece := len(wire.AppendPiece(nil, &h, body))
		sent += piece
		raw += piece - body.Bytes()
	}
	return raw + len(block), sent
}

// sentDelta lets a tree that pushes by schedule only send changed values in one
// push, and returns how many bytes the root says that took.
func sentDelta(ctx context.Context, shop *workshop) (int64, error) {
	const attempts = 4
	t, err := shop.startTree(ctx, 2, "sync.eager=false", "sync.schedule=@every 2s")
	if err != nil {
		return 0, err
	}
	for range attempts {
		if err := t.fill(ctx, randomKey); err != nil { // returns just after a push
			return 0, err
		}
		status, err := t.root.client.Synchronization(ctx)
		if err != nil {
			return 0, err
		}
		for _, node := range status.Nodes {
			if p := node.LastPush; p != nil && p.Kind == wire.Delta.String() && p.Entries == changed {
				return p.Bytes, nil
			}
		}
	}
	return 0, fmt.Errorf("no push had all of %d changed values in %d attempts", changed, attempts)
}
