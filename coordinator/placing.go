package coordinator

import "slices"

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

// Resize returns the placement in a tree of another depth. Everybody keeps their
// position, but that a smaller tree loses the nodes outside it; who stays and whose
// position is gone gets the first free one. The error wraps ErrDepth.
func (t Placement) Resize(depth int) (Placement, error) {
	resized, err := NewPlacement(depth)
	if err != nil {
		return t, err
	}
	var displaced []int
	for i, k := range t {
		switch {
		case k == 0 || k > len(resized):
		case i < len(resized):
			resized[i] = k
		default:
			displaced = append(displaced, k)
		}
	}
	for _, k := range displaced {
		resized[resized.FirstFree()-1] = k
	}
	return resized, nil
}
