package wire

import (
	"encoding/binary"
	"fmt"

	"xylem/sync/version"
)

// Standing is what is known of one node.
type Standing struct {
	Node    uint32
	Process uint64          // random: names the process
	Version version.Version // that it has confirmed, or a later one; zero: it holds no state
	Differs bool            // at Version its digest is not the root's
	Heard   int64           // when the root sent what it last took, in milliseconds of the root's time; 0 for never
}

// Roll is what a node of a tree that relays tells an ancestor: that it lives, and what
// it and those below it have confirmed. It is told whole when the nodes in it change;
// else short: then Nodes has the sender and the few that lag, and of all others Floor and
// Heard are true. So its size does not depend on theirs.
type Roll struct {
	Tree    version.TreeID // zero from a node that belongs to none yet
	Epoch   uint64         // the highest that the sender has heard of
	Address string         // the URL under which the sender is reached; at most MaxAddressBytes
	Whole   bool           // Nodes has all
	Set     uint64         // fingerprint of the nodes and processes in it
	Floor   version.Version
	Heard   int64
	Nodes   []Standing // the sender first
}

// MaxAddressBytes bounds the URL of a node.
const MaxAddressBytes = 1 << 10

// RollVerdict is what an ancestor makes of a roll.
type RollVerdict byte

// The verdicts.
const (
	RollTaken RollVerdict = 1 // it serves the sender
	SendWhole RollVerdict = 2 // likewise, and does not know the set: the next is to be whole
	JoinFirst RollVerdict = 3 // it is the root, and does not know the sender, or not this process
	AskAbove  RollVerdict = 4 // it cannot serve the sender
)

// RollReply is the answer to a Roll.
type RollReply struct {
	Verdict RollVerdict
	Linked  bool            // the ancestor is the root, or its own last roll was taken by one that is linked
	Version version.Version // that it holds
	Epoch   uint64          // whose root's time follows
	Millis  int64           // the root's time as the ancestor knows it, in milliseconds; 0 before it heard it
}

const (
	rollMagic      = "XYC\x01"
	rollReplyMagic = "XYA\x01"
)

// Bits of a roll's and a reply's flags.
const (
	flagWhole  = 1 << 0
	flagLinked = 1 << 0
)

// AppendRoll appends the encoded roll to dst.
func AppendRoll(dst []byte, r *Roll) []byte {
	dst = appendHead(dst, rollMagic, r.Tree, r.Epoch, len(r.Nodes))
	dst = append(dst, flag(r.Whole, flagWhole))
	dst = appendString(dst, r.Address)
	dst = binary.BigEndian.AppendUint64(dst, r.Set)
	dst = appendVersion(dst, r.Floor)
	dst = binary.AppendUvarint(dst, uint64(r.Heard))
	for i := range r.Nodes {
		s := &r.Nodes[i]
		dst = binary.AppendUvarint(dst, uint64(s.Node)<<1|uint64(flag(s.Differs, 1)))
		dst = binary.BigEndian.AppendUint64(dst, s.Process)
		dst = appendVersion(dst, s.Version)
		dst = binary.AppendUvarint(dst, uint64(s.Heard))
	}
	return dst
}

func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}

// DecodeRoll reads what AppendRoll wrote. The roll shares no memory with b. The error
// wraps ErrMalformed.
func DecodeRoll(b []byte) (Roll, error) {
	r := reader{rest: b}
	tree, epoch, count, err := r.head(rollMagic)
	if err != nil {
		return Roll{}, err
	}
	roll := Roll{Tree: tree, Epoch: epoch, Whole: r.byte()&flagWhole != 0, Address: string(r.bytes(r.uvarint()))}
	if set := r.bytes(8); set != nil {
		roll.Set = binary.BigEndian.Uint64(set)
	}
	roll.Floor, roll.Heard = r.version(), int64(r.uvarint())
	roll.Nodes = make([]Standing, 0, count)
	for range count {
		if r.short {
			break
		}
		node := r.uvarint()
		s := Standing{Node: uint32(node >> 1), Differs: node&1 != 0}
		if process := r.bytes(8); process != nil {
			s.Process = binary.BigEndian.Uint64(process)
		}
		s.Version, s.Heard = r.version(), int64(r.uvarint())
		roll.Nodes = append(roll.Nodes, s)
	}
	if r.short || len(r.rest) > 0 || len(roll.Nodes) == 0 || len(roll.Address) > MaxAddressBytes {
		return Roll{}, fmt.Errorf("%w: a roll does not make sense", ErrMalformed)
	}
	return roll, nil
}

// AppendRollReply appends the encoded reply to dst.
func AppendRollReply(dst []byte, r *RollReply) []byte {
	dst = append(dst, rollReplyMagic...)
	dst = append(dst, byte(r.Verdict), flag(r.Linked, flagLinked))
	dst = binary.AppendUvarint(appendVersion(dst, r.Version), r.Epoch)
	return binary.AppendUvarint(dst, uint64(r.Millis))
}

// DecodeRollReply reads what AppendRollReply wrote. The error wraps ErrMalformed.
func DecodeRollReply(b []byte) (RollReply, error) {
	r := reader{rest: b}
	if string(r.bytes(uint64(len(rollReplyMagic)))) != rollReplyMagic {
		return RollReply{}, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, rollReplyMagic)
	}
	reply := RollReply{Verdict: RollVerdict(r.byte()), Linked: r.byte()&flagLinked != 0, Version: r.version(), Epoch: r.uvarint(), Millis: int64(r.uvarint())}
	if r.short || len(r.rest) > 0 || reply.Verdict < RollTaken || reply.Verdict > AskAbove {
		return RollReply{}, fmt.Errorf("%w: the answer to a roll does not make sense", ErrMalformed)
	}
	return reply, nil
}
