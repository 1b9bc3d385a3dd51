package wire

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"xylem/store"
	"xylem/sync/version"
)

// meta is a tree in its third epoch.
func meta() store.Meta {
	return store.Meta{
		Tree: version.TreeID{0xaa, 0xbb, 15: 0xff}, Epoch: 3,
		History: version.History{{Epoch: 1, Seq: 10}, {Epoch: 2, Seq: 15}},
		Floor:   version.Version{Epoch: 1, Seq: 4}, Stamp: version.StampAt(1_753_700_400_000) + 2,
	}
}

// header is that of a delta from 2.15 to 3.18.
func header() Header {
	return Header{
		Kind: Delta, Root: 2, Number: 7, Last: true, Meta: meta(),
		From: version.Version{Epoch: 2, Seq: 15}, To: version.Version{Epoch: 3, Seq: 18},
		Sent: 1_753_700_400_123, Digest: store.Digest{Hi: 0x0102030405060708, Lo: 0x090a0b0c0d0e0f10}, Live: 2,
	}
}

// three entries after 2.15, the last a tombstone.
func three() []*store.Entry {
	at := func(i uint64, key, value string) *store.Entry {
		return &store.Entry{
			Key: key, Value: value, Version: version.Version{Epoch: 3, Seq: 15 + i},
			Stamp: version.StampAt(1_753_700_400_000) + version.Stamp(i) - 1,
			Write: version.WriteID{Node: 7, Counter: 1<<version.BootShift + i},
		}
	}
	return []*store.Entry{at(1, "hello", `"world"`), at(2, "ключ", "1.0"), at(3, "gone", "")}
}

func blockOf(entries []*store.Entry) []byte {
	var enc store.BlockEncoder
	var block []byte
	for _, e := range entries {
		block = enc.Append(block, e)
	}
	return block
}

// changed is n entries with 16-byte keys and values of valueBytes, written by
// seven nodes in a busy second. Values that repeat compress well.
func changed(n, valueBytes int, repeat bool) []*store.Entry {
	random := rand.New(rand.NewPCG(1, 2))
	counters := map[uint32]uint64{}
	entries := make([]*store.Entry, n)
	for i := range entries {
		node := uint32(1 + random.IntN(7))
		counters[node]++
		value := strings.Repeat("v", valueBytes-2)
		if !repeat {
			raw := make([]byte, valueBytes-2)
			for j := range raw {
				raw[j] = byte(' ' + 2 + random.IntN(90))
			}
			value = string(raw)
		}
		entries[i] = &store.Entry{
			Key: fmt.Sprintf("user:%011d", random.IntN(1e10)), Value: `"` + value + `"`,
			Version: version.Version{Epoch: 3, Seq: 1_000_000 + uint64(i)},
			Stamp:   version.StampAt(1_753_700_400_000+int64(i)) + version.Stamp(i%3),
			Write:   version.WriteID{Node: node, Counter: 1<<version.BootShift + counters[node]},
		}
	}
	return entries
}

// committed is a store that holds the entries.
func committed(entries []*store.Entry) *store.Store {
	s := store.New()
	s.SetMeta(meta())
	s.Commit(entries, entries[len(entries)-1].Stamp)
	return s
}

const maxBody = MaxBodyBytes + 2<<20
