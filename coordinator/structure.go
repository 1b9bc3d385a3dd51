package coordinator

import (
	"fmt"
	"strings"
)

// Path names the ancestors of NODE-k from the root down to its parent, as in
// "/NODE-1/NODE-3"; "/" for the root. Free positions are left out. The error
// wraps ErrOutsideTree or, when it has no position, ErrUnknownMember.
func (t Placement) Path(k int) (string, error) {
	if err := t.contains(k); err != nil {
		return "", err
	}
	p := t.PositionOf(k)
	if p == 0 {
		return "", fmt.Errorf("%s has no position: %w", Name(k), ErrUnknownMember)
	}
	above := AncestorPositions(p)
	var path strings.Builder
	for i := len(above) - 1; i >= 0; i-- {
		if holder := t.Holder(above[i]); holder != 0 {
			path.WriteString("/" + Name(holder))
		}
	}
	if path.Len() == 0 {
		return "/", nil
	}
	return path.String(), nil
}

// BinaryTreeArray names the holders in heap order, N long, nil where it is free.
func (t Placement) BinaryTreeArray() []*string {
	names := make([]*string, len(t))
	for i, k := range t {
		if k != 0 {
			name := Name(k)
			names[i] = &name
		}
	}
	return names
}
