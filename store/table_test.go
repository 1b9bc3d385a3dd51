package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

// modelled is a table and what a plain map says should be in it.
type modelled struct {
	table *table
	at    version.Version
	model map[string]Entry
	cuts  []modelledCut
}

// modelledCut is a cut and what the map said when it was taken.
type modelledCut struct {
	cut  *Cut
	want []Entry
}

func (m *modelled) put(e Entry) {
	m.at = e.Version
	m.table.put(&e)
	m.model[e.Key] = e
}

// cut takes a cut from a version on, and remembers what is to be in it.
func (m *modelled) cut(from version.Version) {
	want := slices.SortedFunc(maps.Values(m.model), func(a, b Entry) int { return a.Version.Compare(b.Version) })
	want = slices.DeleteFunc(want, func(e Entry) bool { return e.Version.Seq <= from.Seq })
	if len(m.cuts) == 6 {
		m.cuts = m.cuts[1:]
	}
	m.cuts = append(m.cuts, modelledCut{m.table.cut(from, m.at, Meta{}), want})
}

func (m *modelled) purge(seq uint64) {
	m.table.purge(seq)
	maps.DeleteFunc(m.model, func(_ string, e Entry) bool { return e.Deleted() && e.Version.Seq <= seq })
}

// check holds everything that can be read against the map, and every cut against what
// the map said then.
func (m *modelled) check(t *rapid.T) {
	live, model := 0, map[string]*Entry{}
	for key, want := range m.model {
		model[key] = &want
		if !want.Deleted() {
			live++
		}
		if got := m.table.get(key, new(Entry)); got == nil || !got.Equal(&want) {
			t.Fatalf("of %q there is %+v, want %+v", key, got, want)
		}
		if m.table.get(key+"-", new(Entry)) != nil {
			t.Fatalf("a key is there that was never put")
		}
	}
	if m.table.current != len(m.model) || m.table.live != live || m.table.digest != digestOf(model) {
		t.Fatalf("%d entries, %d live, digest %v; want %d, %d, %v", m.table.current, m.table.live, m.table.digest, len(m.model), live, digestOf(model))
	}
	for _, c := range m.cuts {
		got := entriesOf(c.cut)
		if !slices.EqualFunc(got, c.want, func(a *Entry, b Entry) bool { return a.Equal(&b) }) {
			t.Fatalf("the cut from %v to %v holds %v, want %v", c.cut.From, c.cut.To, got, c.want)
		}
		if c.cut.MaxBytes() < c.cut.Bytes() {
			t.Fatalf("it has %d bytes, and says at most %d", c.cut.Bytes(), c.cut.MaxBytes())
		}
		if c.cut.MaxEntries() < len(got) {
			t.Fatalf("the cut from %v has %d entries, and says at most %d", c.cut.From, len(got), c.cut.MaxEntries())
		}
	}
	if whole := m.table.cut(version.Version{}, m.at, Meta{}); m.table.digestOf(whole) != whole.Digest {
		t.Fatal("what is stored does not add up to the digest")
	}
}

// whatever draws an entry of some key that comes next.
func (m *modelled) whatever(t *rapid.T, key string) Entry {
	e := *anyEntry().Draw(t, "entry")
	e.Key, e.Version = key, m.at
	e.Version.Seq += rapid.SampledFrom([]uint64{1, 1, 1, 1, 2, 300, 1 << 33}).Draw(t, "step")
	if rapid.IntRange(0, 9).Draw(t, "new epoch") == 0 {
		e.Version.Epoch++
	}
	if rapid.IntRange(0, 19).Draw(t, "large") == 0 {
		e.Value = strings.Repeat("v", rapid.IntRange(10, 150_000).Draw(t, "bytes"))
	}
	return e
}

func TestATableAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &modelled{table: newTable(), model: map[string]Entry{}, at: version.Version{Epoch: 1}}
		if expected := rapid.IntRange(0, 3000).Draw(t, "expected"); expected > 0 {
			m.table.index.expect(expected)
		}
		key := rapid.Custom(func(t *rapid.T) string { return keyOf(rapid.IntRange(0, 30).Draw(t, "key")) })
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) { m.put(m.whatever(t, key.Draw(t, "key"))) },
			"put many": func(t *rapid.T) {
				like := m.whatever(t, "")
				for i := range rapid.IntRange(1, 200).Draw(t, "many") {
					e := like
					e.Key, e.Value = keyOf(i*7%40), strconv.Itoa(i)
					e.Version.Seq += uint64(i)
					m.put(e)
				}
			},
			"delete": func(t *rapid.T) {
				e := m.whatever(t, key.Draw(t, "key"))
				e.Value = ""
				m.put(e)
			},
			"repeat": func(t *rapid.T) {
				for _, e := range m.model {
					if m.table.put(&e) {
						t.Fatal("what was there was put again")
					}
				}
			},
			"cut": func(t *rapid.T) {
				from := version.Version{}
				if m.table.purged < m.at.Seq && rapid.Bool().Draw(t, "delta") {
					from = version.Version{Epoch: 1, Seq: rapid.Uint64Range(m.table.purged, m.at.Seq).Draw(t, "from")}
				}
				m.cut(from)
			},
			"purge": func(t *rapid.T) { m.purge(rapid.Uint64Range(0, m.at.Seq).Draw(t, "floor")) },
			"":      m.check,
		})
	})
}

// Thousands of keys come, are overwritten, deleted and purged, while readers look:
// each finds every key that is there, at the value that it had last seen or a later one.
func TestReadersFindEveryKeyWhileATableGrowsAndIsCompacted(t *testing.T) {
	const keys, rounds = 6_000, 4
	table := newTable()
	at := version.Version{Epoch: 1}
	put := func(key, value string) {
		at.Seq++
		table.put(&Entry{Key: key, Value: value, Version: at, Stamp: version.Stamp(at.Seq), Write: version.WriteID{Node: 1, Counter: at.Seq}})
	}
	names := make([]string, keys)
	for i := range names {
		names[i] = keyOf(i)
	}
	const always = 64 // keys that are there from the beginning
	for _, key := range names[:always] {
		put(key, "0")
	}
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for r := range 3 {
		readers.Go(func() {
			var seen [always]int
			for i := r; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				e := table.get(names[i%always], new(Entry))
				if e == nil || e.Key != names[i%always] {
					t.Errorf("%s reads %v", names[i%always], e)
					return
				}
				n, err := strconv.Atoi(e.Value)
				if err != nil || n < seen[i%always] {
					t.Errorf("%s reads %q after %d", e.Key, e.Value, seen[i%always])
					return
				}
				seen[i%always] = n
			}
		})
	}
	for round := range rounds {
		for i, key := range names {
			put(names[i%always], strconv.Itoa(round*keys+i))
			if i < always {
				continue
			}
			if put(key, "v"); i%3 == round%3 {
				put(key, "")
			}
		}
		table.purge(at.Seq)
	}
	close(stop)
	readers.Wait()
	if most := 4 * table.current * 64; allocated(table) > most {
		t.Errorf("%d entries lie in %d bytes", table.current, allocated(table))
	}
}

// allocated is how many bytes a table's chunks have.
func allocated(t *table) (bytes int) {
	for _, c := range t.log {
		bytes += len(c.data)
	}
	return bytes
}

func TestOverwritingDoesNotLetATableGrow(t *testing.T) {
	for name, test := range map[string]struct{ keys, valueBytes int }{
		"one key":       {1, 10},
		"small values":  {2000, 100},
		"large values":  {20, 40 << 10},
		"huge values":   {4, 300 << 10},
		"of every size": {100, -1},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable()
			at := version.Version{Epoch: 1}
			for i := range test.keys * 12 {
				at.Seq++
				bytes := test.valueBytes
				if bytes < 0 {
					bytes = i * 7919 % 30_000
				}
				key := i * 31 % test.keys
				if i%2 == 0 {
					key = i / 2 % test.keys
				}
				table.put(&Entry{Key: keyOf(key), Value: strings.Repeat("v", bytes+1), Version: at})
			}
			used := 0
			for _, c := range table.log {
				used += c.bytes
			}
			if got, most := allocated(table), used*2+2*maxChunkBytes; got > most {
				t.Errorf("%d bytes are in use of %d in %d chunks", used, got, len(table.log))
			}
		})
	}
}

// A slot that has been through all births begins anew.
func TestASlotsBirthsBeginAnew(t *testing.T) {
	table := newTable()
	at := version.Version{Epoch: 1}
	for i := range 3000 {
		for slot := range table.chunks.births {
			if i == 1000 {
				table.chunks.births[slot] = 1<<16 - 2
			}
		}
		if i == 1000 { // all that is there is of a birth that is over
			table.compactAll()
		}
		at.Seq++
		table.put(&Entry{Key: keyOf(i % 10), Value: strings.Repeat("v", 500), Version: at})
	}
	for i := range 10 {
		if e := table.get(keyOf(i), new(Entry)); e == nil || e.Key != keyOf(i) {
			t.Errorf("%s reads %v", keyOf(i), e)
		}
	}
}

// compactAll compacts every chunk there is.
func (t *table) compactAll() {
	for _, c := range t.log {
		if !c.replaced.Load() {
			t.compact(c)
		}
	}
}

// Removed words are passed over until their segment is written anew, and do not fill it.
func TestAnIndexForgetsWhatWasRemoved(t *testing.T) {
	table := newTable()
	at := version.Version{Epoch: 1}
	for i := range 20_000 {
		for _, value := range []string{"1", ""} {
			at.Seq++
			table.put(&Entry{Key: fmt.Sprint(i), Value: value, Version: at})
		}
		if i%100 == 0 {
			table.purge(at.Seq)
		}
	}
	if f := table.index.root.Load(); len(f.segments) > 1 || len(f.segments[0].Load().words) > 512 {
		t.Errorf("for %d entries there are %d segments", table.current, len(f.segments))
	}
}
