package wire

import (
	"encoding/binary"
	"fmt"

	"xylem/store"
	"xylem/sync/version"
)

// Write is a write on its way to the root.
type Write struct {
	ID    version.WriteID
	Key   string
	Value string        // compact JSON; empty for a delete
	Stamp version.Stamp // from where it was taken; zero: unknown
	Kept  bool          // it waited in a queue, or is sent again: it keeps Stamp
	If    store.Condition
	First version.Version // of an entry whose version was abandoned, as store.Origin has it; zero: it was not ordered yet
	Since version.Version // likewise

	Footing version.Stamp // likewise
}

// Origin is what the write tells of how it was ordered before.
func (w *Write) Origin() store.Origin {
	return store.Origin{If: w.If, First: w.First, Since: w.Since, Footing: w.Footing}
}

// Outcome is what became of a write.
type Outcome byte

// The outcomes of a write.
const (
	Ordered     Outcome = 1 // durable at the root, at Version
	Superseded  Outcome = 2 // the key has a write with a later stamp: Version is the winner's
	Unmet       Outcome = 3 // the condition does not hold; Version is the key's, zero where it is absent
	Unreachable Outcome = 4 // certainly not ordered: the root was not reached, or could not
	Unknown     Outcome = 5 // it may or may not have been ordered
	Full        Outcome = 6 // certainly not ordered: the root's disk is full

	// The rest are for the client at the node that it spoke to, and never sent.
	Pending   Outcome = 7 // durable in this node's queue, to be ordered
	QueueFull Outcome = 8 // certainly not ordered: this node's queue, or its disk, is full
)

// Result tells what became of one write.
type Result struct {
	Outcome Outcome
	Version version.Version
	Stamp   version.Stamp   // of an ordered write, or of the winner
	AsOf    version.Version // of Unmet: the version as of which the condition did not hold
}

// Batch is the writes that one node forwards to its parent in one request.
type Batch struct {
	Tree   version.TreeID // zero from a node that belongs to none yet
	Epoch  uint64
	Writes []Write
}

// Results are the answers to a batch, in its order.
type Results struct {
	Tree    version.TreeID
	Epoch   uint64
	Results []Result
}

const (
	batchMagic   = "XYW\x01"
	resultsMagic = "XYR\x02"
)

// Bits of a write's first byte above its condition's two.
const (
	flagDelete  = 1 << 2
	flagStamp   = 1 << 3
	flagKept    = 1 << 4
	flagFirst   = 1 << 5
	flagSince   = 1 << 6
	flagFooting = 1 << 7
)

// AppendBatch appends the encoded batch to dst.
func AppendBatch(dst []byte, b *Batch) []byte {
	dst = appendHead(dst, batchMagic, b.Tree, b.Epoch, len(b.Writes))
	for i := range b.Writes {
		w := &b.Writes[i]
		flags := byte(w.If.Kind)
		if w.Value == "" {
			flags |= flagDelete
		}
		if w.Stamp != 0 {
			flags |= flagStamp
		}
		if w.Kept {
			flags |= flagKept
		}
		if !w.First.IsZero() {
			flags |= flagFirst
		}
		if !w.Since.IsZero() {
			flags |= flagSince
		}
		if w.Footing != 0 {
			flags |= flagFooting
		}
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, uint64(w.ID.Node))
		dst = binary.AppendUvarint(dst, w.ID.Counter)
		if w.Stamp != 0 {
			dst = binary.AppendUvarint(dst, uint64(w.Stamp))
		}
		if w.If.Kind == store.Matches {
			dst = appendVersion(dst, w.If.Version)
		}
		if !w.First.IsZero() {
			dst = appendVersion(dst, w.First)
		}
		if !w.Since.IsZero() {
			dst = appendVersion(dst, w.Since)
		}
		if w.Footing != 0 {
			dst = binary.AppendUvarint(dst, uint64(w.Footing))
		}
		dst = appendString(dst, w.Key)
		if w.Value != "" {
			dst = appendString(dst, w.Value)
		}
	}
	return dst
}

// DecodeBatch reads what AppendBatch wrote. The batch shares no memory with b.
// Every key is checked. The error wraps ErrMalformed.
func DecodeBatch(b []byte) (Batch, error) {
	r := reader{rest: b}
	tree, epoch, count, err := r.head(batchMagic)
	if err != nil {
		return Batch{}, err
	}
	batch := Batch{Tree: tree, Epoch: epoch}
	for range count {
		w, err := r.write()
		if err != nil {
			return Batch{}, err
		}
		batch.Writes = append(batch.Writes, w)
	}
	if len(r.rest) > 0 {
		return Batch{}, fmt.Errorf("%w: %d bytes follow the last write", ErrMalformed, len(r.rest))
	}
	return batch, nil
}

func (r *reader) write() (Write, error) {
	flags := r.byte()
	w := Write{If: store.Condition{Kind: store.ConditionKind(flags & 3)}, Kept: flags&flagKept != 0}
	node := r.uvarint()
	w.ID = version.WriteID{Node: uint32(node), Counter: r.uvarint()}
	if flags&flagStamp != 0 {
		w.Stamp = version.Stamp(r.uvarint())
	}
	if w.If.Kind == store.Matches {
		w.If.Version = r.version()
	}
	if flags&flagFirst != 0 {
		w.First = r.ordered()
	}
	if flags&flagSince != 0 {
		w.Since = r.ordered()
	}
	if flags&flagFooting != 0 {
		w.Footing = version.Stamp(r.uvarint())
		r.short = r.short || w.Footing == 0
	}
	w.Key = string(r.bytes(r.uvarint()))
	if flags&flagDelete == 0 {
		w.Value = string(r.bytes(r.uvarint()))
		if w.Value == "" {
			r.short = true
		}
	}
	if r.short {
		return w, fmt.Errorf("%w: a write is cut short", ErrMalformed)
	}
	if node > store.MaxNode { // ordered, it would make blocks that no node can read
		return w, fmt.Errorf("%w: a write of node %d", ErrMalformed, node)
	}
	if err := store.CheckKey(w.Key); err != nil {
		return w, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return w, nil
}

// ordered reads a version under which something was ordered.
func (r *reader) ordered() version.Version {
	v := r.version()
	r.short = r.short || v.IsZero()
	return v
}

// AppendResults appends the encoded results to dst.
func AppendResults(dst []byte, rs *Results) []byte {
	dst = appendHead(dst, resultsMagic, rs.Tree, rs.Epoch, len(rs.Results))
	for _, res := range rs.Results {
		dst = append(dst, byte(res.Outcome))
		dst = appendVersion(dst, res.Version)
		dst = binary.AppendUvarint(dst, uint64(res.Stamp))
		if res.Outcome == Unmet {
			dst = appendVersion(dst, res.AsOf)
		}
	}
	return dst
}

// DecodeResults reads what AppendResults wrote. The error wraps ErrMalformed.
func DecodeResults(b []byte) (Results, error) {
	r := reader{rest: b}
	tree, epoch, count, err := r.head(resultsMagic)
	if err != nil {
		return Results{}, err
	}
	rs := Results{Tree: tree, Epoch: epoch}
	for range count {
		res := Result{Outcome: Outcome(r.byte()), Version: r.version(), Stamp: version.Stamp(r.uvarint())}
		if res.Outcome == Unmet {
			res.AsOf = r.version()
		}
		if r.short || res.Outcome < Ordered || res.Outcome > Full {
			return Results{}, fmt.Errorf("%w: a result is cut short", ErrMalformed)
		}
		rs.Results = append(rs.Results, res)
	}
	if len(r.rest) > 0 {
		return Results{}, fmt.Errorf("%w: %d bytes follow the last result", ErrMalformed, len(r.rest))
	}
	return rs, nil
}

func appendHead(dst []byte, magic string, tree version.TreeID, epoch uint64, count int) []byte {
	dst = append(dst, magic...)
	dst = append(dst, tree[:]...)
	dst = binary.AppendUvarint(dst, epoch)
	return binary.AppendUvarint(dst, uint64(count))
}

func (r *reader) head(magic string) (tree version.TreeID, epoch, count uint64, err error) {
	if string(r.bytes(uint64(len(magic)))) != magic {
		return tree, 0, 0, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, magic)
	}
	copy(tree[:], r.bytes(uint64(len(tree))))
	epoch, count = r.uvarint(), r.uvarint()
	if r.short || count > uint64(len(r.rest)) {
		return tree, 0, 0, fmt.Errorf("%w: its head is cut short", ErrMalformed)
	}
	return tree, epoch, count, nil
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
