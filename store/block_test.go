package store

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

func anyKey() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-c]{1,2}`),
		rapid.StringN(1, 20, MaxKeyBytes).Filter(func(s string) bool { return CheckKey(s) == nil }),
		rapid.Just(strings.Repeat("ключ", MaxKeyBytes/8)),
	)
}

func anyValue() *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), rapid.Just("null"), rapid.String(),
		rapid.Custom(func(t *rapid.T) string { return strings.Repeat("v", rapid.IntRange(250, 1000).Draw(t, "length")) }))
}

func anyEntry() *rapid.Generator[*Entry] {
	number := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3), rapid.Just(uint64(math.MaxUint64)))
	return rapid.Custom(func(t *rapid.T) *Entry {
		var origin *Origin
		if rapid.Bool().Draw(t, "origin") {
			origin = &Origin{If: Condition{Kind: ConditionKind(rapid.ByteRange(0, 3).Draw(t, "condition"))}, Taken: version.Stamp(number.Draw(t, "taken"))}
			if origin.If.Kind == Matches {
				origin.If.Version = version.Version{Epoch: number.Draw(t, "match epoch"), Seq: number.Draw(t, "match seq")}
			}
			if rapid.Bool().Draw(t, "ordered before") {
				origin.First = version.Version{Epoch: number.Draw(t, "first epoch"), Seq: number.Draw(t, "first seq")}
			}
			if rapid.Bool().Draw(t, "follows") {
				origin.Since = version.Version{Epoch: number.Draw(t, "since epoch"), Seq: number.Draw(t, "since seq")}
			}
			origin.Footing = version.Stamp(number.Draw(t, "footing"))
		}
		return &Entry{
			Origin: origin,
			Key:    anyKey().Draw(t, "key"), Value: anyValue().Draw(t, "value"),
			Version: version.Version{Epoch: number.Draw(t, "epoch"), Seq: number.Draw(t, "seq")},
			Stamp:   version.Stamp(number.Draw(t, "stamp")),
			Write: version.WriteID{
				Node: rapid.Uint32Range(0, MaxNode).Draw(t, "node"), Counter: number.Draw(t, "counter"),
			},
		}
	})
}

func encode(entries []*Entry) []byte {
	var enc BlockEncoder
	var block []byte
	for _, e := range entries {
		block = enc.Append(block, e)
	}
	return block
}

func sameEntries(a, b []*Entry) bool {
	return slices.EqualFunc(a, b, (*Entry).Equal)
}

func TestABlockReadsBackAsItWasWritten(t *testing.T) {
	var enc BlockEncoder
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(anyEntry()).Draw(t, "entries")
		block := encode(entries)
		decoded, err := DecodeBlock(nil, block)
		if err != nil || !sameEntries(decoded, entries) {
			t.Fatalf("%v became %v: %v", entries, decoded, err)
		}
		enc.Reset() // a used encoder is as good as a new one
		var again []byte
		for _, e := range entries {
			again = enc.Append(again, e)
		}
		if !slices.Equal(again, block) {
			t.Fatal("a used encoder remembers the block before")
		}
	})
}

func TestDecodedEntriesKeepNothingOfTheBlock(t *testing.T) {
	entries := newRoot().write("a", `"one"`, "b", "")
	block := encode(entries)
	decoded, err := DecodeBlock(nil, block)
	clear(block)
	if err != nil || !sameEntries(decoded, entries) {
		t.Errorf("they became %v, %v", texts(decoded), err)
	}
}

func TestMalformedBlocksAreRefused(t *testing.T) {
	whole := encode(newRoot().write("a", `"one"`))
	huge := []byte{0, 2, 2, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	overlong := append([]byte{0}, slices.Repeat([]byte{0xff}, 11)...)
	entry := func(e Entry) []byte { return encode([]*Entry{&e}) }
	for name, block := range map[string][]byte{
		"unknown flags":             append([]byte{8}, whole[1:]...),
		"an unknown condition":      {4, 2, 2, 1, 2, 9, 0, 1, 'a', 1, '1'},
		"a footing of no stamp":     {4, 2, 2, 1, 2, 1<<5 | 3, 0, 1, 1, 'a', 1, '1'},
		"length of 2^64-1":          huge,
		"a number of eleven bytes":  overlong,
		"a node that cannot be":     entry(Entry{Key: "a", Value: "1", Write: version.WriteID{Node: MaxNode + 1}}),
		"an empty key":              entry(Entry{Key: "", Value: "1"}),
		"a key with NUL":            entry(Entry{Key: "a\x00", Value: "1"}),
		"a key that is not UTF-8":   entry(Entry{Key: "\xff", Value: "1"}),
		"a key that is too long":    entry(Entry{Key: strings.Repeat("k", MaxKeyBytes+1), Value: "1"}),
		"an empty value":            {0, 2, 2, 1, 2, 1, 'a', 0},
		"rubbish behind an entry":   append(slices.Clone(whole), 0xff),
		"a key beyond its very end": {1, 2, 2, 1, 2, 2, 'a'},
	} {
		if decoded, err := DecodeBlock(nil, block); !errors.Is(err, ErrBlock) {
			t.Errorf("%s: %v, %v", name, texts(decoded), err)
		}
	}
	for n := 1; n < len(whole); n++ {
		if _, err := DecodeBlock(nil, whole[:n]); !errors.Is(err, ErrBlock) {
			t.Errorf("cut after %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// A key is kept for as long as it lives; the values that it once had are not.
func TestAKeyDoesNotHoldOnToItsFirstValue(t *testing.T) {
	const keys, valueBytes = 200, 64 << 10
	root, replica := newRoot(), New()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for _, value := range []string{strings.Repeat("v", valueBytes), "1"} {
		from := root.Applied()
		root.load(keys, value)
		mustPush(t, replica, root.Cut(from))
	}
	root = nil
	if kept := int64(heap()) - int64(before); kept > keys*valueBytes/2 {
		t.Errorf("%d keys of one byte each keep %d KiB", keys, kept>>10)
	}
	runtime.KeepAlive(replica)
}

func FuzzDecodeBlock(f *testing.F) {
	f.Add(encode(newRoot().write("a", `"one"`, "b", "", "a", "2")))
	f.Add([]byte{0, 2, 2, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{3, 1, 2, 2, 1, 2, 1, 'a'})
	f.Add(encode([]*Entry{{Key: "a", Value: "1", Stamp: 20, Origin: &Origin{If: Condition{Kind: Absent}, Since: version.Version{Seq: 1}, Footing: 19}}}))
	f.Fuzz(func(t *testing.T, block []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		entries, err := DecodeBlock(nil, block)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<10+100*uint64(len(block)) {
			t.Fatalf("%d bytes made it allocate %d", len(block), took)
		}
		if err != nil {
			if !errors.Is(err, ErrBlock) {
				t.Fatal(err)
			}
			return
		}
		again, err := DecodeBlock(nil, encode(entries))
		if err != nil || !sameEntries(again, entries) {
			t.Fatalf("%v encoded anew reads as %v: %v", texts(entries), texts(again), err)
		}
	})
}
