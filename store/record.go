package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"xylem/sync/version"
)

// ErrRecord is wrapped by every refusal of a journal record: the disk holds
// something that this program did not write, or wrote at a later version of it.
var ErrRecord = errors.New("a journal record does not make sense")

// Kinds of journal records; the first byte of each. Never reuse a number.
const (
	recordIdentity  = 1 // whose directory this is, and its boot
	recordMeta      = 2 // tree, epoch, history and floor changed, entries did not
	recordDelta     = 3 // entries from one version to another, with the Meta after them
	recordPlacement = 4 // who stands where in the tree; at the root only
	recordState     = 5 // begins a checkpoint: version, digest and Meta of the whole state
	recordEntries   = 6 // a block of entries of that state
	recordQueued    = 7 // a block of writes that were taken here and wait to be ordered
	recordSettled   = 8 // what became of writes that had waited
	recordRootTime  = 9 // the root's time less this machine's wall clock

	recordProvisional = 10 // as recordQueued, before the root's time was heard
	recordPromise     = 11 // the highest epoch that was promised to a candidate
)

// Identity says whose data directory this is.
type Identity struct {
	Node uint32 // k of NODE-k
	Boot uint64 // random, of the last start; the upper bits of the node's write ids
}

// AppendIdentity appends a record of id to dst.
func AppendIdentity(dst []byte, id Identity) []byte {
	dst = append(dst, recordIdentity)
	dst = binary.AppendUvarint(dst, uint64(id.Node))
	return binary.AppendUvarint(dst, id.Boot)
}

// AppendMetaRecord appends a record of a change of meta alone to dst.
func AppendMetaRecord(dst []byte, meta Meta) []byte {
	return AppendMeta(append(dst, recordMeta), meta)
}

// AppendPlacement appends a record of who stands where to dst: in heap order k
// of NODE-k, 0 for a free position.
func AppendPlacement(dst []byte, placement []int) []byte {
	dst = append(dst, recordPlacement)
	for _, k := range placement {
		dst = binary.AppendUvarint(dst, uint64(k))
	}
	return dst
}

// AppendDelta appends a record of a delta to dst: it brings the state from the
// version from to the version to, with meta after it. The blocks follow as they
// were encoded for the push, or by AppendCut.
func AppendDelta(dst []byte, from, to version.Version, meta Meta, blocks ...[]byte) []byte {
	dst = append(dst, recordDelta)
	dst = appendVersion(appendVersion(dst, from), to)
	dst = AppendMeta(dst, meta)
	for _, block := range blocks {
		dst = binary.AppendUvarint(dst, uint64(len(block)))
		dst = append(dst, block...)
	}
	return dst
}

// AppendEntries appends a record of a block of a checkpoint's entries to dst; the
// blocks are in version order.
func AppendEntries(dst, block []byte) []byte { return append(append(dst, recordEntries), block...) }

// AppendState appends the record that a checkpoint's entries follow to dst: of which state they are, as To, Digest and
// Meta of the cut say.
func AppendState(dst []byte, cut *Cut) []byte {
	dst = append(dst, recordState)
	dst = appendVersion(dst, cut.To)
	dst = cut.Digest.Append(dst)
	return AppendMeta(dst, cut.Meta)
}

func appendVersion(dst []byte, v version.Version) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, v.Epoch), v.Seq)
}

// AppendMeta appends the encoded meta to dst; ReadMeta reads it back.
func AppendMeta(dst []byte, meta Meta) []byte {
	dst = append(dst, meta.Tree[:]...)
	dst = binary.AppendUvarint(dst, meta.Epoch)
	dst = binary.AppendUvarint(dst, meta.Run)
	dst = appendVersion(dst, meta.Floor)
	dst = binary.AppendUvarint(dst, uint64(meta.Stamp))
	dst = binary.AppendUvarint(dst, uint64(len(meta.History)))
	for _, cut := range meta.History {
		dst = appendVersion(dst, cut)
		dst = binary.AppendUvarint(dst, meta.RunOf(cut.Epoch))
	}
	return dst
}

// ReadMeta reads what AppendMeta wrote off the front of b and returns the rest.
// The error wraps ErrRecord.
func ReadMeta(b []byte) (meta Meta, rest []byte, err error) {
	r := blockReader{rest: b}
	meta = r.meta()
	return meta, r.rest, r.recordError()
}

func (r *blockReader) version() version.Version {
	return version.Version{Epoch: r.uvarint(), Seq: r.uvarint()}
}

func (r *blockReader) meta() Meta {
	var meta Meta
	copy(meta.Tree[:], r.bytes(uint64(len(meta.Tree))))
	meta.Epoch = r.uvarint()
	meta.Run = r.uvarint()
	meta.Floor = r.version()
	meta.Stamp = version.Stamp(r.uvarint())
	cuts := r.uvarint()
	if cuts > version.MaxCuts {
		r.fail("a history is too long")
	}
	for range cuts {
		if r.failed != "" {
			break
		}
		meta.History = append(meta.History, r.version())
		meta.Runs = append(meta.Runs, r.uvarint())
	}
	if !slices.ContainsFunc(meta.Runs, func(run uint64) bool { return run != 0 }) {
		meta.Runs = nil
	}
	if r.failed == "" && !meta.History.Valid(meta.Epoch) {
		r.fail("the cuts of a history do not grow")
	}
	return meta
}

func (r *blockReader) recordError() error {
	if r.failed == "" {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrRecord, r.failed)
}
