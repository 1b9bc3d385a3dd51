package coordinator

import (
	"fmt"
	"math/bits"
	"slices"
)

// Placement says who holds which position: at index p-1 is k of the NODE-k at
// position p, or 0 where it is free. Its length is N = 2^depth-1. Invariant: each
// k from 1 to N is there at most once. The functions that change it return a new
// one and leave the old as it was. What comes from a disk or a network is to be
// checked with Validate first.
type Placement []int

// NewPlacement is the empty placement of a tree of 1 to MaxDepth levels. The
// error wraps ErrDepth.
func NewPlacement(depth int) (Placement, error) {
	if depth < 1 || depth > MaxDepth {
		return nil, fmt.Errorf("depth %d: %w", depth, ErrDepth)
	}
	return make(Placement, positionsOf(depth)), nil
}

// Depth is the number of levels.
func (t Placement) Depth() int { return bits.Len(uint(len(t))) }

// Validate returns an error that wraps ErrPlacement when t is not a placement,
// ErrOutsideTree too when it holds a node from outside the tree.
func (t Placement) Validate() error {
	depth := t.Depth()
	if depth < 1 || depth > MaxDepth || len(t) != positionsOf(depth) {
		return fmt.Errorf("%d positions are not 2^depth-1: %w", len(t), ErrPlacement)
	}
	seen := make([]int, len(t)+1)
	for i, k := range t {
		if k == 0 {
			continue
		}
		if err := t.contains(k); err != nil {
			return fmt.Errorf("position %d: %w: %w", i+1, ErrPlacement, err)
		}
		if seen[k] != 0 {
			return fmt.Errorf("%s is at positions %d and %d: %w", Name(k), seen[k], i+1, ErrPlacement)
		}
		seen[k] = i + 1
	}
	return nil
}

// contains returns an error that wraps ErrOutsideTree unless k is within 1..N.
func (t Placement) contains(k int) error {
	if k < 1 || k > len(t) {
		return fmt.Errorf("%s is not one of %s to %s, which a tree of %d levels has: %w",
			Name(k), Name(1), Name(len(t)), t.Depth(), ErrOutsideTree)
	}
	return nil
}

// Holder is k of the node at position p, 0 when p is free or outside the tree.
func (t Placement) Holder(p int) int {
	if p < 1 || p > len(t) {
		return 0
	}
	return t[p-1]
}

// PositionOf is the position of NODE-k, 0 when it has none.
func (t Placement) PositionOf(k int) int {
	if k < 1 {
		return 0
	}
	return slices.Index(t, k) + 1
}

// FirstFree is the first free position in level order, left to right; 0 when
// there is none.
func (t Placement) FirstFree() int { return slices.Index(t, 0) + 1 }

// ChildPositions are the positions right below p: two, or none on the last level.
func (t Placement) ChildPositions(p int) []int {
	if p < 1 || 2*p+1 > len(t) {
		return nil
	}
	return []int{2 * p, 2*p + 1}
}
