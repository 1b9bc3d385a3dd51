package version

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// logicalBits is how many low bits of a Stamp count events within one
// millisecond: 65,536 of them before the physical part runs ahead.
const logicalBits = 16

// Stamp is a hybrid logical clock reading in the root's time: milliseconds since
// 1970 in the upper 48 bits, a counter in the lower 16 (Kulkarni, Demirbas,
// Madappa, Avva, Leone: Logical Physical Clocks, 2014, with the compact layout
// of their section 4). Of two writes of a key the one with the later stamp wins.
type Stamp uint64

// StampAt is the first stamp of a millisecond since 1970.
func StampAt(unixMillis int64) Stamp {
	if unixMillis < 0 {
		return 0
	}
	return Stamp(uint64(unixMillis) << logicalBits)
}

// UnixMillis is the physical part, in milliseconds since 1970.
func (s Stamp) UnixMillis() int64 { return int64(s >> logicalBits) }

// String is for people: milliseconds and counter.
func (s Stamp) String() string {
	return strconv.FormatInt(s.UnixMillis(), 10) + "+" + strconv.FormatUint(uint64(s&(1<<logicalBits-1)), 10)
}

// Clock gives stamps that grow strictly, whatever the wall clock does. It reads
// no clock of its own; the zero Clock is ready. Not safe for concurrent use.
type Clock struct{ last Stamp }

// Next is the stamp of an event that happens at unixMillis: after every stamp
// given or observed before, and no further ahead of the wall clock than that
// asks for.
func (c *Clock) Next(unixMillis int64) Stamp {
	c.last = max(c.last+1, StampAt(unixMillis))
	return c.last
}

// Observe makes later stamps come after s, a stamp heard from elsewhere.
func (c *Clock) Observe(s Stamp) { c.last = max(c.last, s) }

// Last is the latest stamp given or observed.
func (c *Clock) Last() Stamp { return c.last }

// WriteID names a write for as long as it lives: the node that took it (k of
// NODE-k) and that node's counter. The counter starts at Boot<<BootShift, where
// Boot is drawn at random at every start of the node. That two starts draw the same
// is unlikely; who takes a write for one that was ordered compares more than its id.
type WriteID struct {
	Node    uint32
	Counter uint64
}

// BootShift is how many low bits of WriteID.Counter count the writes of one run
// of a node: 2^40, which at 50,000 writes a second last 254 days. A run that
// outlives that moves into the next boot's numbers.
const BootShift = 40

// IsZero reports whether the id names no write.
func (id WriteID) IsZero() bool { return id == WriteID{} }

// Compare orders write ids, by node first. The order means nothing; it decides
// between equal stamps.
func (id WriteID) Compare(other WriteID) int {
	if c := cmp.Compare(id.Node, other.Node); c != 0 {
		return c
	}
	return cmp.Compare(id.Counter, other.Counter)
}

// ErrWriteID is wrapped when a text is no write id.
var ErrWriteID = errors.New("not a write id: want NODE-COUNTER, two decimal numbers, as in 6-17")

// String returns "node-counter", as answers show it.
func (id WriteID) String() string { return fmt.Sprintf("%d-%d", id.Node, id.Counter) }

// ParseWriteID reads what WriteID.String wrote. The error wraps ErrWriteID.
func ParseWriteID(text string) (WriteID, error) {
	node, counter, found := strings.Cut(text, "-")
	k, errNode := strconv.ParseUint(node, 10, 32)
	n, errCounter := strconv.ParseUint(counter, 10, 64)
	if id := (WriteID{Node: uint32(k), Counter: n}); found && errNode == nil && errCounter == nil && id.String() == text {
		return id, nil
	}
	return WriteID{}, fmt.Errorf("%.64q: %w", text, ErrWriteID)
}

// TreeID is the random name that a tree gets when it is first started. The zero
// TreeID stands for no tree yet.
type TreeID [16]byte

// IsZero reports whether there is no tree yet.
func (id TreeID) IsZero() bool { return id == TreeID{} }

// String is the id in hexadecimal, empty for no tree yet.
func (id TreeID) String() string {
	if id.IsZero() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// ParseTreeID reads what TreeID.String wrote; empty is the zero TreeID.
func ParseTreeID(text string) (TreeID, error) {
	var id TreeID
	if text == "" {
		return id, nil
	}
	if len(text) == hex.EncodedLen(len(id)) {
		if _, err := hex.Decode(id[:], []byte(text)); err == nil {
			return id, nil
		}
	}
	return TreeID{}, fmt.Errorf("%q is not a tree id: want 32 hexadecimal digits", text)
}
