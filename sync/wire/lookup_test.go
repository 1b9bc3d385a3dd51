package wire

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xylem/store"
	"xylem/sync/version"
)

// questionAndAnswers are a question for a page, the answer to one for a key, and the
// answer to one for a page, valid.
func questionAndAnswers() (question, lookup, page []byte) {
	tree := meta().Tree
	question = AppendQuestion(nil, &Question{
		Terms: Terms{Min: version.Version{Epoch: 3, Seq: 18}, LagBounded: true, MaxLag: 500},
		Tree:  tree, Epoch: 3, Key: "user:", After: "user:17", Limit: 100, TimeLeft: 400,
	})
	lookup = AppendLookup(nil, &Lookup{
		Tree: tree, Epoch: 3, AsOf: version.Version{Epoch: 3, Seq: 18}, LagKnown: true, Lag: 300, Entries: three()[:1],
	})
	page = AppendLookup(nil, &Lookup{Tree: tree, Epoch: 3, AsOf: version.Version{Epoch: 3, Seq: 18}, Next: "ключи", Entries: three()[:2]})
	return question, lookup, page
}

func anyTerms() *rapid.Generator[Terms] {
	return rapid.Custom(func(t *rapid.T) Terms {
		terms := Terms{Min: anyVersion().Draw(t, "min"), LagBounded: rapid.Bool().Draw(t, "bounded")}
		if terms.LagBounded {
			terms.MaxLag = rapid.Int64Min(0).Draw(t, "max lag")
		}
		return terms
	})
}

func TestAQuestionReadsBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Question{
			Terms: anyTerms().Draw(t, "terms"), Tree: anyTree().Draw(t, "tree"), Epoch: rapid.Uint64().Draw(t, "epoch"),
			Key: anyKey().Draw(t, "key"), TimeLeft: rapid.Int64Range(0, MaxTimeLeft).Draw(t, "time left"),
		}
		if rapid.Bool().Draw(t, "page") {
			q.Limit = rapid.IntRange(1, store.MaxPage).Draw(t, "limit")
			bound := rapid.OneOf(rapid.Just(""), anyKey())
			q.Key, q.After = bound.Draw(t, "prefix"), bound.Draw(t, "after")
		}
		encoded := AppendQuestion([]byte("front"), &q)[5:]
		got, err := DecodeQuestion(encoded)
		clear(encoded) // it shares no memory
		if err != nil || got != q {
			t.Fatalf("%+v became %+v: %v", q, got, err)
		}
	})
}

func TestALookupReadsBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Lookup{
			Tree: anyTree().Draw(t, "tree"), Epoch: rapid.Uint64().Draw(t, "epoch"), AsOf: anyVersion().Draw(t, "as of"),
			Next: rapid.OneOf(rapid.Just(""), anyKey()).Draw(t, "next"), LagKnown: rapid.Bool().Draw(t, "known"),
		}
		if l.LagKnown {
			l.Lag = rapid.Int64Min(0).Draw(t, "lag")
		}
		for range rapid.IntRange(0, 5).Draw(t, "entries") {
			l.Entries = append(l.Entries, &store.Entry{
				Key: anyKey().Draw(t, "key"), Value: rapid.String().Draw(t, "value"), Version: anyVersion().Draw(t, "version"),
				Stamp: version.Stamp(rapid.Uint64().Draw(t, "stamp")), Write: anyID().Draw(t, "id"),
			})
		}
		if got, err := DecodeLookup(AppendLookup(nil, &l)); err != nil || !reflect.DeepEqual(got, l) {
			t.Fatalf("%+v became %+v: %v", l, got, err)
		}
	})
}

func TestQuestionsThatNobodyCouldAskAreRefused(t *testing.T) {
	for name, q := range map[string]Question{
		"no key":                  {},
		"a key with NUL":          {Key: "a\x00b"},
		"a key that is no UTF-8":  {Key: "\xff"},
		"a key that is too long":  {Key: strings.Repeat("k", store.MaxKeyBytes+1)},
		"a prefix with NUL":       {Key: "\x00", Limit: 1},
		"a page after no UTF-8":   {Key: "a", After: "\xff", Limit: 1},
		"a page too long":         {Limit: store.MaxPage + 1},
		"all the time":            {Key: "k", TimeLeft: MaxTimeLeft + 1},
		"less than no time":       {Key: "k", TimeLeft: -1},
		"a lag less than nothing": {Key: "k", Terms: Terms{LagBounded: true, MaxLag: -1}},
		"a limit beyond counting": {Key: "k", Limit: math.MaxInt},
	} {
		if got, err := DecodeQuestion(AppendQuestion(nil, &q)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAnAnswerIsOfWhatWasAskedFor(t *testing.T) {
	entry := func(key string) *store.Entry { return &store.Entry{Key: key, Value: "1"} }
	key := Question{Key: "b"}
	page := Question{Key: "b", After: "b1", Limit: 2}
	for name, c := range map[string]struct {
		q    *Question
		l    Lookup
		want bool
	}{
		"an absence":       {&key, Lookup{}, true},
		"the key":          {&key, Lookup{Entries: []*store.Entry{entry("b")}}, true},
		"another key":      {&key, Lookup{Entries: []*store.Entry{entry("c")}}, false},
		"two for one":      {&key, Lookup{Entries: []*store.Entry{entry("b"), entry("b")}}, false},
		"more of a key":    {&key, Lookup{Entries: []*store.Entry{entry("b")}, Next: "b"}, false},
		"an empty page":    {&page, Lookup{}, true},
		"all hidden":       {&page, Lookup{Next: "b2"}, true},
		"no further":       {&page, Lookup{Next: "b1"}, false},
		"on elsewhere":     {&page, Lookup{Next: "c"}, false},
		"on within":        {&page, Lookup{Entries: []*store.Entry{entry("b2"), entry("b3")}, Next: "b2"}, false},
		"a page":           {&page, Lookup{Entries: []*store.Entry{entry("b2"), entry("b3")}, Next: "b3"}, true},
		"not in order":     {&page, Lookup{Entries: []*store.Entry{entry("b3"), entry("b2")}}, false},
		"from before":      {&page, Lookup{Entries: []*store.Entry{entry("b1")}}, false},
		"another prefix":   {&page, Lookup{Entries: []*store.Entry{entry("c")}}, false},
		"a tombstone":      {&page, Lookup{Entries: []*store.Entry{{Key: "b2"}}}, false},
		"more than a page": {&page, Lookup{Entries: []*store.Entry{entry("b2"), entry("b3"), entry("b4")}}, false},
	} {
		if got := c.l.Answers(c.q); got != c.want {
			t.Errorf("%s answers: %v, want %v", name, got, c.want)
		}
	}
}
