package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	faultSeeds = flag.Uint64("fault.seeds", 2, "how many seeds TestFaults plays")
	faultFrom  = flag.Uint64("fault.from", 1, "the first seed")
	faultLogs  = flag.String("fault.logs", "", "directory that keeps the logs of the nodes of all fault tests")
)

// schedule is when the root pushes in these tests even if nothing was written.
const schedule = 3 * time.Second

// faultSettings make a tree notice faults as fast as the tests make them.
func faultSettings() []string {
	return []string{
		"XYLEM_LIVENESS_TIMEOUT=400ms", "XYLEM_WRITES_TIMEOUT=500ms", "XYLEM_SYNC_SCHEDULE=@every " + schedule.String(), "XYLEM_LOG_LEVEL=debug",
	}
}

// TestFaults kills, pauses and cuts off the processes of a tree in ways that each
// seed draws, while clients write and read at all of them; heals it, and holds the
// state in which all nodes must agree against everything that clients were told. A
// seed draws the same faults again; when exactly they strike is up to the machine:
//
//	make faults FROM=SEED SEEDS=1
func TestFaults(t *testing.T) {
	var void []uint64 // seeds that hurt so much, or so little, that they prove nothing
	total := newHistory()
	for seed := *faultFrom; seed < *faultFrom+*faultSeeds; seed++ {
		var h *history
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) { h = playSeed(t, seed) })
		if h == nil {
			continue // failed before it was done
		}
		if h.counts["writes ordered"] < 200 || h.counts["writes pending"] < 20 || h.counts["faults"] < 8 {
			void = append(void, seed)
		}
		for what, count := range h.counts {
			total.counts[what] += count
			total.slowest[what] = max(total.slowest[what], h.slowest[what])
		}
	}
	if uint64(len(void)) > 1+*faultSeeds/25 {
		t.Errorf("%d of %d seeds prove nothing: %v", len(void), *faultSeeds, void)
	}
	t.Logf("%d seeds from %d, %d of them void:\n%s", *faultSeeds, *faultFrom, len(void), total.summary())
}

// playSeed runs one tree through what the seed draws.
func playSeed(t *testing.T, seed uint64) *history {
	rng := rand.New(rand.NewPCG(seed, 3))
	depth := 3
	if rng.IntN(4) == 0 {
		depth = 2
	}
	plan := drawPlan(rng, 1<<depth-1, time.Duration(6+rng.IntN(4))*time.Second)
	tree := newBrokenTree(t, depth, faultSettings()...)
	tree.plant()
	l := startLoad(tree, rng)
	h := l.history
	tree.play(plan)
	tree.mend()
	l.finish()
	for k := range tree.nodes {
		tree.awaitReady(k + 1)
	}
	equal := tree.awaitSettled()
	h.count("healings", equal)
	if equal > schedule { // a figure: how fast this machine is decides too
		h.count("healings that took longer than a schedule", equal)
	}
	tree.awaitHome()
	for range plan {
		h.count("faults", 0)
	}
	l.judge()
	t.Logf("seed %d, %d nodes, equal after %v:\n%s", seed, len(tree.nodes), equal, h.summary())
	if len(h.violations) > 0 {
		t.Errorf("%d violations:\n%s\nfaults:\n%s", len(h.violations),
			strings.Join(h.violations[:min(len(h.violations), 20)], "\n"), planText(plan))
	}
	return h
}

func planText(plan []fault) string {
	var text strings.Builder
	for _, f := range plan {
		fmt.Fprintln(&text, " ", f.what)
	}
	return text.String()
}

// judge asks what became of the pending writes, and holds every node's state against
// the history.
func (l *load) judge() {
	t := l.tree.t
	for _, attempts := range l.history.attempts {
		for _, a := range attempts {
			if a.told == toldPending {
				l.fateOf(a)
			}
		}
	}
	var first map[string]final
	for k := range l.tree.nodes {
		end := map[string]final{}
		for entry, err := range l.tree.client(k+1).All(t.Context(), "") {
			if err != nil {
				t.Fatalf("list NODE-%d: %v", k+1, err)
			}
			end[entry.Key] = final{string(entry.Value), entry.Version}
		}
		if first == nil {
			first = end
		}
		if !maps.Equal(first, end) {
			l.history.violate("NODE-%d says it is equal to NODE-1, and lists other entries", k+1)
		}
	}
	l.history.end = l.tree.branch()
	l.history.check(first)
	for i := range counters {
		key := fmt.Sprint("counter-", i)
		l.history.checkCounter(key, first[key])
	}
}

// fateOf asks the node that took a write what became of it.
func (l *load) fateOf(a *attempt) {
	fate, err := l.tree.client(a.node).Write(l.tree.t.Context(), a.id)
	if err != nil {
		l.history.violate("what became of %v is answered by %v", a, err)
		return
	}
	a.version = fate.Version
	if a.fate = told(fate.State); a.fate != toldOrdered && a.fate != toldSuperseded || fate.Version.IsZero() {
		l.history.violate("when nothing is pending any more, %v is %s", a, fate.Body)
		return
	}
	if a.fate == toldOrdered {
		l.history.saw(a.version, a.key, a.value)
	}
	l.history.count("pending writes that were "+fate.State, 0)
}

// summary lists what was counted.
func (h *history) summary() string {
	var text strings.Builder
	for _, what := range slices.Sorted(maps.Keys(h.counts)) {
		fmt.Fprintf(&text, "  %7d %s", h.counts[what], what)
		if slowest := h.slowest[what]; slowest > 0 {
			fmt.Fprintf(&text, ", at most %v", slowest.Round(time.Millisecond))
		}
		fmt.Fprintln(&text)
	}
	return text.String()
}
