package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xylem/store"
	"xylem/sync/version"
)

func anyVersion() *rapid.Generator[version.Version] {
	return rapid.Custom(func(t *rapid.T) version.Version {
		return version.Version{Epoch: rapid.Uint64().Draw(t, "epoch"), Seq: rapid.Uint64().Draw(t, "seq")}
	})
}

func anyTree() *rapid.Generator[version.TreeID] {
	return rapid.Custom(func(t *rapid.T) (id version.TreeID) {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "tree"))
		return id
	})
}

func anyKey() *rapid.Generator[string] {
	return rapid.StringN(1, -1, store.MaxKeyBytes).Filter(func(s string) bool { return store.CheckKey(s) == nil })
}

func anyID() *rapid.Generator[version.WriteID] {
	return rapid.Custom(func(t *rapid.T) version.WriteID {
		return version.WriteID{Node: rapid.Uint32Range(0, store.MaxNode).Draw(t, "node"), Counter: rapid.Uint64().Draw(t, "counter")}
	})
}

func anyWrite() *rapid.Generator[Write] {
	return rapid.Custom(func(t *rapid.T) Write {
		w := Write{
			ID: anyID().Draw(t, "id"), Key: anyKey().Draw(t, "key"), Value: rapid.String().Draw(t, "value"),
			Stamp: version.Stamp(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "stamp")),
			Kept:  rapid.Bool().Draw(t, "kept"),
			If:    store.Condition{Kind: store.ConditionKind(rapid.ByteRange(0, 3).Draw(t, "condition"))},
		}
		if w.If.Kind == store.Matches {
			w.If.Version = anyVersion().Draw(t, "match")
		}
		if rapid.Bool().Draw(t, "ordered before") {
			w.First = anyVersion().Draw(t, "first")
		}
		if rapid.Bool().Draw(t, "follows") {
			w.Since = anyVersion().Draw(t, "since")
		}
		w.Footing = version.Stamp(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "footing"))
		return w
	})
}

func TestABatchReadsBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Batch{Tree: anyTree().Draw(t, "tree"), Epoch: rapid.Uint64().Draw(t, "epoch")}
		b.Writes = append(b.Writes, rapid.SliceOf(anyWrite()).Draw(t, "writes")...)
		encoded := AppendBatch([]byte("front"), &b)[5:]
		got, err := DecodeBatch(encoded)
		clear(encoded) // it shares no memory
		if err != nil || !reflect.DeepEqual(got, b) {
			t.Fatalf("%+v became %+v: %v", b, got, err)
		}
	})
}

func TestResultsReadBackAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := Results{Tree: anyTree().Draw(t, "tree"), Epoch: rapid.Uint64().Draw(t, "epoch")}
		for range rapid.IntRange(0, 20).Draw(t, "count") {
			rs.Results = append(rs.Results, Result{
				Outcome: Outcome(rapid.ByteRange(byte(Ordered), byte(Full)).Draw(t, "outcome")),
				Version: anyVersion().Draw(t, "version"), Stamp: version.Stamp(rapid.Uint64().Draw(t, "stamp")),
			})
		}
		if got, err := DecodeResults(AppendResults(nil, &rs)); err != nil || !reflect.DeepEqual(got, rs) {
			t.Fatalf("%+v became %+v: %v", rs, got, err)
		}
	})
}

// messages are a batch and its results, valid.
func messages() (batch, results []byte) {
	tree := meta().Tree
	batch = AppendBatch(nil, &Batch{Tree: tree, Epoch: 3, Writes: []Write{
		{ID: version.WriteID{Node: 4, Counter: 1<<version.BootShift + 1}, Key: "hello", Value: `"world"`},
		{
			ID: version.WriteID{Node: 4, Counter: 1<<version.BootShift + 2}, Key: "gone",
			Stamp: version.StampAt(1_753_700_400_000) + 5,
		},
		{
			ID: version.WriteID{Node: 2, Counter: 3<<version.BootShift + 9}, Key: "a/b", Value: "2",
			If: store.Condition{Kind: store.Matches, Version: version.Version{Epoch: 2, Seq: 12}},
		},
	}})
	results = AppendResults(nil, &Results{Tree: tree, Epoch: 3, Results: []Result{
		{Outcome: Ordered, Version: version.Version{Epoch: 3, Seq: 16}, Stamp: version.StampAt(1_753_700_400_000)},
		{Outcome: Superseded, Version: version.Version{Epoch: 2, Seq: 15}},
		{Outcome: Unmet},
		{Outcome: Unreachable},
		{Outcome: Unknown},
		{Outcome: Full},
	}})
	return batch, results
}

func TestMessagesUpwardThatAreCutShortAreRefused(t *testing.T) {
	batch, results := messages()
	question, lookup, page := questionAndAnswers()
	decoders := map[string]func([]byte) error{
		string(batch):    func(b []byte) error { _, err := DecodeBatch(b); return err },
		string(results):  func(b []byte) error { _, err := DecodeResults(b); return err },
		string(question): func(b []byte) error { _, err := DecodeQuestion(b); return err },
		string(lookup):   func(b []byte) error { _, err := DecodeLookup(b); return err },
		string(page):     func(b []byte) error { _, err := DecodeLookup(b); return err },
	}
	for message, decode := range decoders {
		if err := decode([]byte(message)); err != nil {
			t.Fatal(err)
		}
		for n := range len(message) {
			if err := decode([]byte(message[:n])); !errors.Is(err, ErrMalformed) {
				t.Errorf("%.3s cut after %d of %d bytes: %v", message, n, len(message), err)
			}
		}
		for other := range decoders {
			if err := decode([]byte(other)); other[:3] != message[:3] && !errors.Is(err, ErrMalformed) {
				t.Errorf("%.3s is taken for %.3s", other, message)
			}
		}
		if err := decode([]byte(message + "\x00")); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.3s with a byte behind it: %v", message, err)
		}
	}
}

// What one node lets through, every node must be able to store and to pass on.
func TestWritesThatNobodyCouldPassOnAreRefused(t *testing.T) {
	for name, w := range map[string]Write{
		"a node that cannot be":  {ID: version.WriteID{Node: store.MaxNode + 1}, Key: "a", Value: "1"},
		"an empty key":           {Value: "1"},
		"a key that is too long": {Key: strings.Repeat("k", store.MaxKeyBytes+1), Value: "1"},
		"a key with NUL":         {Key: "a\x00b", Value: "1"},
		"a key that is no UTF-8": {Key: "\xff", Value: "1"},
	} {
		if _, err := DecodeBatch(AppendBatch(nil, &Batch{Writes: []Write{w}})); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	head := appendHead(nil, batchMagic, version.TreeID{}, 1, 1)
	for name, write := range map[string][]byte{
		"an unknown flag":          {1 << 5, 1, 1, 1, 'a', 1, '1'},
		"an empty value":           {0, 1, 1, 1, 'a', 0},
		"a node of more than four": append(append([]byte{0}, binary.AppendUvarint(nil, 1<<32+1)...), 1, 1, 'a', 1, '1'),
	} {
		if _, err := DecodeBatch(slices.Concat(head, write)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCountsThatCannotBeAreRefused(t *testing.T) {
	for _, count := range []uint64{2, 1000, math.MaxUint32, math.MaxUint64} {
		for magic, decode := range map[string]func([]byte) error{
			batchMagic:    func(b []byte) error { _, err := DecodeBatch(b); return err },
			resultsMagic:  func(b []byte) error { _, err := DecodeResults(b); return err },
			questionMagic: func(b []byte) error { _, err := DecodeQuestion(b); return err },
			lookupMagic:   func(b []byte) error { _, err := DecodeLookup(b); return err },
		} {
			message := append([]byte(magic), make([]byte, 17)...)
			message = append(binary.AppendUvarint(message, count), make([]byte, 900)...)
			if err := decode(message); !errors.Is(err, ErrMalformed) {
				t.Errorf("%.3s of %d: %v", magic, count, err)
			}
		}
	}
	for _, outcome := range []Outcome{0, Full + 1, 255} {
		bad := AppendResults(nil, &Results{Results: []Result{{Outcome: outcome}}})
		if _, err := DecodeResults(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("outcome %d: %v", outcome, err)
		}
	}
}
