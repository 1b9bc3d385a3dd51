package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

const (
	// changed is how many entries the delta has that is weighed.
	changed = load.ManyKeys
	// overwrites is how often one key is written between two pushes.
	overwrites = 1000
)

// measureDelta weighs a delta: as the encoder makes it, and as a tree sends it.
func measureDelta(ctx context.Context, shop *workshop, r *report.Report, _ int) error {
	r.Title = fmt.Sprintf("Bytes of a delta of %d changed values", changed)
	table := report.Table{Columns: []string{"delta", "entries", "bytes", "bytes/entry", "against keys and values"}}
	payload := float64(changed * (load.KeyBytes + load.ValueBytes))
	row := func(what string, bytes int) {
		table.Add(what, fmt.Sprint(changed), fmt.Sprint(bytes), fmt.Sprintf("%.1f", float64(bytes)/changed), fmt.Sprintf("%.3f", float64(bytes)/payload))
	}
	raw, sent := encodeDelta(load.RandomKey, load.Values(1))
	row("encoder, before compression", raw)
	row("encoder, as sent, random keys and values", sent)
	_, alike := encodeDelta(load.Key, func() string { return fmt.Sprintf("%q", fmt.Sprintf("%0*d", load.ValueBytes-2, 7)) })
	row("encoder, as sent, numbered keys, values alike", alike)
	seen, err := sentDelta(ctx, shop)
	if err != nil {
		return err
	}
	row("last_push at the root of a tree, random keys and values", int(seen))
	r.Goals = []report.Goal{
		{What: "delta before compression, against its keys and values (encoder)", Measured: float64(raw) / payload, Bound: 1.35},
		{What: "delta as sent, which is not compressed, against its keys and values (last_push)", Measured: float64(seen) / payload, Bound: 1.35},
		{What: "bytes per changed key as sent (last_push)", Measured: float64(seen) / changed, Bound: 140},
	}
	if err := weighRedis(ctx, shop, r, row); err != nil {
		return err
	}
	travelled, err := sentOnce(ctx, shop)
	if err != nil {
		return err
	}
	r.Goals = append(r.Goals, report.Goal{What: fmt.Sprintf("a key overwritten %d times between two pushes: entries in the push", overwrites), Measured: float64(travelled), Bound: 1})
	r.Tables = []report.Table{table}
	r.Note("Keys of %d bytes, values of %d; a version, a stamp and a write id go with each. Random keys and values do "+
		"not compress, so such a delta is sent as it is.", load.KeyBytes, load.ValueBytes)
	return nil
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
	for _, body := range slices.Collect(wire.Bodies(cut, wire.MaxBodyBytes)) {
		piece := len(wire.AppendPiece(nil, &h, body))
		sent += piece
		raw += piece - body.Bytes()
	}
	return raw + len(block), sent
}

// lastPush lets a tree that pushes by schedule only take writes, until the root tells
// of a delta that suits.
func lastPush(ctx context.Context, shop *workshop, write func(t *servers.Tree) error, suits func(entries int) bool) (entries int, bytes int64, err error) {
	const attempts = 4
	t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 2, Sets: []string{"sync.eager=false", "sync.schedule=@every 2s"}})
	if err != nil {
		return 0, 0, err
	}
	for range attempts {
		if err := write(t); err != nil {
			return 0, 0, err
		}
		if err := t.Settle(ctx); err != nil { // returns just after a push
			return 0, 0, err
		}
		status, err := t.Root.Client.Synchronization(ctx)
		if err != nil {
			return 0, 0, err
		}
		for _, node := range status.Nodes {
			if p := node.LastPush; p != nil && p.Kind == wire.Delta.String() && suits(p.Entries) {
				return p.Entries, p.Bytes, nil
			}
		}
	}
	return 0, 0, fmt.Errorf("no push of %d attempts had all changes in it", attempts)
}

// sentDelta is how many bytes the root says a push of changed values took.
func sentDelta(ctx context.Context, shop *workshop) (int64, error) {
	_, bytes, err := lastPush(ctx, shop, func(t *servers.Tree) error { return t.Fill(ctx, load.RandomKey) },
		func(entries int) bool { return entries == changed })
	return bytes, err
}

// sentOnce is how many entries the last push has when one key was overwritten many
// times since the push before.
func sentOnce(ctx context.Context, shop *workshop) (int, error) {
	same := func(int) string { return load.Key(1) }
	entries, _, err := lastPush(ctx, shop, func(t *servers.Tree) error {
		return t.Root.Ask(ctx, load.HTTP, func(c *load.Connection) error { return load.Xylem.Fill(c, 0, overwrites, same) })
	}, func(int) bool { return true })
	return entries, err
}

// weighRedis adds what Redis sends to a replica for as many values.
func weighRedis(ctx context.Context, shop *workshop, r *report.Report, row func(what string, bytes int)) error {
	group, err := shop.StartRedisTree(ctx, 2)
	if absent(r, err) {
		return nil
	}
	if err != nil {
		return err
	}
	sent := func() (int, error) {
		offset, err := group[0].RedisInfo(ctx, "replication", "master_repl_offset")
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(offset)
	}
	before, err := sent()
	if err != nil {
		return err
	}
	err = group[0].Ask(ctx, load.Redis, func(c *load.Connection) error { return load.RedisServer.Fill(c, 0, changed, load.RandomKey) })
	if err != nil {
		return err
	}
	after, err := sent()
	row("Redis, the stream to each replica", after-before)
	return err
}
