package coordinator

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestMembersListsEverybody(t *testing.T) {
	d := newDirectory(t, Placement{1, 6, 0, 4, 0, 0, 0})
	join(t, d, process(6, "a"), at(silence))
	if _, err := d.Alive(6, "a", at(2*silence)); err != nil {
		t.Fatal(err)
	}
	check := func(now time.Time, want ...string) {
		t.Helper()
		got := []string{}
		for _, m := range d.Members(now) {
			since := "-"
			if !m.Since.IsZero() {
				since = m.Since.Sub(noon).String()
			}
			got = append(got, fmt.Sprintf("%s at %d under %d over %v %s since %s", m.Name(), m.Position, m.Parent, m.Children, m.State, since))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("\n got %q\nwant %q", got, want)
		}
	}
	rest := []string{
		"NODE-2 at 0 under 0 over [] absent since -", "NODE-3 at 0 under 0 over [] absent since -",
		"NODE-5 at 0 under 0 over [] absent since -", "NODE-7 at 0 under 0 over [] absent since -",
	}
	check(at(3*silence), append([]string{
		"NODE-1 at 1 under 0 over [6] alive since 0s",
		"NODE-6 at 2 under 1 over [4] alive since 1s", "NODE-4 at 4 under 6 over [] down since 0s",
	}, rest...)...)
	check(at(3*silence+1), append([]string{
		"NODE-1 at 1 under 0 over [6] alive since 0s",
		"NODE-6 at 2 under 1 over [4] down since 3s", "NODE-4 at 4 under 6 over [] down since 0s",
	}, rest...)...)
	if _, err := d.Alive(6, "a", at(5*silence)); err != nil {
		t.Fatal(err)
	}
	if m := d.Members(at(5 * silence))[1]; m.State != Alive || !m.Since.Equal(at(5*silence)) || !m.LastSign.Equal(at(5*silence)) {
		t.Fatalf("%+v", m)
	}
}

func TestARestartedRootLeavesOutWhoIsNotBack(t *testing.T) {
	d := newDirectory(t, Placement{1, 3, 0, 5, 0, 0, 0})
	view, changed, err := d.Join(process(5, "b"), noon)
	if err != nil || changed || view.Position != 4 || *view.Parent != process(1, "root") {
		t.Fatalf("%+v, %v, %v", view, changed, err)
	}
	_, err = d.View(3, noon)
	wantError(t, err, ErrUnknownMember)
	join(t, d, process(3, "b"), noon)
	if view, _ = d.Alive(5, "b", noon); *view.Parent != process(3, "b") || len(view.Ancestors) != 2 {
		t.Fatalf("%+v", view)
	}
	if view = join(t, d, process(2, "b"), noon); view.Position != 3 {
		t.Fatalf("%+v", view)
	}
}

func TestANewRootSwapsIntoPositionOne(t *testing.T) {
	for _, c := range []struct{ recovered, want Placement }{
		{nil, Placement{1, 0, 0, 0, 0, 0, 0}},
		{Placement{3, 1, 2, 0, 0, 0, 0}, Placement{1, 3, 2, 0, 0, 0, 0}},
		{Placement{3, 0, 2, 0, 0, 0, 0}, Placement{1, 3, 2, 0, 0, 0, 0}},
		{Placement{1, 3, 2}, Placement{1, 3, 2, 0, 0, 0, 0}},
		{append(Placement{9, 3}, make(Placement, 13)...), Placement{1, 3, 0, 0, 0, 0, 0}}, // of a deeper tree
	} {
		d := newDirectory(t, c.recovered)
		if got, _ := d.Placement(); !slices.Equal(got, c.want) {
			t.Errorf("%v became %v", c.recovered, got)
		}
	}
	_, err := NewDirectory(3, silence, process(1, "root"), Placement{1, 1, 0}, noon)
	wantError(t, err, ErrPlacement)
	_, err = NewDirectory(3, silence, process(8, "root"), nil, noon)
	wantError(t, err, ErrOutsideTree)
}

func TestAPlacementHandedOutIsACopy(t *testing.T) {
	d := newDirectory(t, nil)
	mine, _ := d.Placement()
	mine[0] = 7
	if theirs, _ := d.Placement(); theirs[0] != 1 {
		t.Fatal("shared")
	}
}

func TestAViewTravelsAsJSON(t *testing.T) {
	d := newDirectory(t, nil)
	d.SetEpoch(3)
	encoded, err := json.Marshal(join(t, d, Member{ID: 2, Address: "http://b", Instance: "i2"}, noon))
	want := `{"revision":3,"epoch":3,"root":{"id":1,"address":"http://NODE-1:5000/root","instance":"root"},` +
		`"self":{"id":2,"address":"http://b","instance":"i2"},"position":2,` +
		`"parent":{"id":1,"address":"http://NODE-1:5000/root","instance":"root"},` +
		`"ancestors":[{"id":1,"address":"http://NODE-1:5000/root","instance":"root"}],"children":[]}`
	if err != nil || string(encoded) != want {
		t.Fatalf("\n got %s\nwant %s\n%v", encoded, want, err)
	}
}

func TestManyJoinAtOnce(t *testing.T) {
	d, err := NewDirectory(8, silence, process(1, "root"), nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for k := 2; k <= positionsOf(8); k++ {
		group.Go(func() {
			if _, _, err := d.Join(process(k, "a"), noon); err != nil {
				t.Error(err)
			}
			persist(d)
			if _, err := d.Alive(k, "a", noon); err != nil {
				t.Error(err)
			}
			if k%16 == 0 {
				d.Members(noon)
			}
		})
	}
	group.Wait()
	placement, _ := d.Placement()
	if err := placement.Validate(); err != nil || placement.FirstFree() != 0 {
		t.Fatal(err, placement)
	}
}
