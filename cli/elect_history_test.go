package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/sync/version"
)

// branch is the history in which all nodes ended. What was ordered on another is
// abandoned: it came back as a queued write, and was ordered again or superseded.
type branch struct {
	cuts  version.History
	epoch uint64
}

// retrogression is a read that is wrong, unless a version was abandoned.
type retrogression struct {
	unless version.Version
	text   string
}

// abandoned says that a version is not on the history in which all ended.
func (h *history) abandoned(v version.Version) bool {
	return h.end != nil && !h.end.cuts.Contains(v, h.end.epoch)
}

// stands says that a write was ordered once and for all when its client heard of it.
func (h *history) stands(a *attempt) bool { return a.told == toldOrdered && !h.abandoned(a.version) }

// wrongUnless notes a read that must not be, unless it turns out that v was abandoned.
func (h *history) wrongUnless(v version.Version, format string, args ...any) {
	if !h.parts {
		h.violate(format, args...)
		return
	}
	text := fmt.Sprintf("at %.3fs: ", h.now().Seconds()) + fmt.Sprintf(format, args...)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.doubt = append(h.doubt, retrogression{v, text})
}

// heard notes that a root of an epoch was heard of.
func (h *history) heard(epoch uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch = max(h.epoch, epoch)
}

// checkBranch holds what clients were told of versions against the history in which
// all ended.
func (h *history) checkBranch(end map[string]final) {
	for key, f := range end {
		if h.abandoned(f.version) {
			h.violate("%s ends as %s at %v, which was abandoned: the history is %v", key, f.value, f.version, h.end)
		}
	}
	for _, d := range h.doubt {
		if !h.abandoned(d.unless) {
			h.violate("%s; and %v was not abandoned", d.text, d.unless)
		}
	}
	effects := map[content]version.Version{}
	for at, c := range h.contents {
		if c.value == "" || h.abandoned(at) {
			continue
		}
		if other, twice := effects[c]; twice {
			h.violate("%s = %s took effect twice: at %v and at %v", c.key, c.value, other, at)
		}
		effects[c] = at
	}
	for _, attempts := range h.attempts {
		for _, a := range attempts {
			h.checkVerdict(a)
		}
	}
}

// checkVerdict wants what was decided in the end to be decided for good, and no answer
// to come from an epoch that was known to be over.
func (h *history) checkVerdict(a *attempt) {
	switch {
	case a.told == toldPending && h.abandoned(a.version) && h.overwritten(a):
		h.count("pending writes settled by what was abandoned, and overwritten", 0)
	case a.told == toldPending && h.abandoned(a.version):
		h.violate("%v was settled at a version that was abandoned", a)
	case a.told == toldOrdered && h.abandoned(a.version):
		h.count("ordered writes whose version was abandoned", 0)
	}
	if a.told != toldOrdered || a.version.Epoch >= a.epoch {
		return
	}
	h.count("answers from an epoch that was over", 0)
	if h.abandoned(a.version) {
		h.violate("%v was answered when epoch %d had begun, and then abandoned", a, a.epoch)
	}
}

// overwritten says that another write of the key may have been ordered after a. A root
// that has decided about its own queue, and is replaced, sends the last write of each key
// again: what that had overwritten, or beaten, stays as it was settled.
func (h *history) overwritten(a *attempt) bool {
	return slices.ContainsFunc(h.attempts[a.key], func(w *attempt) bool {
		return w != a && w.told != toldRefused && !h.certainlyBefore(w, a)
	})
}

// TestCheckerFindsWhatIsWrongWhereHistoriesPart plants what must not be into a history
// whose epoch 2 was cut at 2.10, while its root went on to 2.19.
func TestCheckerFindsWhatIsWrongWhereHistoriesPart(t *testing.T) {
	end := &branch{cuts: version.History{{Epoch: 1, Seq: 5}, {Epoch: 2, Seq: 10}}, epoch: 4}
	at := func(epoch, seq uint64) version.Version { return version.Version{Epoch: epoch, Seq: seq} }
	second := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	type step struct {
		value        string
		node         int
		began, ended float64
		told, fate   told
		version      version.Version
		epoch        uint64 // heard of by then
	}
	gone := step{"1", 1, 0, 1, toldOrdered, "", at(2, 15), 2}
	for _, c := range []struct {
		name  string
		steps []step
		seen  []version.Version // of the value 1, besides
		end   string
		as    version.Version
		wrong string // part of the violation; none if empty
	}{
		{"ordered again", []step{gone}, nil, "1", at(4, 12), ""},
		{"lost with its version", []step{gone}, nil, "", at(0, 0), "lost is"},
		{"ends where it was abandoned", []step{gone}, nil, "1", at(2, 15), "which was abandoned"},
		{"took effect twice", []step{gone}, []version.Version{at(4, 11)}, "1", at(4, 12), "took effect twice"},
		{"twice, on two histories", []step{gone}, []version.Version{at(2, 17)}, "1", at(4, 12), ""},
		{"superseded by a later", []step{gone, {"2", 2, 2, 3, toldOrdered, "", at(4, 11), 4}}, nil, "2", at(4, 11), ""},
		{"a former root's write wins", []step{gone, {"2", 2, 3, 4, toldOrdered, "", at(4, 11), 4}}, nil, "1", at(4, 12), "which is later"},
		{"close together", []step{gone, {"2", 2, 1.5, 4, toldOrdered, "", at(4, 11), 4}}, nil, "1", at(4, 12), ""},
		{"lost on the history", []step{{"1", 1, 0, 1, toldOrdered, "", at(2, 9), 2}, {"2", 2, 2, 3, toldOrdered, "", at(4, 11), 4}}, nil, "1", at(2, 9), "which is later"},
		{"settled and abandoned", []step{{"1", 2, 0, 1, toldPending, toldOrdered, at(2, 15), 2}}, nil, "1", at(4, 12), "settled at a version that was abandoned"},
		{"settled, overwritten and abandoned", []step{{"1", 2, 0, 1, toldPending, toldOrdered, at(2, 15), 2}, {"2", 2, 1, 2, toldPending, toldOrdered, at(4, 12), 4}}, nil, "2", at(4, 12), ""},
		{"answered after its time", []step{{"1", 1, 0, 1, toldOrdered, "", at(2, 15), 4}}, nil, "1", at(4, 12), "when epoch 4 had begun"},
		{"answered late and kept", []step{{"1", 1, 0, 1, toldOrdered, "", at(2, 9), 4}}, nil, "1", at(2, 9), ""},
	} {
		h := newHistory()
		h.parts, h.end = true, end
		for _, s := range c.steps {
			a := h.try("k", s.value, s.node)
			a.began, a.ended, a.told, a.fate, a.version, a.epoch = second(s.began), second(s.ended), s.told, s.fate, s.version, s.epoch
			if s.told == toldOrdered || s.fate == toldOrdered {
				h.saw(a.version, "k", a.value)
			}
		}
		for _, v := range c.seen {
			h.saw(v, "k", "1")
		}
		ends := map[string]final{}
		if c.end != "" {
			ends["k"] = final{c.end, c.as}
		}
		h.check(ends)
		got := strings.Join(h.violations, "\n")
		if (c.wrong == "") != (got == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("%s: found %q, want %q", c.name, got, c.wrong)
		}
	}
}

func TestReadsMayGoBackWhereHistoriesPart(t *testing.T) {
	for _, c := range []struct {
		unless version.Version
		wrong  bool
	}{
		{version.Version{Epoch: 2, Seq: 15}, false},
		{version.Version{Epoch: 2, Seq: 10}, true},
	} {
		h := newHistory()
		h.parts, h.end = true, &branch{cuts: version.History{{Epoch: 2, Seq: 10}}, epoch: 3}
		h.wrongUnless(c.unless, "it went back")
		h.check(nil)
		if found := slices.ContainsFunc(h.violations, func(v string) bool { return strings.Contains(v, "it went back") }); found != c.wrong {
			t.Errorf("behind %v: found %v", c.unless, h.violations)
		}
	}
}

// TestCountersOfTwoHistories counts increments of which one was abandoned: another may
// have made the same number since.
func TestCountersOfTwoHistories(t *testing.T) {
	for _, c := range []struct {
		last  version.Version // of the third increment, beside 1.1 and 1.2
		n     int             // that it made
		end   int
		wrong string
	}{
		{version.Version{Epoch: 2, Seq: 3}, 3, 3, ""},
		{version.Version{Epoch: 2, Seq: 3}, 2, 2, "the same number"},
		{version.Version{Epoch: 1, Seq: 3}, 3, 2, ""},
		{version.Version{Epoch: 1, Seq: 3}, 2, 2, ""},
		{version.Version{Epoch: 1, Seq: 3}, 3, 1, "ends at 1"},
	} {
		h := newHistory()
		h.parts, h.end = true, &branch{cuts: version.History{{Epoch: 1, Seq: 2}}, epoch: 2}
		made := []version.Version{{Epoch: 1, Seq: 1}, {Epoch: 1, Seq: 2}, c.last}
		for i, n := range []int{1, 2, c.n} {
			a := h.try("counter", fmt.Sprintf(`{"n":%d,"by":"%d"}`, n, i), 1)
			a.told, a.version = toldOrdered, made[i]
		}
		h.checkCounter("counter", final{value: fmt.Sprintf(`{"n":%d,"by":"x"}`, c.end)})
		got := strings.Join(h.violations, "\n")
		if (c.wrong == "") != (got == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("%v ends at %d: found %q, want %q", made, c.end, got, c.wrong)
		}
	}
}
