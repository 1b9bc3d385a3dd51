package coordinator

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// newBranch is a book with NODE-2 at position 2, NODE-3 below it and NODE-4 below
// that, all of which gave a sign at noon.
func newBranch(t *testing.T) *Directory {
	t.Helper()
	d, err := NewDirectory(4, silence, process(1, "root"), Placement{1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0}, noon)
	if err != nil {
		t.Fatal(err)
	}
	persist(d)
	for k := 2; k <= 4; k++ {
		join(t, d, process(k, "a"), noon)
	}
	return d
}

// sign gives signs of life.
func sign(t *testing.T, d *Directory, now time.Time, nodes ...int) {
	t.Helper()
	for _, k := range nodes {
		if _, err := d.Alive(k, "a", now); err != nil {
			t.Fatal(err)
		}
	}
}

// wantParent wants NODE-4 to hear at its sign that a node is its parent, and that
// those above it are the same as ever.
func wantParent(t *testing.T, d *Directory, now time.Time, k int) {
	t.Helper()
	view, err := d.Alive(4, "a", now)
	if err != nil {
		t.Fatal(err)
	}
	above := []Member{process(3, "a"), process(2, "a"), process(1, "root")}
	if view.Parent.ID != k || !slices.Equal(view.Ancestors, above) {
		t.Fatalf("at %v the parent is %s, want %s; ancestors %v", now.Sub(noon), view.Parent.Name(), Name(k), view.Ancestors)
	}
}

func TestTheNearestLivingAncestorIsTheParent(t *testing.T) {
	d := newBranch(t)
	wantParent(t, d, at(silence), 3)
	sign(t, d, at(silence), 2)
	wantParent(t, d, at(silence+1), 2) // NODE-3 is silent
	wantParent(t, d, at(2*silence+1), 1)
	sign(t, d, at(3*silence), 3)
	wantParent(t, d, at(3*silence), 3)
	sign(t, d, at(3*silence), 2)
	wantParent(t, d, at(4*silence), 3)
	if err := d.Leave(3, "a", at(4*silence)); err != nil {
		t.Fatal(err)
	}
	wantParent(t, d, at(4*silence), 2)
	if view, err := d.View(2, at(time.Hour)); err != nil || view.Parent.ID != 1 {
		t.Fatalf("the root lives without signs; %+v, %v", view, err)
	}
}

func TestMembersNamesWhoStandsIn(t *testing.T) {
	d := newBranch(t)
	check := func(now time.Time, want string) {
		t.Helper()
		got := ""
		for _, m := range d.Members(now)[:5] {
			got += fmt.Sprintf("%d:%d ", m.ID, m.StandIn)
		}
		if got != want {
			t.Fatalf("stand-ins at %v: %s, want %s", now.Sub(noon), got, want)
		}
	}
	check(noon, "1:0 2:0 3:0 4:0 5:0 ") // NODE-5 is absent
	sign(t, d, at(silence), 2, 4)
	check(at(silence+1), "1:0 2:0 3:2 4:0 5:0 ")
	check(at(2*silence+1), "1:0 2:1 3:1 4:1 5:0 ")
	sign(t, d, at(3*silence), 3, 4)
	check(at(3*silence), "1:0 2:1 3:0 4:0 5:0 ")
}

// Nobody comes, goes or moves; the parent alone is another, and then back.
func TestAMemberHearsThatItsParentIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fakeRoot{}
		r.answer = func(context.Context, Member) (View, error) {
			view, parent := r.view(5, "x"), process(2, "a")
			if n := len(r.calls); n == 3 || n == 4 {
				parent = process(1, "x")
			}
			view.Parent = &parent
			return view, nil
		}
		if err := r.run(within(t, 5500*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, v := range r.delivered {
			got += v.Parent.Name() + " "
		}
		if got != "NODE-2 NODE-1 NODE-2 " {
			t.Fatalf("the parents delivered are %s", got)
		}
	})
}
