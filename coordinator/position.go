package coordinator

// MaxDepth is the greatest number of levels of a tree: 65,535 nodes.
const MaxDepth = 16

// Positions are in heap order: 1 is the root, p has the children 2p and 2p+1. So
// level order is counting, and a deeper tree has the same positions and more.

// ParentPosition is the position right above p, 0 for the root.
func ParentPosition(p int) int { return max(p, 0) / 2 }

// AncestorPositions are the positions above p, nearest first, the root last; none
// for the root.
func AncestorPositions(p int) []int {
	above := make([]int, 0, MaxDepth)
	for p = ParentPosition(p); p > 0; p = ParentPosition(p) {
		above = append(above, p)
	}
	return above
}

// positionsOf is how many positions, and so how many nodes, a tree of a depth has.
func positionsOf(depth int) int { return 1<<depth - 1 }
