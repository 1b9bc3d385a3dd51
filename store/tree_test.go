package store

import (
	"fmt"
	"testing"

	"xylem/sync/version"
)

// rootStore is the store of a root with what a root has around it: it orders
// writes, and a plain map remembers what they should have led to.
type rootStore struct {
	*Store
	clock   version.Clock
	next    version.Version
	counter uint64
	model   map[string]*Entry          // the latest of every key, tombstones too
	digests map[version.Version]Digest // of every version that there was
}

func newRoot() *rootStore {
	r := &rootStore{Store: New(), model: map[string]*Entry{}, digests: map[version.Version]Digest{{}: {}}}
	r.startEpoch()
	return r
}

// startEpoch has the next epoch take over at the applied version.
func (r *rootStore) startEpoch() {
	meta := r.Meta()
	meta.Tree = version.TreeID{1}
	meta.History = meta.History.Extend(r.Applied())
	meta.Epoch++
	r.next.Epoch = meta.Epoch
	r.SetMeta(meta)
}

// order gives a write its entry; an empty value deletes.
func (r *rootStore) order(key, value string) *Entry {
	r.next.Seq++
	r.counter++
	return &Entry{
		Key: key, Value: value, Version: r.next, Stamp: r.clock.Next(int64(1000 + r.counter)),
		Write: version.WriteID{Node: uint32(1 + r.counter%3), Counter: r.counter},
	}
}

// write orders writes, given as key, value, key, value..., and commits them.
func (r *rootStore) write(pairs ...string) []*Entry {
	var entries []*Entry
	for i := 0; i < len(pairs); i += 2 {
		e := r.order(pairs[i], pairs[i+1])
		entries = append(entries, e)
		r.model[e.Key] = e
	}
	r.Commit(entries, r.clock.Last())
	r.digests[r.Applied()] = digestOf(r.model)
	return entries
}

// load commits n keys with the same value, of which no digest is remembered.
func (r *rootStore) load(n int, value string) {
	entries := make([]*Entry, n)
	for i := range entries {
		entries[i] = r.order(keyOf(i), value)
		r.model[entries[i].Key] = entries[i]
	}
	r.Commit(entries, r.clock.Last())
}

// expire drops all the tombstones that there are.
func (r *rootStore) expire() {
	meta := r.Meta()
	if floor := r.ExpiredTombstones(r.clock.Last() + 1); floor.Seq > meta.Floor.Seq {
		meta.Floor = floor
		r.SetMeta(meta)
	}
}

// digestOf is the digest of the live entries of a model, made from nothing.
func digestOf(model map[string]*Entry) (d Digest) {
	for _, e := range model {
		if !e.Deleted() {
			d = d.Add(new(hasher).sum(e))
		}
	}
	return d
}

// push hands a cut to another store as the journal and the wire do: as bytes.
func push(to *Store, cut *Cut) (Digest, error) {
	return to.Apply(cut.From, cut.To, cut.Meta, carried(cut))
}

// blockOf is all of a cut in one block.
func blockOf(cut *Cut) []byte {
	var enc BlockEncoder
	var block []byte
	for e := range cut.Entries() {
		block = enc.Append(block, e)
	}
	return block
}

// carried are the entries of a cut after a way as bytes.
func carried(cut *Cut) []*Entry {
	entries, err := DecodeBlock(nil, blockOf(cut))
	if err != nil {
		panic(err)
	}
	return entries
}

// snapshot installs the whole state of a cut in another store.
func snapshot(t interface{ Fatal(...any) }, to *Store, cut *Cut) {
	b := NewBuilder()
	if err := b.AddBlock(blockOf(cut)); err != nil {
		t.Fatal(err)
	}
	to.Install(b, cut.To, cut.Meta)
}

func keyOf(i int) string { return fmt.Sprintf("key-%05d", i) }

func texts(entries []*Entry) (pairs []string) {
	for _, e := range entries {
		pairs = append(pairs, e.Key+"="+e.Value)
	}
	return pairs
}

func mustPush(t *testing.T, to *Store, cut *Cut) {
	t.Helper()
	digest, err := push(to, cut)
	if err != nil || digest != cut.Digest || to.Applied() != cut.To {
		t.Fatalf("the push to %v left %v, digest %v, want %v: %v", cut.To, to.Applied(), digest, cut.Digest, err)
	}
}
