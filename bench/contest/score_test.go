package contest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/bench/contest"
)

const size contest.Metric = "size"

func player(name string, log *[]string, values ...float64) contest.Contestant {
	turn := 0
	return contest.Contestant{Name: name, Play: func(context.Context) (contest.Sample, error) {
		*log = append(*log, name)
		turn++
		return contest.Sample{size: values[turn-1]}, nil
	}}
}

func TestContestantsTakeTurnsAndWarmUp(t *testing.T) {
	var log []string
	scores, err := contest.Interleave(context.Background(), 3, []contest.Contestant{
		player("a", &log, 100, 2, 4, 6), player("b", &log, 100, 1, 4, 2),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, ""); got != "abababab" {
		t.Errorf("they played in the order %s", got)
	}
	a, b := scores[0], scores[1]
	if got := a.Of(size); !slices.Equal(got, []float64{2, 4, 6}) {
		t.Errorf("the rounds that count are %v: the first warms up", got)
	}
	if got := a.Against(b, size); !slices.Equal(got, []float64{2, 1, 3}) {
		t.Errorf("ratios of rounds beside each other: %v", got)
	}
	if got := a.Merge(2).Of(size); !slices.Equal(got, []float64{3, 6}) {
		t.Errorf("merged by two: %v", got)
	}
	if a.Sum(size) != 12 || a.Median(size) != 4 {
		t.Errorf("sum %v, median %v", a.Sum(size), a.Median(size))
	}
	if a.Quiet(size) != 2 || (contest.Score{}).Quiet(size) != 0 {
		t.Errorf("in a quiet round it was %v", a.Quiet(size))
	}
	if _, found := contest.Find(scores, "c"); found {
		t.Error("somebody was found who did not play")
	}
}

func TestOneThatFailsEndsTheContest(t *testing.T) {
	broken := errors.New("broken")
	_, err := contest.Interleave(context.Background(), 1, []contest.Contestant{
		{Name: "a", Play: func(context.Context) (contest.Sample, error) { return nil, broken }},
	})
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "a: ") {
		t.Errorf("got %v", err)
	}
}

func TestFigures(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 0.0123: "0.012", 0.5: "0.50", 12.34: "12.3", 1234.5: "1234"} {
		if got := contest.Figure(value); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
	if got := contest.Spread([]float64{3, 1, 2, 2}); got != "2.00 (1.00 to 3.00)" {
		t.Errorf("spread %s", got)
	}
	times := make([]time.Duration, 100)
	for i := range times {
		times[i] = time.Duration(100-i) * time.Millisecond
	}
	if s := contest.Timed(times); s[contest.P50Millis] != 51 || s[contest.P99Millis] != 100 {
		t.Errorf("quantiles %v", s)
	}
}
