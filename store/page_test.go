package store

import (
	"slices"
	"testing"

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
	s.Pend(&Entry{Key: "d", Stamp: 101, Write: version.WriteID{Node: 2, Counter: 2}})
	s.Pend(&Entry{Key: "a", Value: "0", Write: version.WriteID{Node: 2, Counter: 3}}) // beaten by the page's

	for limit, want := range map[int][]string{
		4: {"a=2", "aa=3", "b=1", "c=2"},
		3: {"a=2", "aa=3", "b=1"},
	} {
		page := s.Over(above, "", "", limit, true)
		if got := texts(page.Entries); !slices.Equal(got, want) || !page.More || page.Applied != above.Applied {
			t.Errorf("of %d it shows %v, %+v", limit, got, page)
		}
	}
	page := s.Over(above, "", "", 4, false)
	if got := texts(page.Entries); !slices.Equal(got, []string{"a=2", "b=1", "c=2", "d=1"}) || page.AsOf != passed.Version {
		t.Errorf("to a child it shows %v as of %v", got, page.AsOf)
	}
	if got := s.Over(Page{Applied: above.Applied}, "q", "", 4, true); len(got.Entries) > 0 || got.More || got.AsOf != above.Applied {
		t.Errorf("an empty page becomes %+v", got)
	}
}
