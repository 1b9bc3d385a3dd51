package store

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestADigestIsWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(anyEntry()).Draw(t, "entries")
		var h hasher
		var there, elsewhere Digest
		for _, e := range entries {
			there = there.Add(h.sum(e))
		}
		for _, e := range rapid.Permutation(entries).Draw(t, "shuffled") {
			elsewhere = elsewhere.Add(new(hasher).sum(e))
		}
		if there != elsewhere {
			t.Fatalf("%v in one order, %v in another", there, elsewhere)
		}
		for _, e := range entries {
			there = there.Sub(h.sum(e))
		}
		if there != (Digest{}) {
			t.Fatalf("taking everything away leaves %v", there)
		}
	})
}

func TestADigestCoversEveryField(t *testing.T) {
	e := newRoot().write("ab", "c")[0]
	var h hasher
	whole := h.sum(e)
	for name, change := range map[string]func(*Entry){
		"key": func(e *Entry) { e.Key = "aB" }, "value": func(e *Entry) { e.Value = "C" },
		"border between them": func(e *Entry) { e.Key, e.Value = "a", "bc" },
		"epoch":               func(e *Entry) { e.Version.Epoch++ }, "seq": func(e *Entry) { e.Version.Seq++ },
		"stamp": func(e *Entry) { e.Stamp++ },
		"node":  func(e *Entry) { e.Write.Node++ }, "counter": func(e *Entry) { e.Write.Counter++ },
	} {
		other := *e
		change(&other)
		if h.sum(&other) == whole {
			t.Errorf("another %s gives the same digest", name)
		}
	}
}

// However a state came about, its digest is that of its live entries.
func TestTheKeptDigestIsTheRecomputedOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := newRoot()
		key := rapid.StringMatching(`[a-d]`)
		t.Repeat(map[string]func(*rapid.T){
			"put":    func(t *rapid.T) { root.write(key.Draw(t, "key"), rapid.StringN(1, 3, -1).Draw(t, "value")) },
			"delete": func(t *rapid.T) { root.write(key.Draw(t, "key"), "") },
			"batch":  func(t *rapid.T) { root.write(key.Draw(t, "key"), "1", key.Draw(t, "key"), "") },
			"expire": func(*rapid.T) { root.expire() },
			"": func(t *rapid.T) {
				if at, kept := root.Digest(); at != root.Applied() || kept != digestOf(root.model) {
					t.Fatalf("at %v %v is kept, want %v", at, kept, digestOf(root.model))
				}
				if !root.Verify() {
					t.Fatal("what is served is something else")
				}
				checkCounts(t, root)
			},
		})
	})
}

func checkCounts(t *rapid.T, root *rootStore) {
	floor := root.Meta().Floor
	var want Counts
	for _, e := range root.model {
		switch {
		case !e.Deleted():
			want.Live++
		case floor.Before(e.Version):
			want.Tombstones++
		default:
			continue
		}
		want.Bytes += int64(e.Bytes())
	}
	if got := root.Counts(); got != want {
		t.Fatalf("it counts %+v, want %+v", got, want)
	}
}

func TestADigestIsWrittenAs32Digits(t *testing.T) {
	d := Digest{Hi: 0xab, Lo: 1}
	encoded, err := json.Marshal(d)
	if err != nil || string(encoded) != `"00000000000000ab0000000000000001"` {
		t.Fatalf("%s, %v", encoded, err)
	}
	var back Digest
	if err := json.Unmarshal(encoded, &back); err != nil || back != d || DigestFrom(d.Append(nil)) != d {
		t.Errorf("it reads back as %v, %v", back, err)
	}
	for _, text := range []string{`""`, `"ab"`, `"00000000000000ab00000000000000zz"`, `"00000000000000ab000000000000000100"`} {
		if json.Unmarshal([]byte(text), &back) == nil {
			t.Errorf("%s is taken for a digest", text)
		}
	}
}
