package coordinator

import "errors"

var (
	// ErrName says that a text names no node.
	ErrName = errors.New("not a node's name: want NODE-k, node-k or k, k being a number from 1")
	// ErrOutsideTree says that a node's number is not within 1 to N, the number of
	// nodes that a tree of this depth has. Trying again is of no use.
	ErrOutsideTree = errors.New("outside the tree")
	// ErrNameTaken says that another living process has this name. It may be one
	// that died a moment ago, which shows after the liveness timeout.
	ErrNameTaken = errors.New("the name is taken by another living process")
	// ErrUnknownMember says that no such process is a member: it has to join.
	ErrUnknownMember = errors.New("not a member: it has to join")
	// ErrIncomplete says that a member has no address or instance, or that a
	// coordinator was not given what it needs.
	ErrIncomplete = errors.New("incomplete")
	// ErrDepth says that a depth is not within 1 to MaxDepth.
	ErrDepth = errors.New("a tree has 1 to 16 levels")
	// ErrPlacement says that a placement is not one: it has not 2^depth-1
	// positions, or holds a node twice or one from outside the tree.
	ErrPlacement = errors.New("not a placement")
)
