package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"xylem/sync/version"
)

// AppendQueued appends a record of writes that a node takes into its queue, or of
// provisional ones that get their final stamps.
func AppendQueued(dst []byte, writes []*Entry) []byte {
	return appendWrites(append(dst, recordQueued), writes)
}

// AppendProvisional appends a record of writes with provisional stamps.
func AppendProvisional(dst []byte, writes []*Entry) []byte {
	return appendWrites(append(dst, recordProvisional), writes)
}

func appendWrites(dst []byte, writes []*Entry) []byte {
	var enc BlockEncoder
	for _, e := range writes {
		dst = enc.Append(dst, e)
	}
	return dst
}

// AppendSettled appends a record of writes that leave the queue.
func AppendSettled(dst []byte, settled []Settled) []byte {
	dst = append(dst, recordSettled)
	for _, s := range settled {
		dst = binary.AppendUvarint(dst, uint64(s.Write.Node))
		dst = binary.AppendUvarint(dst, s.Write.Counter)
		superseded := uint64(0)
		if s.Superseded {
			superseded = 1
		}
		dst = binary.AppendUvarint(dst, superseded)
		dst = appendVersion(dst, s.Version)
		dst = binary.AppendUvarint(dst, uint64(s.Stamp))
	}
	return dst
}

// AppendRootTime appends a record of the root's time less the wall clock.
func AppendRootTime(dst []byte, millis int64) []byte {
	return binary.AppendVarint(append(dst, recordRootTime), millis)
}

// AppendPromise appends a record of an epoch that the node promises to a candidate.
func AppendPromise(dst []byte, epoch uint64) []byte {
	return binary.AppendUvarint(append(dst, recordPromise), epoch)
}

// write writes the records of a checkpoint that bring l back.
func (l *Local) write(write func(record []byte) error) error {
	if l.RootTime != 0 {
		if err := write(AppendRootTime(nil, l.RootTime)); err != nil {
			return err
		}
	}
	if l.Promised != 0 {
		if err := write(AppendPromise(nil, l.Promised)); err != nil {
			return err
		}
	}
	// Those that leave go into the queue and out of it again.
	var entries []*Entry
	var fates []Settled
	leaving := make(map[version.WriteID]bool, len(l.Leaving))
	for _, gone := range l.Leaving {
		entries, fates = append(entries, gone.Entry), append(fates, gone.Settled)
		leaving[gone.Write] = true
	}
	settled := slices.DeleteFunc(slices.Clone(l.Settled), func(s Settled) bool { return leaving[s.Write] })
	final := len(l.Queue) - l.Provisional
	for _, part := range []func() error{
		func() error { return writeSettled(settled, write) },
		func() error { return writeInParts(entries, AppendQueued, write) },
		func() error { return writeSettled(fates, write) },
		func() error { return writeInParts(l.Queue[:final], AppendQueued, write) },
		func() error { return writeInParts(l.Queue[final:], AppendProvisional, write) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func writeSettled(settled []Settled, write func(record []byte) error) error {
	const atOnce = 1024 // in a record
	for some := range slices.Chunk(settled, atOnce) {
		if err := write(AppendSettled(nil, some)); err != nil {
			return err
		}
	}
	return nil
}

// writeInParts writes records of writes, each of about checkpointBlockBytes.
func writeInParts(writes []*Entry, encode func([]byte, []*Entry) []byte, write func(record []byte) error) error {
	for first, bytes, i := 0, 0, 0; i < len(writes); i++ {
		bytes += writes[i].Bytes()
		if bytes < checkpointBlockBytes && i+1 < len(writes) {
			continue
		}
		if err := write(encode(nil, writes[first:i+1])); err != nil {
			return err
		}
		first, bytes = i+1, 0
	}
	return nil
}

// local takes a record of what the node alone knows.
func (rec *Recovery) local(kind byte, r *blockReader) error {
	switch kind {
	case recordQueued, recordProvisional:
		writes, err := DecodeBlock(nil, r.rest)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRecord, err)
		}
		rec.queued(kind, writes)
	case recordSettled:
		var settled []Settled
		for len(r.rest) > 0 && r.failed == "" {
			s := Settled{Write: version.WriteID{Node: uint32(r.uvarint()), Counter: r.uvarint()}}
			s.Superseded = r.uvarint() == 1
			s.Version = r.version()
			s.Stamp = version.Stamp(r.uvarint())
			settled = append(settled, s)
		}
		if r.failed != "" {
			break
		}
		for _, gone := range rec.Local.Settle(settled) {
			rec.Store.Pend(gone.Entry)
			gone.Show(rec.Store)
		}
	case recordRootTime:
		rec.Local.RootTime = r.varint()
	case recordPromise:
		rec.Local.Promised = max(rec.Local.Promised, r.uvarint())
	}
	return r.recordError()
}

// ReadQueued returns the writes of a record of queued ones, and whether their stamps
// are final; nil for another record. The error wraps ErrRecord.
func ReadQueued(record []byte) (writes []*Entry, final bool, err error) {
	if record[0] != recordQueued && record[0] != recordProvisional {
		return nil, false, nil
	}
	if writes, err = DecodeBlock(nil, record[1:]); err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return writes, record[0] == recordQueued, nil
}

// queued takes a record of queued writes. While there are provisional ones it can
// only be of their final stamps: nothing else is written before those.
func (rec *Recovery) queued(kind byte, writes []*Entry) {
	l := &rec.Local
	switch {
	case kind == recordQueued && l.Provisional > 0:
		l.Finalize(writes)
	case kind == recordProvisional:
		l.Provisional += len(writes)
		fallthrough
	default:
		l.Queue = append(l.Queue, writes...)
	}
}
