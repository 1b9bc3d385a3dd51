package coordinator

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// placementOf draws a valid placement: some of the nodes, anywhere.
func placementOf(t *rapid.T) Placement {
	depth := rapid.IntRange(1, 6).Draw(t, "depth")
	ks := make([]int, positionsOf(depth))
	for i := range ks {
		ks[i] = i + 1
	}
	placement := Placement(rapid.Permutation(ks).Draw(t, "order"))
	for i := range placement {
		if rapid.Bool().Draw(t, "free") {
			placement[i] = 0
		}
	}
	return placement
}

func TestPlacingKeepsAPlacementValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := placementOf(t)
		kept := slices.Clone(before)
		k := rapid.IntRange(1, len(before)).Draw(t, "k")
		had, free := before.PositionOf(k), before.FirstFree()
		after, p, err := before.Place(k)
		if err != nil || after.Validate() != nil || after.PositionOf(k) != p || after.Holder(p) != k {
			t.Fatalf("%v: Place(%d) = %v, %d, %v", before, k, after, p, err)
		}
		if had != 0 && (p != had || !slices.Equal(after, before)) || had == 0 && p != free {
			t.Fatalf("NODE-%d was at %d, the first free was %d, got %d", k, had, free, p)
		}
		if !slices.Equal(before, kept) {
			t.Fatal("the old placement changed")
		}
	})
}

func TestFirstFreeIsTheFirstInLevelOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		placement := placementOf(t)
		free := placement.FirstFree()
		for p := 1; p <= len(placement); p++ {
			if isFree := placement.Holder(p) == 0; isFree && (free == 0 || p < free) || !isFree && p == free {
				t.Fatalf("%v: first free %d", placement, free)
			}
		}
	})
}

func TestArrivalsFillTheTreeInLevelOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(1, 7).Draw(t, "depth")
		placement, err := NewPlacement(depth)
		if err != nil {
			t.Fatal(err)
		}
		ks := make([]int, len(placement))
		for i := range ks {
			ks[i] = i + 1
		}
		for i, k := range rapid.Permutation(ks).Draw(t, "arrivals") {
			p := 0
			if placement, p, err = placement.Place(k); err != nil || p != i+1 {
				t.Fatalf("arrival %d got %d, %v", i+1, p, err)
			}
		}
		if placement.FirstFree() != 0 {
			t.Fatal("not full")
		}
	})
}

func TestParentsChildrenAndAncestorsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		placement, err := NewPlacement(rapid.IntRange(1, MaxDepth).Draw(t, "depth"))
		if err != nil {
			t.Fatal(err)
		}
		p := rapid.IntRange(1, len(placement)).Draw(t, "p")
		for _, child := range placement.ChildPositions(p) {
			if ParentPosition(child) != p || child > len(placement) {
				t.Fatalf("child %d of %d", child, p)
			}
			if above := AncestorPositions(child); !slices.Equal(above[1:], AncestorPositions(p)) || above[0] != p {
				t.Fatalf("ancestors of %d: %v", child, above)
			}
		}
		if p > 1 && !slices.Contains(placement.ChildPositions(ParentPosition(p)), p) {
			t.Fatalf("%d is no child of its parent", p)
		}
		if above := AncestorPositions(p); (p == 1) != (len(above) == 0) || p > 1 && above[len(above)-1] != 1 {
			t.Fatalf("ancestors of %d: %v", p, above)
		}
	})
}

func TestSwapExchangesTwoAndNobodyElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := placementOf(t)
		kept := slices.Clone(before)
		p := rapid.IntRange(1, len(before)).Draw(t, "p")
		q := rapid.IntRange(1, len(before)).Draw(t, "q")
		after := before.Swap(p, q)
		if after.Holder(p) != before.Holder(q) || after.Holder(q) != before.Holder(p) || after.Validate() != nil {
			t.Fatalf("%v: Swap(%d, %d) = %v", before, p, q, after)
		}
		if !slices.Equal(after.Swap(p, q), before) || !slices.Equal(before, kept) {
			t.Fatal("swapping twice is not the same, or the old placement changed")
		}
	})
}

func TestStructure(t *testing.T) {
	placement := Placement{1, 3, 0, 5, 0, 7, 0} // 7 below a free position
	for k, want := range map[int]string{1: "/", 3: "/NODE-1", 5: "/NODE-1/NODE-3", 7: "/NODE-1"} {
		if path, err := placement.Path(k); err != nil || path != want {
			t.Errorf("Path(%d) = %q, %v; want %q", k, path, err, want)
		}
	}
	if _, err := placement.Path(2); !errors.Is(err, ErrUnknownMember) {
		t.Error(err)
	}
	if _, err := placement.Path(8); !errors.Is(err, ErrOutsideTree) {
		t.Error(err)
	}
	names := []string{}
	for _, name := range placement.BinaryTreeArray() {
		if name == nil {
			names = append(names, "null")
		} else {
			names = append(names, *name)
		}
	}
	if want := []string{"NODE-1", "NODE-3", "null", "NODE-5", "null", "NODE-7", "null"}; !reflect.DeepEqual(names, want) {
		t.Errorf("array %v", names)
	}
}

func TestWhatIsNoPlacementIsRefused(t *testing.T) {
	for _, bad := range []Placement{nil, {}, {1, 2}, {1, 1, 0}, {1, 4, 0}, {1, -1, 0}, make(Placement, positionsOf(MaxDepth+1))} {
		if err := bad.Validate(); !errors.Is(err, ErrPlacement) {
			t.Errorf("%d positions: %v", len(bad), err)
		}
	}
	for _, depth := range []int{-1, 0, MaxDepth + 1} {
		if _, err := NewPlacement(depth); !errors.Is(err, ErrDepth) {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
	for _, k := range []int{-1, 0, 4} {
		if _, _, err := (Placement{1, 0, 0}).Place(k); !errors.Is(err, ErrOutsideTree) {
			t.Errorf("NODE-%d: %v", k, err)
		}
		if p := (Placement{1, 0, 0}).PositionOf(k); p != 0 {
			t.Errorf("NODE-%d at %d", k, p)
		}
	}
}

func TestResizingKeepsThePositionsThatThereAre(t *testing.T) {
	grown, err := Placement{1, 3, 2}.Resize(3)
	if want := (Placement{1, 3, 2, 0, 0, 0, 0}); err != nil || !slices.Equal(grown, want) {
		t.Fatalf("%v, %v", grown, err)
	}
	if shrunk, err := grown.Resize(2); err != nil || !slices.Equal(shrunk, Placement{1, 3, 2}) {
		t.Fatalf("%v, %v", shrunk, err)
	}
	for _, c := range []struct{ from, to Placement }{
		{Placement{1, 2, 3, 5, 0, 0, 0}, Placement{1, 2, 3}},
		{Placement{7, 3, 0, 0, 0, 0, 0}, Placement{0, 3, 0}},
		{Placement{1, 0, 0, 2, 0, 0, 3}, Placement{1, 2, 3}},
		{Placement{5, 6, 4, 3, 7, 1, 2}, Placement{3, 1, 2}},
	} {
		if shrunk, err := c.from.Resize(2); err != nil || !slices.Equal(shrunk, c.to) || shrunk.Validate() != nil {
			t.Errorf("%v becomes %v, %v, want %v", c.from, shrunk, err, c.to)
		}
	}
	if _, err := grown.Resize(17); !errors.Is(err, ErrDepth) {
		t.Errorf("to 17 levels: %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, text := range []string{"NODE-7", "node-7", "Node-7", "7"} {
		if k, err := ParseName(text); err != nil || k != 7 {
			t.Errorf("%q: %d, %v", text, k, err)
		}
	}
	for _, text := range []string{"", "NODE-", "NODE-0", "0", "-7", "+7", "07", "NODE-07", "NODE--7", "NODE-+7", "NODE 7", "7 ", "7.0", "99999999999"} {
		if k, err := ParseName(text); !errors.Is(err, ErrName) {
			t.Errorf("%q: %d, %v", text, k, err)
		}
	}
	if Name(12) != "NODE-12" || (Member{ID: 12}).Name() != "NODE-12" {
		t.Error("Name")
	}
}
