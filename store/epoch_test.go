package store

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

// wantRuns holds the runs that meta names for epochs against those wanted.
func wantRuns(t *testing.T, meta *Meta, want map[uint64]uint64) {
	t.Helper()
	for epoch, run := range want {
		if got := meta.RunOf(epoch); got != run {
			t.Errorf("the run of epoch %d is %d, want %d, in %+v", epoch, got, run, *meta)
		}
	}
}

func TestTheRunsOfEpochsFollowTheCuts(t *testing.T) {
	var meta Meta
	meta.BeginEpoch(1, 11, version.Version{})
	if len(meta.History) != 0 || len(meta.Runs) != 0 {
		t.Errorf("the first epoch begins with %+v", meta)
	}
	meta.BeginEpoch(2, 12, version.Version{Epoch: 1, Seq: 5})
	before := meta
	meta.BeginEpoch(3, 13, version.Version{Epoch: 1, Seq: 5}) // epoch 2 ordered nothing
	if !slices.Equal(meta.History, before.History) || !slices.Equal(meta.Runs, before.Runs) {
		t.Errorf("an epoch without writes leaves a cut: %+v after %+v", meta, before)
	}
	wantRuns(t, &meta, map[uint64]uint64{0: 0, 1: 11, 2: 0, 3: 13, 4: 0})

	meta.BeginEpoch(7, 17, version.Version{Epoch: 3, Seq: 6})
	if want := (version.History{{Epoch: 1, Seq: 5}, {Epoch: 3, Seq: 6}}); !slices.Equal(meta.History, want) {
		t.Errorf("the cuts are %v, want %v", meta.History, want)
	}
	wantRuns(t, &meta, map[uint64]uint64{1: 11, 2: 0, 3: 13, 4: 0, 7: 17})
	wantRuns(t, &before, map[uint64]uint64{1: 11, 2: 12, 3: 0}) // it shares nothing that was changed
}

// What was written down before runs had names names none for the cuts it has.
func TestTheRunsOfOldCutsAreNotKnown(t *testing.T) {
	meta := Meta{Epoch: 3, History: version.History{{Epoch: 1, Seq: 5}, {Epoch: 2, Seq: 6}}}
	meta.BeginEpoch(4, 14, version.Version{Epoch: 3, Seq: 7})
	meta.BeginEpoch(5, 15, version.Version{Epoch: 4, Seq: 8})
	wantRuns(t, &meta, map[uint64]uint64{1: 0, 2: 0, 3: 0, 4: 14, 5: 15})
}

func TestTheRunsOfForgottenCutsAreForgottenInAnEpochsTurn(t *testing.T) {
	const epochs = version.MaxCuts + 10
	var meta Meta
	last := version.Version{}
	for epoch := uint64(1); epoch <= epochs; epoch++ {
		meta.BeginEpoch(epoch, 1000+epoch, last)
		last = version.Version{Epoch: epoch, Seq: last.Seq + 2}
	}
	if len(meta.History) != version.MaxCuts || len(meta.Runs) != version.MaxCuts {
		t.Fatalf("%d cuts, %d runs", len(meta.History), len(meta.Runs))
	}
	oldest := meta.History[0].Epoch
	wantRuns(t, &meta, map[uint64]uint64{1: 0, oldest - 1: 0, epochs: 1000 + epochs})
	for i, cut := range meta.History {
		if meta.Runs[i] != 1000+cut.Epoch {
			t.Errorf("the run of cut %v is %d", cut, meta.Runs[i])
		}
	}
	before := meta
	meta.BeginEpoch(epochs+1, 1, meta.History[version.MaxCuts-1]) // full, and nothing was ordered
	if !slices.Equal(meta.Runs, before.Runs) || !slices.Equal(meta.History, before.History) {
		t.Error("an epoch without writes moves a full history")
	}
	if got, rest, err := ReadMeta(AppendMeta(nil, meta)); err != nil || len(rest) > 0 || !reflect.DeepEqual(got, meta) {
		t.Errorf("a full history is read as %+v, %d bytes left, %v", got, len(rest), err)
	}
}

func TestMetasOfOneEpochAgreeOnlyInItsRun(t *testing.T) {
	first, second := version.Version{Epoch: 1, Seq: 5}, version.Version{Epoch: 2, Seq: 6}
	var common Meta
	common.BeginEpoch(1, 11, version.Version{})
	mine, copied, unnamed := common, common, Meta{Epoch: 2, History: version.History{first}}
	mine.BeginEpoch(2, 12, first)
	copied.BeginEpoch(2, 99, first)
	later := mine
	later.BeginEpoch(3, 13, second)
	for _, c := range []struct {
		name  string
		other *Meta
		v     version.Version
		want  bool
	}{
		{"nothing", &copied, version.Version{}, true},
		{"what both were given before they parted", &copied, first, true},
		{"what a copy gave a second time", &copied, second, false},
		{"what is past for one and current for the other", &later, second, true},
		{"an epoch whose run is not known to one", &unnamed, first, false},
	} {
		if got := mine.Agrees(c.other, c.v); got != c.want || c.other.Agrees(&mine, c.v) != got {
			t.Errorf("%s: they agree is %v, want %v both ways", c.name, got, c.want)
		}
	}
	if copied.Agrees(&later, second) || later.Agrees(&copied, second) {
		t.Error("the past epoch of one agrees with the second life of the other")
	}
}

func TestAnEpochsRunsAreReadAsTheyWereWritten(t *testing.T) {
	history := version.History{{Epoch: 1, Seq: 5}, {Epoch: 3, Seq: 6}}
	for name, c := range map[string]struct{ write, want Meta }{
		"runs":             {Meta{Epoch: 7, Run: 17, History: history, Runs: []uint64{11, 1 << 63}}, Meta{Epoch: 7, Run: 17, History: history, Runs: []uint64{11, 1 << 63}}},
		"no runs":          {Meta{Epoch: 7, History: history}, Meta{Epoch: 7, History: history}},
		"no cuts":          {Meta{Epoch: 1, Run: 17}, Meta{Epoch: 1, Run: 17}},
		"nothing":          {Meta{}, Meta{}},
		"runs of 0":        {Meta{Epoch: 7, History: history, Runs: []uint64{0, 0}}, Meta{Epoch: 7, History: history}},
		"runs that end":    {Meta{Epoch: 7, History: history, Runs: []uint64{11}}, Meta{Epoch: 7, History: history, Runs: []uint64{11, 0}}},
		"runs begin later": {Meta{Epoch: 7, History: history, Runs: []uint64{0, 13}}, Meta{Epoch: 7, History: history, Runs: []uint64{0, 13}}},
	} {
		got, rest, err := ReadMeta(append(AppendMeta([]byte("before"), c.write)[len("before"):], "after"...))
		if err != nil || string(rest) != "after" || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: read %+v, then %q, %v; want %+v", name, got, rest, err, c.want)
		}
	}
}

// A model of a tree's whole life knows the run of each epoch that left a cut.
func TestTheRunsOfEpochsAgreeWithTheLifeTheyTell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var meta Meta
		runs := map[uint64]uint64{}
		last := version.Version{}
		for range rapid.IntRange(1, 12).Draw(t, "epochs") {
			epoch := meta.Epoch + rapid.Uint64Range(1, 3).Draw(t, "skipped")
			runs[epoch] = rapid.Uint64().Draw(t, "run")
			meta.BeginEpoch(epoch, runs[epoch], last)
			if writes := rapid.Uint64Range(0, 4).Draw(t, "writes"); writes > 0 {
				last = version.Version{Epoch: epoch, Seq: last.Seq + writes}
			}
		}
		read, _, err := ReadMeta(AppendMeta(nil, meta))
		if err != nil {
			t.Fatal(err)
		}
		want := map[uint64]uint64{meta.Epoch: runs[meta.Epoch]}
		for _, cut := range meta.History {
			want[cut.Epoch] = runs[cut.Epoch]
		}
		for epoch := range meta.Epoch + 2 {
			if meta.RunOf(epoch) != want[epoch] || read.RunOf(epoch) != want[epoch] {
				t.Fatalf("the run of epoch %d is %d, once read %d, want %d", epoch, meta.RunOf(epoch), read.RunOf(epoch), want[epoch])
			}
		}
		if at := last; !meta.Agrees(&read, at) || !read.Agrees(&meta, at) {
			t.Fatalf("what was read does not agree about %v", at)
		}
	})
}
