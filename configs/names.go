package configs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrNode is what every error of ParseNode is: a name that no node of the tree
// has.
var ErrNode = errors.New("no such node")

// nodePrefix is what the name of a node begins with, in capitals or not.
const nodePrefix = "NODE-"

// Nodes is N, the number of nodes in the tree: 2^depth - 1.
func (c Config) Nodes() int { return 1<<c.Tree.Depth - 1 }

// NodeName is the name of the node with number k, as in NODE-7.
func (c Config) NodeName(k int) string { return nodePrefix + strconv.Itoa(k) }

// ParseOrdinal reads the name of a pod of a StatefulSet, or the number at its end:
// xylem-6, xylem-0-6 and 6 name NODE-7 in a tree of n.
func ParseOrdinal(text string, n int) (k int, err error) {
	name, digits := "", text
	if dash := strings.LastIndexByte(text, '-'); dash >= 0 {
		name, digits = text[:dash], text[dash+1:]
	}
	ordinal, err := strconv.ParseUint(digits, 10, 32)
	negative := name == "" && text != digits || strings.HasSuffix(name, "-")
	if err != nil || negative || digits != strconv.FormatUint(ordinal, 10) {
		return 0, fmt.Errorf("%w: %q is not an ordinal: allowed is a number from 0 up, alone or at the end of a name, as in xylem-0", ErrNode, text)
	}
	if ordinal >= uint64(n) {
		return 0, fmt.Errorf("%w: ordinal %d is outside this tree, whose %d nodes have the ordinals 0 to %d", ErrNode, ordinal, n, n-1)
	}
	return int(ordinal) + 1, nil
}

// ParseNode reads the name of a node in a tree of n: NODE-7, node-7 and 7 name
// the same. The error says why a name is refused.
func ParseNode(text string, n int) (k int, err error) {
	digits := text
	if len(text) >= len(nodePrefix) && strings.EqualFold(text[:len(nodePrefix)], nodePrefix) {
		digits = text[len(nodePrefix):]
	}
	isOther := func(r rune) bool { return r < '0' || r > '9' }
	if digits == "" || strings.ContainsFunc(digits, isOther) || (len(digits) > 1 && digits[0] == '0') {
		return 0, fmt.Errorf("%w: %q is not the name of a node: allowed is a name as in NODE-7, node-7 or 7", ErrNode, text)
	}
	k, err = strconv.Atoi(digits)
	if err != nil || k < 1 || k > n {
		return 0, fmt.Errorf("%w: %q is outside this tree, whose %d nodes are NODE-1 to NODE-%d", ErrNode, text, n, n)
	}
	return k, nil
}
