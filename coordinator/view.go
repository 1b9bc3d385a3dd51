package coordinator

import "fmt"

// View is what one node needs to know of the tree in order to act. It is never
// changed after it was made, and may be shared between goroutines.
//
// Parent is a living node as far as the root knew when it made the view; who else
// is named belongs there, alive or not. A node that cannot reach its parent all the
// same goes on along Ancestors. Who holds a position above or below but has no
// known address, because it has not been back since the root restarted, is left
// out until it is.
type View struct {
	// Revision grows with every change of who is where while the root is one
	// instance, not when somebody falls silent or is back; between instances of the
	// root it means nothing.
	Revision uint64 `json:"revision"`
	// Epoch is the root's, 0 until it has one.
	Epoch uint64 `json:"epoch"`
	// Root is who orders writes, at position 1.
	Root Member `json:"root"`
	// Self is the node whose view this is.
	Self Member `json:"self"`
	// Position is Self's, in heap order from 1.
	Position int `json:"position"`
	// Parent is the first of Ancestors that lives, nil at the root, which always does.
	Parent *Member `json:"parent"`
	// Ancestors are those above Self, nearest first, alive or not, the root last; none
	// at the root.
	Ancestors []Member `json:"ancestors"`
	// Children are those right below Self: none, one or two, left before right.
	Children []Member `json:"children"`
}

// same reports whether two views of one node say the same.
func (v View) same(other View) bool {
	return v.Revision == other.Revision && v.Epoch == other.Epoch && v.Root == other.Root && v.parent() == other.parent()
}

// Tag is short and tells whether a view is news: two views of one node that have one tag say the same. So a root need
// not send, with every sign of life, what the member has.
func (v View) Tag() string {
	return fmt.Sprintf("%s/%d/%d/%d", v.Root.Instance, v.Epoch, v.Revision, v.parent().ID)
}

// parent is Parent, the zero Member for none.
func (v View) parent() Member {
	if v.Parent == nil {
		return Member{}
	}
	return *v.Parent
}
