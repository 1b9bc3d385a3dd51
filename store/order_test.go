package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Listings stay right while most keys come and go between them, and the order does not
// keep the text of those that went.
func TestAnOrderFollowsKeysThatComeAndGo(t *testing.T) {
	const keys = 2000
	long := strings.Repeat("k", 500)
	root := newRoot()
	for round := range 10 {
		var pairs []string
		for i := range keys {
			value := "1"
			if (i+round)%3 == 0 {
				value = ""
			}
			pairs = append(pairs, long+keyOf(i), value)
		}
		root.write(pairs...)
		if round%4 == 3 {
			root.expire()
		}
		var got []string
		for after, more := "", true; more; {
			page := root.List("", after, MaxPage)
			for _, e := range page.Entries {
				got = append(got, e.Key)
			}
			after, more = page.Next, page.Next != ""
		}
		var want []string
		for key, e := range root.model {
			if !e.Deleted() {
				want = append(want, key)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("in round %d a listing has %d keys, want %d", round, len(got), len(want))
		}
	}
	if most := 3 * keys * len(long); root.Store.order.bytes > most {
		t.Errorf("the keys' text is %d bytes, of which %d are of keys that are gone", root.Store.order.bytes, root.Store.order.gone)
	}
}

// An order that is brought up to date often, by few changes each time, keeps no more text.
func TestAnOrderThatIsAskedOftenForgetsTheTextOfKeysThatWent(t *testing.T) {
	const keys = 20
	long := strings.Repeat("k", 200)
	root := newRoot()
	root.write("stays", "1")
	for round := range 100 {
		for _, value := range []string{"1", ""} {
			var pairs []string
			for i := range keys {
				pairs = append(pairs, fmt.Sprintf("%s/%d/%s", long, round, keyOf(i)), value)
			}
			root.write(pairs...)
			root.List("", "", 1)
		}
		if round%20 == 0 {
			root.expire()
		}
	}
	if o := root.Store.order; o.bytes > 4*maxChunkBytes {
		t.Errorf("for %d keys the text is %d bytes, of which %d are of keys that are gone", o.keys.Len(), o.bytes, o.gone)
	}
}

// A key that was deleted, and whose tombstone is gone, between two listings is not there.
func TestAnOrderForgetsWhatWasPurgedUnseen(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "b", "1", "c", "1")
	root.List("", "", 10)
	root.write("b", "", "d", "1")
	root.expire()
	if got := texts(root.List("", "", 10).Entries); !slices.Equal(got, []string{"a=1", "c=1", "d=1"}) {
		t.Errorf("the listing shows %v", got)
	}
	if got := root.Store.order.keys.Len(); got != 3 {
		t.Errorf("the order has %d keys", got)
	}
	root.write("b", "2")
	if got := texts(root.List("b", "", 10).Entries); !slices.Equal(got, []string{"b=2"}) {
		t.Errorf("once it is back, the listing shows %v", got)
	}
}
