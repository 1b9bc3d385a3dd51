package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"xylem/store"
	"xylem/sync/wire"
)

// read answers for key from what this node knows, and, where that is nothing,
// from what its ancestors know. At once however many ask for a missing key, one
// asks the parent. The error says that the node has no state and nobody to ask.
func (n *Node) read(key string) (store.Answer, error) {
	answer := n.store.Get(key)
	switch {
	case answer.Known, n.isRoot && n.store.Meta().Epoch > 0:
		return answer, nil
	case n.isRoot:
		return answer, errors.New("the root holds no state yet: it is finding out what its members have")
	}
	_, err, _ := n.lookups.Do(key, func() (any, error) { return nil, n.lookUp(key) })
	answer = n.store.Get(key)
	if err != nil && n.store.Meta().Epoch == 0 && !answer.Known {
		return answer, fmt.Errorf("this node holds no state yet, and its parent does not answer: %w", err)
	}
	return answer, nil
}

// lookUp asks the parent, unless the one who asked before was answered after the
// caller had looked.
func (n *Node) lookUp(key string) error {
	if n.store.Get(key).Known {
		return nil
	}
	return n.askParent(key)
}

// maxLookups bounds how many lookups a node has under way at its parent: far fewer
// than the proofs that the parent lets overtake each other.
const maxLookups = 256

// askParent learns what the parent knows of key.
func (n *Node) askParent(key string) error {
	ctx, cancel := context.WithTimeout(n.working, n.opts.Config.Writes.Timeout)
	defer cancel()
	select {
	case n.asking <- struct{}{}:
		defer func() { <-n.asking }()
	case <-ctx.Done():
		return fmt.Errorf("too many lookups are under way: %w", ctx.Err())
	}
	n.uplinked.lookups.Add(1)
	answer, parent, err := n.ask(ctx, pathLookup, []byte(key))
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return fmt.Errorf("%s answered %d: %s", parent.Name(), answer.status, excerpt(answer.body))
	}
	found, err := wire.DecodeLookup(answer.body)
	if err != nil {
		return err
	}
	// An answer of another tree, or as of an abandoned version, teaches nothing.
	meta := n.store.Meta()
	abandoned := found.AsOf.Epoch <= meta.Epoch && !meta.OnHistory(found.AsOf)
	if !meta.Tree.IsZero() && (found.Tree != meta.Tree || abandoned) {
		return nil
	}
	n.store.LearnAnswer(key, found.Entry, found.AsOf)
	return nil
}
