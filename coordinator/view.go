package coordinator

// View is what one node needs to know of the tree in order to act. It is never
// changed after it was made, and may be shared between goroutines.
//
// It says who belongs where, not who is alive: a node that cannot reach its
// parent goes on along Ancestors. Who holds a position above or below but has no
// known address, because it has not been back since the root restarted, is left
// out until it is.
type View struct {
	// Revision grows with every change of the tree while the root is one instance;
	// between instances of the root it means nothing.
	Revision uint64 `json:"revision"`
	// Epoch is the root's, 0 until it has one.
	Epoch uint64 `json:"epoch"`
	// Root is who orders writes, at position 1.
	Root Member `json:"root"`
	// Self is the node whose view this is.
	Self Member `json:"self"`
	// Position is Self's, in heap order from 1.
	Position int `json:"position"`
	// Parent is the first of Ancestors, nil at the root.
	Parent *Member `json:"parent"`
	// Ancestors are those above Self, nearest first, the root last; none at the root.
	Ancestors []Member `json:"ancestors"`
	// Children are those right below Self: none, one or two, left before right.
	Children []Member `json:"children"`
}

// same reports whether two views of one node say the same.
func (v View) same(other View) bool {
	return v.Revision == other.Revision && v.Epoch == other.Epoch && v.Root == other.Root
}
