package coordinator

import (
	"fmt"
	"strconv"
	"strings"
)

// namePrefix is what comes before k in a node's name.
const namePrefix = "NODE-"

// Member is one process under a node's name.
type Member struct {
	ID       int    `json:"id"`       // k of NODE-k, from 1
	Address  string `json:"address"`  // the URL under which other nodes reach it
	Instance string `json:"instance"` // random, another for every process
}

// Name is the member's "NODE-k".
func (m Member) Name() string { return Name(m.ID) }

// Name is "NODE-k".
func Name(k int) string { return namePrefix + strconv.Itoa(k) }

// ParseName reads "NODE-7", "node-7" (in any case) or "7" as 7: a number from 1
// without sign or leading zero. Whether the tree has such a node is for
// Placement to say. The error wraps ErrName.
func ParseName(text string) (int, error) {
	digits := text
	if len(text) > len(namePrefix) && strings.EqualFold(text[:len(namePrefix)], namePrefix) {
		digits = text[len(namePrefix):]
	}
	k, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || k < 1 || digits[0] < '1' || digits[0] > '9' {
		return 0, fmt.Errorf("%.64q: %w", text, ErrName)
	}
	return int(k), nil
}

// complete reports, as an ErrIncomplete, what a member lacks.
func (m Member) complete() error {
	if m.Address == "" || m.Instance == "" {
		return fmt.Errorf("%s has no address or no instance: %w", m.Name(), ErrIncomplete)
	}
	return nil
}
