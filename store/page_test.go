package store

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

// An ancestor's page does not hide what only this node knows.
func TestAnAncestorsPageIsLaidUnderWhatIsKnownHere(t *testing.T) {
	root, s := leaf(t)
	root.write("a", "2", "c", "1", "d", "1", "e", "1")
	above := root.List("", "", 4)
	passed := &Entry{Key: "c", Value: "2", Version: version.Version{Epoch: above.Applied.Epoch, Seq: above.Applied.Seq + 1}, Stamp: 100}
	s.Learn(passed)
	s.Learn(&Entry{Key: "z", Value: "1", Version: passed.Version, Stamp: 100}) // beyond the page
	s.Pend(&Entry{Key: "aa", Value: "3", Stamp: 101, Write: version.WriteID{Node: 2, Counter: 1}})
	s.Pend(&Entry{Key: "d", Stamp: 1 << 40, Write: version.WriteID{Node: 2, Counter: 2}})
	s.Pend(&Entry{Key: "a", Value: "0", Write: version.WriteID{Node: 2, Counter: 3}}) // beaten by the page's

	for limit, want := range map[int]struct {
		entries []string
		next    string
	}{
		4: {[]string{"a=2", "aa=3", "b=1", "c=2"}, "d"}, // of which the page hides the last
		3: {[]string{"a=2", "aa=3", "b=1"}, "b"},
	} {
		page := s.Over(above, "", "", limit, true)
		if got := texts(page.Entries); !slices.Equal(got, want.entries) || page.Next != want.next || page.Applied != above.Applied {
			t.Errorf("of %d it shows %v, %+v", limit, got, page)
		}
	}
	page := s.Over(above, "", "", 4, false)
	if got := texts(page.Entries); !slices.Equal(got, []string{"a=2", "b=1", "c=2", "d=1"}) || page.AsOf != passed.Version {
		t.Errorf("to a child it shows %v as of %v", got, page.AsOf)
	}
	if got := s.Over(Page{Applied: above.Applied}, "q", "", 4, true); len(got.Entries) > 0 || got.Next != "" || got.AsOf != above.Applied {
		t.Errorf("an empty page becomes %+v", got)
	}
}

// A walk goes on behind what is hidden.
func TestAPageThatIsHiddenWholeSaysWhereToGoOn(t *testing.T) {
	for name, hide := range map[string]func(root *rootStore, s *Store){
		"by a delete that passed here": func(root *rootStore, s *Store) { s.Learn(root.order("a", "")) },
		"by a delete that is queued":   func(_ *rootStore, s *Store) { s.Pend(queuedWrite(1<<40, "a", "")) },
	} {
		root, s := leaf(t)
		hide(root, s)
		page := s.Over(root.List("", "", 1), "", "", 1, true)
		if len(page.Entries) > 0 || page.Next != "a" {
			t.Errorf("%s: the page shows %v, next %q", name, texts(page.Entries), page.Next)
		}
		page = s.Over(root.List("", page.Next, 1), "", page.Next, 1, true)
		if got := texts(page.Entries); !slices.Equal(got, []string{"b=1"}) || page.Next != "" {
			t.Errorf("%s: the next page shows %v, next %q", name, got, page.Next)
		}
	}
}

// Whatever a node and one above it know beyond the root's pages, a walk over them
// shows every live key once, in order.
func TestAWalkOverAncestorsPagesShowsEveryLiveKeyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root, middle, s := newRoot(), New(), New()
		key, value := rapid.StringMatching(`[ab]{1,3}`), rapid.SampledFrom([]string{"", "", "1"})
		for range rapid.IntRange(0, 12).Draw(t, "written") {
			root.write(key.Draw(t, "key"), "0")
		}
		want := maps.Clone(root.model)
		for _, node := range []*Store{middle, s} {
			for range rapid.IntRange(0, 6).Draw(t, "passed") {
				e := root.order(key.Draw(t, "key"), value.Draw(t, "value"))
				node.Learn(e)
				want[e.Key] = e
			}
		}
		for i := range rapid.IntRange(0, 6).Draw(t, "queued") {
			e := queuedWrite(1<<40+uint64(i), key.Draw(t, "key"), value.Draw(t, "value"))
			s.Pend(e)
			want[e.Key] = e
		}
		maps.DeleteFunc(want, func(_ string, e *Entry) bool { return e.Deleted() })

		limit, after := rapid.IntRange(1, 4).Draw(t, "limit"), ""
		var keys []string
		for {
			page := middle.Over(root.List("", after, limit), "", after, limit, false)
			page = s.Over(page, "", after, limit, true)
			for _, e := range page.Entries {
				if w := want[e.Key]; w == nil || *e != *w {
					t.Fatalf("it shows %v, want %v", e, want[e.Key])
				}
				keys = append(keys, e.Key)
			}
			if len(page.Entries) > limit || page.Next != "" && page.Next <= after {
				t.Fatalf("the page after %q shows %v, next %q", after, texts(page.Entries), page.Next)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if !slices.Equal(keys, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("the walk shows %q, want %v", keys, want)
		}
	})
}
