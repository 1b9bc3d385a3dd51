package main

import (
	"slices"
	"strings"
	"testing"

	"xylem/bench/contest"
	"xylem/bench/report"
)

func TestFlags(t *testing.T) {
	set, err := readFlags([]string{"-only", "get,put", "-fanout", "tree", "-quick"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(set.only, []string{"get", "put"}) || !slices.Equal(set.fanouts, []string{"tree"}) || set.rounds != 3 {
		t.Errorf("got %+v", set)
	}
	if got := set.command("get"); got != "go run ./bench -only get -rounds 3 -quick -fanout tree" {
		t.Errorf("the command is %q", got)
	}
	for _, bad := range []string{"-only gets", "-fanout ring", "-fanout ", "-rounds 101", "now"} {
		if _, err := readFlags(strings.SplitN(bad, " ", 2)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// A report is to tell of as many rounds as were played: what runs is bounded in one place.
func TestRoundsAreBounded(t *testing.T) {
	for _, c := range []struct {
		set        settings
		most, want int
	}{
		{settings{rounds: 21}, mostRounds, 21},
		{settings{rounds: 21}, 11, 11},
		{settings{rounds: 7}, 11, 7},
		{settings{rounds: 21}, 1, 1},
		{settings{rounds: 3, quick: true}, mostRounds, 3},
		{settings{rounds: 3, quick: true}, 11, 1},
	} {
		if got := c.set.most(c.most); got != c.want {
			t.Errorf("of %+v with at most %d, %d rounds are played, want %d", c.set, c.most, got, c.want)
		}
	}
	for rounds, want := range map[int]string{1: ", once", 11: ", 11 rounds, medians"} {
		var r report.Report
		if describe(&r, rounds); !strings.HasSuffix(r.Measured, want) {
			t.Errorf("the report says %q, want %q", r.Measured, want)
		}
	}
}

func TestBelow(t *testing.T) {
	for position, want := range map[int]bool{1: false, 2: false, 3: false, 4: true, 5: true, 6: false, 9: true, 11: true, 12: false} {
		if below(position, 2) != want {
			t.Errorf("position %d below 2: %v", position, !want)
		}
	}
}

func TestGarbageCollectionsAreRead(t *testing.T) {
	const trace = "2026-11-22 something else\n" +
		"gc 1 @0.012s 1%: 0.1+1.2+0.003 ms clock, 0.03+0.3/0.9/0+0.006 ms cpu, 3->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P\n" +
		"gc 2 @0.512s 1%: 0.5+30+0.5 ms clock, 0.03+0.3/0.9/0+0.006 ms cpu, 300->310->150 MB, 320 MB goal, 0 MB stacks, 0 MB globals, 2 P\n"
	s := contest.Sample{}
	if err := readCollections(s, trace); err != nil {
		t.Fatal(err)
	}
	if s[liveMegabytes] != 150 || s[collectMillis] < 1.30 || s[collectMillis] > 1.31 || s[collectCPU] < 1.23 || s[collectCPU] > 1.24 {
		t.Errorf("got %v", s)
	}
	if err := readCollections(s, ""); err != nil {
		t.Error(err)
	}
}
