package store

import (
	"fmt"
	"strings"
	"testing"

	"xylem/sync/version"
)

const benchKeys = 100_000

var benchValue = `"` + strings.Repeat("v", 98) + `"`

// full is a root with benchKeys keys of 100-byte values.
func full() *rootStore {
	root := newRoot()
	root.load(benchKeys, benchValue)
	return root
}

func BenchmarkGet(b *testing.B) {
	root := full()
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = keyOf(i * 97 % benchKeys)
	}
	for name, suffix := range map[string]string{"hit": "", "miss": "-"} {
		asked := make([]string, len(keys))
		for i := range keys {
			asked[i] = keys[i] + suffix
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				root.Get(asked[i%len(asked)])
				i++
			}
		})
	}
}

func BenchmarkCommit(b *testing.B) {
	root := full()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		root.Commit([]*Entry{root.order(keyOf(i%benchKeys), benchValue)}, 0)
		i++
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			root := full()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				entries := make([]*Entry, n)
				for j := range entries {
					entries[j] = root.order(keyOf(i%benchKeys), benchValue)
					i++
				}
				if _, err := root.Apply(root.Applied(), root.next, root.Meta(), entries); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/entry")
		})
	}
}

// block is a thousand entries and their encoding.
func block() ([]*Entry, []byte) {
	root := newRoot()
	var entries []*Entry
	for i := range 1000 {
		entries = append(entries, root.order(keyOf(i), benchValue))
	}
	return entries, encode(entries)
}

func BenchmarkEncodeBlock(b *testing.B) {
	entries, encoded := block()
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	var enc BlockEncoder
	for b.Loop() {
		enc.Reset()
		encoded = encoded[:0]
		for _, e := range entries {
			encoded = enc.Append(encoded, e)
		}
	}
}

func BenchmarkDecodeBlock(b *testing.B) {
	entries, encoded := block()
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if entries, err = DecodeBlock(entries[:0], encoded); err != nil {
			b.Fatal(err)
		}
	}
}

// through goes through a cut: what is called in the body of b.Loop is not inlined.
func through(c *Cut) (bytes int) {
	for e := range c.Entries() {
		bytes += len(e.Value)
	}
	return bytes
}

func BenchmarkCut(b *testing.B) {
	root := full()
	from := version.Version{Epoch: 1, Seq: benchKeys - 10}
	b.ReportAllocs()
	for b.Loop() {
		through(root.Cut(from))
	}
}
