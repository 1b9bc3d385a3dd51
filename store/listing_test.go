package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAListingIsInByteOrder(t *testing.T) {
	root := newRoot()
	root.write("b", "1", "a/b", "1", "ключ", "1", "a", "1", "B", "1", "a b", "1", "é", "1", "a0", "1")
	want := []string{"B=1", "a=1", "a b=1", "a/b=1", "a0=1", "b=1", "é=1", "ключ=1"}
	if got := texts(root.List("", "", MaxPage).Entries); !slices.Equal(got, want) {
		t.Errorf("it is %v, want %v", got, want)
	}
	if got := texts(root.List("a/", "", MaxPage).Entries); !slices.Equal(got, []string{"a/b=1"}) {
		t.Errorf("below a/ there is %v", got)
	}
}

func TestAListingIsReadPageByPage(t *testing.T) {
	root := newRoot()
	for i := range 25 {
		root.write(keyOf(i), "1", "other"+keyOf(i), "1")
	}
	var keys []string
	after, sizes := "", []int{}
	for more := true; more; {
		page := root.List("key-", after, 10)
		for _, e := range page.Entries {
			keys = append(keys, e.Key)
		}
		after, more = page.Next, page.Next != ""
		sizes = append(sizes, len(page.Entries))
	}
	if !slices.IsSorted(keys) || len(keys) != 25 || !slices.Equal(sizes, []int{10, 10, 5}) {
		t.Errorf("pages of %v hold %v", sizes, keys)
	}
	if page := root.List("key-", keyOf(14), 10); page.Next != "" || len(page.Entries) != 10 {
		t.Errorf("of the last page %d are there, to go on after %q", len(page.Entries), page.Next)
	}
	if page := root.List("z", "", 10); page.Next != "" || len(page.Entries) != 0 || page.AsOf != root.Applied() {
		t.Errorf("nothing below z is %+v", page)
	}
}

// An absence that is later than the base hides what the base has, as in Get.
func TestAListingHidesWhatIsKnownToBeAbsent(t *testing.T) {
	root, s := leaf(t)
	root.write("a", "")
	root.expire()
	s.LearnAnswer("a", root.Current("a"), root.Applied())
	s.LearnAnswer("nowhere", nil, root.Applied())
	reads(t, s, "a", "", 3, true)
	if got := texts(s.List("", "", 1).Entries); !slices.Equal(got, []string{"b=1"}) {
		t.Errorf("the listing shows %v", got)
	}
}

// Listings of base and overlay are those of a sorted map of what Get answers.
func TestAListingAgreesWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root, s := newRoot(), New()
		key := rapid.StringMatching(`[ab]{1,3}`)
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				value := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "value")
				e := root.write(key.Draw(t, "key"), value)[0]
				if rapid.Bool().Draw(t, "through here") {
					s.Learn(e)
				}
			},
			"absent": func(t *rapid.T) {
				k := key.Draw(t, "key")
				s.LearnAnswer(k, root.Current(k), root.Applied())
			},
			"expire": func(*rapid.T) { root.expire() },
			"push": func(t *rapid.T) {
				if at := s.Applied(); root.Meta().Floor.Seq <= at.Seq {
					if _, err := push(s, root.Cut(at)); err != nil {
						t.Fatal(err)
					}
				}
			},
			"": func(t *rapid.T) {
				prefix := rapid.StringMatching(`[ab]{0,2}`).Draw(t, "prefix")
				after := rapid.StringMatching(`[ab]{0,3}`).Draw(t, "after")
				checkPage(t, s, root.model, prefix, after, rapid.IntRange(1, 6).Draw(t, "limit"))
			},
		})
	})
}

func checkPage(t *rapid.T, s *Store, keys map[string]*Entry, prefix, after string, limit int) {
	var want []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		a := s.Get(key)
		if a.Entry == nil || !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		want = append(want, fmt.Sprint(key, "=", a.Entry.Value))
	}
	next := ""
	if len(want) > limit {
		next, _, _ = strings.Cut(want[limit-1], "=")
	}
	page := s.List(prefix, after, limit)
	if got := texts(page.Entries); !slices.Equal(got, want[:min(limit, len(want))]) || page.Next != next {
		t.Fatalf("List(%q, %q, %d) is %v, next %q; want of %v, next %q", prefix, after, limit, got, page.Next, want, next)
	}
	if page.Applied != s.Applied() || page.AsOf.Before(page.Applied) {
		t.Fatalf("the page is of %v, as of %v, the node at %v", page.Applied, page.AsOf, s.Applied())
	}
}
