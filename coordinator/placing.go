package coordinator

import (
	"fmt"
	"slices"
)

// Place gives NODE-k the first free position and returns that. A node that has a
// position keeps it. The error wraps ErrOutsideTree; a place for a node of the
// tree is always left.
func (t Placement) Place(k int) (Placement, int, error) {
	if err := t.contains(k); err != nil {
		return t, 0, err
	}
	if p := t.PositionOf(k); p != 0 {
		return t, p, nil
	}
	p := t.FirstFree() // there is one: N positions, fewer than N others
	placed := slices.Clone(t)
	placed[p-1] = k
	return placed, p, nil
}

// Swap returns the placement with the holders of two positions of the tree
// exchanged, as when a new root takes position 1.
func (t Placement) Swap(p, q int) Placement {
	if p == q {
		return t
	}
	swapped := slices.Clone(t)
	swapped[p-1], swapped[q-1] = t[q-1], t[p-1]
	return swapped
}

// Resize returns the placement in a tree of another depth; everybody keeps their
// position. The error wraps ErrDepth, or ErrPlacement when a smaller tree would
// lose a node.
func (t Placement) Resize(depth int) (Placement, error) {
	resized, err := NewPlacement(depth)
	if err != nil {
		return t, err
	}
	copy(resized, t)
	for i, k := range t {
		if k > len(resized) || k != 0 && i >= len(resized) {
			return t, fmt.Errorf("%s at position %d does not fit into %d levels: %w", Name(k), i+1, depth, ErrPlacement)
		}
	}
	return resized, nil
}
