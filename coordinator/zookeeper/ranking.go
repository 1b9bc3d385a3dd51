package zookeeper

import (
	"cmp"
	"slices"
)

// rank orders the nodes that may lead, by k, as they should try to become
// candidate: who was named by the last root (0 for nobody), then the configured root
// if it holds as much as anybody, then who holds most; of equals the lowest k.
// Everybody who reads the same bids ranks alike; if they do not, it costs time only,
// for NS/root can be created once.
func rank(bids []memberNode, configured, named int) []int {
	fit := slices.DeleteFunc(slices.Clone(bids), func(b memberNode) bool { return !b.Fit })
	if len(fit) == 0 {
		return nil
	}
	furthest := slices.MaxFunc(fit, byHolding)
	first := func(b memberNode) int {
		switch {
		case b.ID == named:
			return 0
		case b.ID == configured && byHolding(b, furthest) == 0:
			return 1
		}
		return 2
	}
	slices.SortFunc(fit, func(a, b memberNode) int {
		return cmp.Or(cmp.Compare(first(a), first(b)), byHolding(b, a), cmp.Compare(a.ID, b.ID))
	})
	var order []int
	for _, b := range fit {
		order = append(order, b.ID)
	}
	return order
}

// byHolding compares how far two nodes are.
func byHolding(a, b memberNode) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq))
}
