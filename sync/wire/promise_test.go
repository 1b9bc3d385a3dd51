package wire

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"xylem/store"
	"xylem/sync/version"
)

// examplePromise is the one that docs/protocol.md shows: a member at 2.12 has seen a
// conditional delete at 2.13.
func examplePromise() Promise {
	return Promise{
		Granted: true, Epoch: 3, Tree: version.TreeID{1, 2, 3}, Version: version.Version{Epoch: 2, Seq: 12}, RootMillis: 1000,
		Writes: []*store.Entry{{
			Key: "k", Version: version.Version{Epoch: 2, Seq: 13}, Stamp: version.StampAt(1000), Write: version.WriteID{Node: 4, Counter: 7},
			Origin: &store.Origin{If: store.Condition{Kind: store.Matches, Version: version.Version{Epoch: 2, Seq: 12}}, Taken: version.StampAt(999)},
		}},
	}
}

func samePromise(a, b *Promise) bool {
	if len(a.Writes) != len(b.Writes) {
		return false
	}
	for i := range a.Writes {
		if !a.Writes[i].Equal(b.Writes[i]) {
			return false
		}
	}
	return bytes.Equal(AppendPromise(nil, a), AppendPromise(nil, b))
}

func TestAPromiseRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) uint64 { return rapid.Uint64Range(0, 1<<40).Draw(t, name) }
		p := Promise{
			Granted: rapid.Bool().Draw(t, "granted"), Epoch: number("epoch"), Tree: version.TreeID{byte(number("tree"))},
			Version: version.Version{Epoch: number("version epoch"), Seq: number("seq")}, RootMillis: int64(number("millis")),
		}
		for range rapid.IntRange(0, 3).Draw(t, "writes") {
			e := *examplePromise().Writes[0]
			e.Version.Seq, e.Value = number("entry seq"), rapid.SampledFrom([]string{"", "1", `"x"`}).Draw(t, "value")
			if rapid.Bool().Draw(t, "plain") {
				e.Origin = nil
			}
			p.Writes = append(p.Writes, &e)
		}
		got, err := DecodePromise(AppendPromise(nil, &p))
		if err != nil || !samePromise(&got, &p) {
			t.Fatalf("%+v came back as %+v, %v", p, got, err)
		}
	})
}

func TestAPromiseThatIsCutShortIsRefused(t *testing.T) {
	p := examplePromise()
	whole := AppendPromise(nil, &p)
	withoutWrites := p
	withoutWrites.Writes = nil
	for n := range whole {
		_, err := DecodePromise(whole[:n])
		if n == len(AppendPromise(nil, &withoutWrites)) { // which is one by itself
			continue
		}
		if !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d bytes of %d: %v", n, len(whole), err)
		}
	}
}

func FuzzDecodePromise(f *testing.F) {
	p := examplePromise()
	f.Add(AppendPromise(nil, &p))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePromise(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again, err := DecodePromise(AppendPromise(nil, &p)); err != nil || !samePromise(&again, &p) {
			t.Fatalf("%+v came back as %+v, %v", p, again, err)
		}
	})
}
