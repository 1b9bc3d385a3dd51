package store

import (
	"fmt"

	"xylem/sync/version"
)

// Recovery rebuilds a store from its journal's records: the checkpoint's first,
// then the log's, each handed to Visit in order; Finish ends it.
type Recovery struct {
	Store     *Store
	Identity  Identity // zero in an empty directory
	Placement []int    // nil where none was written
	Local     Local    // what only this node knows

	state *recoveredState // the checkpoint being read, until the log begins
}

// recoveredState is what the head of a checkpoint promised.
type recoveredState struct {
	at      version.Version
	digest  Digest
	meta    Meta
	builder *Builder
}

// NewRecovery returns a recovery of an empty directory.
func NewRecovery() *Recovery { return &Recovery{Store: New()} }

// Visit takes the next record; it does not keep it. The error wraps ErrRecord.
func (rec *Recovery) Visit(record []byte) error {
	if len(record) == 0 {
		return fmt.Errorf("%w: it is empty", ErrRecord)
	}
	r := blockReader{rest: record[1:]}
	if record[0] == recordEntries {
		return rec.entries(r.rest)
	}
	if err := rec.finishState(); err != nil {
		return err
	}
	switch record[0] {
	case recordIdentity:
		rec.Identity = Identity{Node: uint32(r.uvarint()), Boot: r.uvarint()}
	case recordMeta:
		meta := r.meta()
		if r.failed == "" {
			rec.Store.SetMeta(meta)
		}
	case recordPlacement:
		rec.Placement = rec.Placement[:0]
		for len(r.rest) > 0 && r.failed == "" {
			rec.Placement = append(rec.Placement, int(r.uvarint()))
		}
	case recordDelta:
		return rec.delta(&r)
	case recordState:
		at := r.version()
		digest := r.bytes(16)
		meta := r.meta()
		if r.failed == "" {
			rec.state = &recoveredState{at: at, digest: DigestFrom(digest), meta: meta, builder: NewBuilder()}
		}
	case recordQueued, recordSettled, recordRootTime, recordProvisional, recordPromise:
		return rec.local(record[0], &r)
	default:
		return fmt.Errorf("%w: its kind is %d; a later version of this program may have written it", ErrRecord, record[0])
	}
	return r.recordError()
}

func (rec *Recovery) entries(block []byte) error {
	if rec.state == nil {
		return fmt.Errorf("%w: entries of a state without its head", ErrRecord)
	}
	if err := rec.state.builder.AddBlock(block); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return nil
}

func (rec *Recovery) delta(r *blockReader) error {
	from, to, meta, entries, err := r.delta()
	if err != nil {
		return err
	}
	if _, err := rec.Store.Apply(from, to, meta, entries); err != nil {
		return fmt.Errorf("%w: versions are missing before it: %w", ErrRecord, err)
	}
	return nil
}

// ReadDelta returns the entries of a record of a delta, nil for another record. The
// error wraps ErrRecord.
func ReadDelta(record []byte) ([]*Entry, error) {
	if record[0] != recordDelta {
		return nil, nil
	}
	r := blockReader{rest: record[1:]}
	_, _, _, entries, err := r.delta()
	return entries, err
}

func (r *blockReader) delta() (from, to version.Version, meta Meta, entries []*Entry, err error) {
	from, to, meta = r.version(), r.version(), r.meta()
	for len(r.rest) > 0 && r.failed == "" {
		if entries, err = DecodeBlock(entries, r.bytes(r.uvarint())); err != nil {
			return from, to, meta, nil, fmt.Errorf("%w: %w", ErrRecord, err)
		}
	}
	last := uint64(0)
	for _, e := range entries {
		if e.Version.Seq <= last || e.Version.Seq > to.Seq {
			r.fail(fmt.Sprintf("an entry at %v after seq %d in a delta to %v", e.Version, last, to))
		}
		last = e.Version.Seq
	}
	return from, to, meta, entries, r.recordError()
}

// finishState installs the checkpoint once all of it was read, and checks it
// against its digest.
func (rec *Recovery) finishState() error {
	s := rec.state
	if s == nil {
		return nil
	}
	rec.state = nil
	if s.builder.Digest() != s.digest {
		return fmt.Errorf("%w: the checkpoint at version %v does not add up to its digest", ErrRecord, s.at)
	}
	rec.Store.Install(s.builder, s.at, s.meta)
	return nil
}

// Finish ends the recovery: what was queued shows again. The error wraps ErrRecord.
func (rec *Recovery) Finish() error {
	if err := rec.finishState(); err != nil {
		return err
	}
	meta := rec.Store.Meta()
	rec.Local.Requeue(&meta)
	rec.Local.Covered(rec.Store.Applied(), &meta)
	for _, e := range rec.Local.Queue {
		rec.Store.Pend(e)
	}
	return nil
}

// checkpointBlockBytes is about how large the blocks of a checkpoint are.
const checkpointBlockBytes = 256 << 10

// WriteState writes everything a checkpoint holds, record by record: identity,
// placement, the whole state, and what only the node knows. cut was taken from a
// zero version. The slice handed to write is reused.
func WriteState(cut *Cut, local *Local, id Identity, placement []int, write func(record []byte) error) error {
	if err := WriteHead(cut, id, placement, write); err != nil {
		return err
	}
	var enc BlockEncoder
	buf := []byte{recordEntries}
	var e Entry
	for at := cut.Cursor(); at.Next(&e); {
		if buf = enc.Append(buf, &e); len(buf) < checkpointBlockBytes {
			continue
		}
		if err := write(buf); err != nil {
			return err
		}
		enc.Reset()
		buf = buf[:1]
	}
	if len(buf) > 1 {
		if err := write(buf); err != nil {
			return err
		}
	}
	return local.write(write)
}

// WriteHead writes what a checkpoint begins with: identity, placement, and of the state
// all but the entries. Records of its blocks follow, made by AppendEntries.
func WriteHead(cut *Cut, id Identity, placement []int, write func(record []byte) error) error {
	if err := writeNode(id, placement, write); err != nil {
		return err
	}
	return write(AppendState(nil, cut))
}

// WriteTail writes what WriteState does but the state, behind records of a state, made by AppendState and AppendEntries,
// which are there already.
func WriteTail(local *Local, id Identity, placement []int, write func(record []byte) error) error {
	if err := writeNode(id, placement, write); err != nil {
		return err
	}
	return local.write(write)
}

func writeNode(id Identity, placement []int, write func(record []byte) error) error {
	if err := write(AppendIdentity(nil, id)); err != nil {
		return err
	}
	if placement == nil {
		return nil
	}
	return write(AppendPlacement(nil, placement))
}
