package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// gap is for how long nobody's write was ordered after something had happened.
type gap struct {
	what    string
	first   time.Duration // until a write that was begun afterwards was answered 200
	longest time.Duration // without any 200 at all
}

// gaps are those of one test, one for each time that it happened.
type gaps []gap

// span is when a write had begun and when its answer came.
type span struct{ began, ended time.Duration }

// gapSince measures from a time on until a write begun since was answered 200; false
// while none was.
func (h *history) gapSince(since time.Duration) (g gap, over bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := len(h.ordered)
	for i > 0 && h.ordered[i-1].ended >= since {
		i--
	}
	before := since
	if i > 0 {
		before = h.ordered[i-1].ended
	}
	for _, s := range h.ordered[i:] {
		g.longest, before = max(g.longest, s.ended-before), s.ended
		if s.began >= since {
			g.first = s.ended - since
			return g, true
		}
	}
	return g, false
}

// await waits until writes are ordered again after something that happened at a
// time, and notes how long that took.
func (g *gaps) await(l *load, what string, since time.Duration) {
	l.tree.t.Helper()
	await(l.tree.t, "a write is ordered after this: "+what, func() error {
		found, over := l.history.gapSince(since)
		if !over {
			return fmt.Errorf("none was since %v", (l.history.now() - since).Round(time.Millisecond))
		}
		found.what = what
		*g = append(*g, found)
		return nil
	})
}

// report prints all of them, and fails the test where one looks like a hang.
func (g gaps) report(t *testing.T, session time.Duration) {
	t.Helper()
	var text strings.Builder
	var first, longest []time.Duration
	for _, one := range g {
		fmt.Fprintf(&text, "  %8v %8v after %s\n", one.first.Round(time.Millisecond), one.longest.Round(time.Millisecond), one.what)
		first, longest = append(first, one.first), append(longest, one.longest)
		if most := 10 * session; max(one.first, one.longest) > most {
			t.Errorf("no write was ordered for %v, more than %v, after %s", max(one.first, one.longest), most, one.what)
		}
	}
	if len(g) == 0 {
		t.Fatal("nothing was measured")
	}
	slices.Sort(first)
	slices.Sort(longest)
	half, end := (len(g)-1)/2, len(g)-1
	t.Logf("%d times, with a session time-out of %v: until a write begun afterwards was ordered p50 %v, max %v; without any 200 p50 %v, max %v:\n%s",
		len(g), session, first[half].Round(time.Millisecond), first[end].Round(time.Millisecond),
		longest[half].Round(time.Millisecond), longest[end].Round(time.Millisecond), text.String())
}

func TestGapsAreMeasuredFromTheWritesThatWereOrdered(t *testing.T) {
	h := newHistory()
	for _, c := range []struct{ began, ended int }{{0, 10}, {20, 30}, {25, 45}, {70, 90}, {95, 99}} {
		h.ordered = append(h.ordered, span{time.Duration(c.began), time.Duration(c.ended)})
	}
	for _, c := range []struct {
		since int
		want  gap
		over  bool
	}{
		{40, gap{first: 50, longest: 45}, true},
		{91, gap{first: 8, longest: 9}, true},
		{96, gap{longest: 9}, false},
		{100, gap{}, false},
	} {
		if got, over := h.gapSince(time.Duration(c.since)); got != c.want || over != c.over {
			t.Errorf("since %d: %+v, %v; want %+v, %v", c.since, got, over, c.want, c.over)
		}
	}
}
