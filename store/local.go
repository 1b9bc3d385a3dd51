package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"xylem/sync/version"
)

// MaxSettled bounds how many settled writes a node remembers; the oldest are
// forgotten first.
const MaxSettled = 1 << 14

// Local is what a node's disk keeps beside the root's state: what it alone knows.
type Local struct {
	// Queue is the writes that were taken here and are not known to be ordered, in
	// the order in which they were taken. Their Version is zero.
	Queue []*Entry
	// Provisional is how many at the end of Queue have stamps by the wall clock: they
	// were taken before the root was heard, and were never sent.
	Provisional int
	// Settled is what became of the last writes that left the queue, oldest first;
	// at most MaxSettled.
	Settled []Settled
	// Leaving is those of them that go on showing until the base holds what became of
	// them.
	Leaving []Leaving
	// RootTime is the root's time less this machine's wall clock, in milliseconds, as
	// last heard; zero before anything was.
	RootTime int64
}

// Settled is what became of a write that had waited in a queue.
type Settled struct {
	Write      version.WriteID
	Superseded bool            // a write of its key with a later stamp had won
	Version    version.Version // its own, or the winner's
}

// Leaving is a write that has left the queue, and how.
type Leaving struct {
	Entry *Entry // as it was queued
	Settled
}

// show makes readers see what became of the write.
func (gone *Leaving) show(s *Store) {
	if gone.Superseded {
		s.Unpend(gone.Entry, gone.Version)
		return
	}
	ordered := *gone.Entry
	ordered.Version = gone.Version
	s.Learn(&ordered)
	s.Unpend(gone.Entry, version.Version{})
}

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
	}
	return dst
}

// AppendRootTime appends a record of the root's time less the wall clock.
func AppendRootTime(dst []byte, millis int64) []byte {
	return binary.AppendVarint(append(dst, recordRootTime), millis)
}

// write writes the records of a checkpoint that bring l back.
func (l *Local) write(write func(record []byte) error) error {
	if l.RootTime != 0 {
		if err := write(AppendRootTime(nil, l.RootTime)); err != nil {
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
	if err := errors.Join(
		writeSettled(settled, write),
		writeInParts(entries, AppendQueued, write),
		writeSettled(fates, write)); err != nil {
		return err
	}
	final := len(l.Queue) - l.Provisional
	return errors.Join(
		writeInParts(l.Queue[:final], AppendQueued, write),
		writeInParts(l.Queue[final:], AppendProvisional, write))
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

// Settle takes writes out of the queue and remembers what became of them. It returns
// those that were in it.
func (l *Local) Settle(settled []Settled) []Leaving {
	fates := make(map[version.WriteID]Settled, len(settled))
	for _, s := range settled {
		fates[s.Write] = s
	}
	kept := len(l.Leaving)
	leaves := func(e *Entry) bool {
		s, found := fates[e.Write]
		if found {
			delete(fates, e.Write)
			l.Leaving = append(l.Leaving, Leaving{Entry: e, Settled: s})
		}
		return found
	}
	// What is settled stands at the front, but for a few: a queue of a hundred
	// thousand is not moved for every batch.
	front := 0
	for front < len(l.Queue) && len(fates) > 0 && leaves(l.Queue[front]) {
		front++
	}
	clear(l.Queue[:front])
	l.Queue = l.Queue[front:]
	if len(fates) > 0 {
		l.Queue = slices.DeleteFunc(slices.Clone(l.Queue), leaves)
	}
	l.Provisional = min(l.Provisional, len(l.Queue))
	l.Settled = append(l.Settled, settled...)
	if over := len(l.Settled) - MaxSettled; over > 0 {
		l.Settled = l.Settled[over:]
	}
	return l.Leaving[kept:]
}

// Covered forgets the entries of settled writes that the base at version applied
// shows by itself.
func (l *Local) Covered(applied version.Version) {
	l.Leaving = slices.DeleteFunc(l.Leaving, func(gone Leaving) bool { return !applied.Before(gone.Version) })
}

// Clone is a copy that stays as it is while l goes on, beside a state at version
// applied.
func (l *Local) Clone(applied version.Version) Local {
	clone := Local{
		Queue: slices.Clone(l.Queue), Provisional: l.Provisional,
		Settled: slices.Clone(l.Settled), Leaving: slices.Clone(l.Leaving), RootTime: l.RootTime,
	}
	clone.Covered(applied)
	return clone
}

// Finalize replaces provisional writes by what they are with their final stamps.
func (l *Local) Finalize(writes []*Entry) {
	final := make(map[version.WriteID]*Entry, len(writes))
	for _, e := range writes {
		final[e.Write] = e
	}
	tail := l.Queue[len(l.Queue)-l.Provisional:]
	for i, e := range tail {
		if e := final[e.Write]; e != nil {
			tail[i] = e
		}
	}
	l.Provisional = 0
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
			settled = append(settled, s)
		}
		if r.failed != "" {
			break
		}
		for _, gone := range rec.Local.Settle(settled) {
			rec.Store.Pend(gone.Entry)
			gone.show(rec.Store)
		}
	case recordRootTime:
		rec.Local.RootTime = r.varint()
	}
	return r.recordError()
}

// queued takes a record of queued writes. Those that are provisional get their final
// stamps all in one record, and nothing is sent before.
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
