package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// silence is the liveness timeout of the tests.
const silence = time.Second

// noon is when the tests begin.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// at is so long after noon.
func at(d time.Duration) time.Time { return noon.Add(d) }

// process is NODE-k as a process with that instance.
func process(k int, instance string) Member {
	return Member{ID: k, Address: fmt.Sprintf("http://%s:5000/%s", Name(k), instance), Instance: instance}
}

// newDirectory is the book of NODE-1 as root of a tree of 3 levels.
func newDirectory(t *testing.T, recovered Placement) *Directory {
	t.Helper()
	d, err := NewDirectory(3, silence, process(1, "root"), recovered, noon)
	if err != nil {
		t.Fatal(err)
	}
	persist(d)
	return d
}

// persist says that the placement of now is durable.
func persist(d *Directory) {
	_, revision := d.Placement()
	d.Persisted(revision)
}

// join makes the process a member, durably, or fails the test.
func join(t *testing.T, d *Directory, m Member, now time.Time) View {
	t.Helper()
	view, changed, err := d.Join(m, now)
	if err != nil {
		t.Fatal(err)
	}
	if changed {
		persist(d)
	}
	return view
}

// wantError fails the test unless err wraps want.
func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func TestJoinersGetPositionsInArrivalOrder(t *testing.T) {
	d := newDirectory(t, nil)
	for i, k := range []int{3, 7, 2, 5} {
		if view := join(t, d, process(k, "a"), noon); view.Position != i+2 || view.Self.ID != k {
			t.Fatalf("arrival %d: %+v", i+1, view)
		}
	}
	view, err := d.View(2, noon) // at position 4, below NODE-3
	if err != nil {
		t.Fatal(err)
	}
	three, root := process(3, "a"), process(1, "root")
	if *view.Parent != three || !slices.Equal(view.Ancestors, []Member{three, root}) || view.Root != root || len(view.Children) != 0 {
		t.Fatalf("%+v", view)
	}
	if view, _ = d.View(3, noon); !slices.Equal(view.Children, []Member{process(2, "a"), process(5, "a")}) {
		t.Fatalf("children %+v", view.Children)
	}
	if view, _ = d.View(1, noon); view.Parent != nil || len(view.Ancestors) != 0 || view.Position != 1 {
		t.Fatalf("root %+v", view)
	}
}

func TestAMemberThatComesBackKeepsItsPosition(t *testing.T) {
	d := newDirectory(t, nil)
	first := join(t, d, process(3, "a"), noon)
	join(t, d, process(4, "a"), noon)
	same := join(t, d, process(3, "a"), at(silence/2)) // a repeated join
	if same.Position != first.Position {
		t.Fatalf("position %d", same.Position)
	}
	back, changed, err := d.Join(process(3, "b"), at(silence/2+silence+1))
	if err != nil || changed || back.Position != first.Position || back.Self != process(3, "b") || back.Revision <= same.Revision {
		t.Fatalf("%+v, %v, %v", back, changed, err)
	}
	_, err = d.Alive(3, "a", at(3*silence)) // the old process wakes up
	wantError(t, err, ErrUnknownMember)
}

func TestASecondLivingProcessUnderOneNameIsRefused(t *testing.T) {
	d := newDirectory(t, nil)
	before := join(t, d, process(3, "a"), noon)
	_, _, err := d.Join(process(3, "b"), at(silence))
	wantError(t, err, ErrNameTaken)
	_, _, err = d.Join(process(1, "b"), at(time.Hour))
	wantError(t, err, ErrNameTaken)
	if view, _ := d.View(3, noon); view.Revision != before.Revision || view.Self != process(3, "a") {
		t.Fatalf("a refused join changed %+v", view)
	}
}

func TestNamesOutsideTheTreeAreRefusedSayingWhy(t *testing.T) {
	d := newDirectory(t, nil)
	for _, k := range []int{-1, 0, 8} {
		_, _, err := d.Join(process(k, "a"), noon)
		wantError(t, err, ErrOutsideTree)
		if !strings.Contains(err.Error(), "NODE-1 to NODE-7") {
			t.Errorf("does not say why: %v", err)
		}
	}
	_, _, err := d.Join(Member{ID: 2, Address: "http://NODE-2"}, noon)
	wantError(t, err, ErrIncomplete)
}

func TestOnlyMembersGiveSignsOfLife(t *testing.T) {
	d := newDirectory(t, nil)
	_, err := d.Alive(3, "a", noon)
	wantError(t, err, ErrUnknownMember)
	join(t, d, process(3, "a"), noon)
	if view, err := d.Alive(3, "a", at(silence)); err != nil || view.Position != 2 {
		t.Fatalf("%+v, %v", view, err)
	}
	_, err = d.Alive(3, "b", at(silence))
	wantError(t, err, ErrUnknownMember)
	wantError(t, d.Leave(3, "b", at(silence)), ErrUnknownMember)
}

func TestWhoLeavesIsDownAtOnceAndMayBeReplaced(t *testing.T) {
	d := newDirectory(t, nil)
	first := join(t, d, process(3, "a"), noon)
	if err := d.Leave(3, "a", at(1)); err != nil {
		t.Fatal(err)
	}
	if state := d.Members(at(2))[1]; state.State != Down || !state.Since.Equal(at(1)) {
		t.Fatalf("%+v", state)
	}
	_, err := d.Alive(3, "a", at(2)) // a sign that was under way
	wantError(t, err, ErrUnknownMember)
	if view := join(t, d, process(3, "b"), at(3)); view.Position != first.Position {
		t.Fatalf("%+v", view)
	}
}

func TestAJoinIsNoMembershipBeforeItIsDurable(t *testing.T) {
	d := newDirectory(t, nil)
	_, changed, err := d.Join(process(3, "a"), noon)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	_, older := d.Placement()
	_, err = d.Alive(3, "a", noon)
	wantError(t, err, ErrUnknownMember)
	if _, changed, err = d.Join(process(3, "a"), noon); err != nil || !changed {
		t.Fatal("the repeated join may be answered before the first is durable", err)
	}
	if _, changed, err = d.Join(process(4, "a"), noon); err != nil || !changed {
		t.Fatal(changed, err)
	}
	d.Persisted(older)
	if _, err := d.Alive(3, "a", noon); err != nil {
		t.Fatal(err)
	}
	_, err = d.Alive(4, "a", noon)
	wantError(t, err, ErrUnknownMember)
}
