package version_test

import (
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

func at(epoch, seq uint64) version.Version { return version.Version{Epoch: epoch, Seq: seq} }

// Epoch 1 ordered up to 10, epoch 2 up to 15, epochs 3 and 4 nothing; 5 runs.
var fiveEpochs = version.History{at(1, 10), at(2, 15)}

func TestAVersionIsOnTheHistoryOrAbandoned(t *testing.T) {
	for _, c := range []struct {
		v    version.Version
		on   bool
		says string
	}{
		{version.Version{}, true, "every history begins with the empty state"},
		{at(1, 1), true, "the first write"},
		{at(1, 10), true, "the cut itself"},
		{at(1, 11), false, "beyond the cut of its epoch: abandoned"},
		{at(2, 10), false, "epoch 2 took over at 10 and began with 11"},
		{at(2, 11), true, "the first write of epoch 2"},
		{at(2, 15), true, "the cut of epoch 2"},
		{at(2, 16), false, "beyond the cut of epoch 2"},
		{at(3, 16), false, "epoch 3 ordered nothing that counts"},
		{at(4, 15), false, "nor did epoch 4"},
		{at(5, 15), false, "before the running epoch began"},
		{at(5, 16), true, "the running epoch"},
		{at(5, 1<<60), true, "the running epoch has no end yet"},
		{at(6, 16), false, "an epoch that nobody here has heard of"},
	} {
		if got := fiveEpochs.Contains(c.v, 5); got != c.on {
			t.Errorf("%v on the history is %v: %s", c.v, got, c.says)
		}
	}
}

func TestAFreshTreeHasNoCuts(t *testing.T) {
	var h version.History
	if !h.Valid(0) || !h.Valid(1) || !h.Contains(version.Version{}, 0) {
		t.Error("an empty history is refused")
	}
	if !h.Contains(at(1, 1), 1) || h.Contains(at(1, 1), 0) || h.Contains(at(1, 1), 2) {
		t.Error("without cuts only the running epoch counts")
	}
}

func TestAnEpochWithoutWritesLeavesNoCut(t *testing.T) {
	h := version.History{}.Extend(version.Version{})
	if len(h) != 0 {
		t.Fatalf("the empty state made a cut: %v", h)
	}
	h = h.Extend(at(1, 10)).Extend(at(1, 10)).Extend(at(2, 15)).Extend(at(2, 15))
	if !h.Equal(fiveEpochs) {
		t.Fatalf("the cuts are %v, want %v", h, fiveEpochs)
	}
	if h.Equal(nil) || h.Equal(h[:1]) {
		t.Error("histories of different lengths are equal")
	}
}

func TestExtendingAHistoryLeavesTheOldOneAlone(t *testing.T) {
	base := make(version.History, 1, 8)
	base[0] = at(1, 10)
	left, right := base.Extend(at(2, 11)), base.Extend(at(3, 12))
	if left[1] != at(2, 11) || right[1] != at(3, 12) || len(base) != 1 {
		t.Errorf("two futures share memory: %v, %v", left, right)
	}
}

func TestTheOldestCutsAreForgotten(t *testing.T) {
	var h version.History
	const epochs = version.MaxCuts + 10
	for epoch := uint64(1); epoch <= epochs; epoch++ {
		h = h.Extend(at(epoch, 10*epoch))
	}
	current := uint64(epochs + 1)
	if len(h) != version.MaxCuts || !h.Valid(current) || h[0] != at(11, 110) {
		t.Fatalf("%d cuts from %v on", len(h), h[0])
	}
	for v, on := range map[version.Version]bool{
		at(10, 100):               false, // forgotten
		at(11, 101):               true,  // where the oldest epoch began is forgotten, so it is believed
		at(11, 110):               true,
		at(11, 111):               false,
		at(12, 110):               false, // the others are still judged strictly
		at(12, 111):               true,
		at(epochs+1, 10*epochs):   false,
		at(epochs+1, 10*epochs+1): true,
	} {
		if got := h.Contains(v, current); got != on {
			t.Errorf("%v on the history is %v", v, got)
		}
	}
}

func TestCutsThatDoNotGrowAreInvalid(t *testing.T) {
	for name, h := range map[string]version.History{
		"epoch zero":            {at(0, 1)},
		"seq zero":              {at(1, 0)},
		"same epoch twice":      {at(1, 1), at(1, 2)},
		"epoch goes back":       {at(2, 1), at(1, 2)},
		"seq stands still":      {at(1, 5), at(2, 5)},
		"seq goes back":         {at(1, 5), at(2, 4)},
		"a cut of the running":  {at(1, 5), at(3, 6)},
		"a cut of the future":   {at(4, 5)},
		"more than are allowed": make(version.History, version.MaxCuts+1),
	} {
		if h.Valid(3) {
			t.Errorf("%s: %v is taken for valid", name, h)
		}
	}
	if !fiveEpochs.Valid(3) || fiveEpochs.Valid(2) {
		t.Error("the cuts must lie before the running epoch")
	}
}

// A model of a tree's whole life knows every version that counts.
func TestAHistoryAgreesWithTheLifeItTells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h version.History
		counts := map[version.Version]bool{{}: true}
		last, epoch := version.Version{}, uint64(0)
		for range rapid.IntRange(1, 12).Draw(t, "epochs") {
			h = h.Extend(last)
			epoch += rapid.Uint64Range(1, 3).Draw(t, "skipped")
			for range rapid.IntRange(0, 4).Draw(t, "writes") {
				last = at(epoch, last.Seq+1)
				counts[last] = true
			}
		}
		if !h.Valid(epoch) {
			t.Fatalf("%v is invalid in epoch %d", h, epoch)
		}
		v := at(rapid.Uint64Range(1, epoch+1).Draw(t, "epoch"), rapid.Uint64Range(1, last.Seq+2).Draw(t, "seq"))
		stillToCome := v.Epoch == epoch && v.Seq > last.Seq
		want := counts[v] || stillToCome
		if got := h.Contains(v, epoch); got != want {
			t.Fatalf("%v on %v in epoch %d is %v", v, h, epoch, got)
		}
	})
}
