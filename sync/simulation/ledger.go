package simulation

import (
	"xylem/store"
	"xylem/sync/version"
)

// ledger is every write that the root ever ordered, in order: not only the latest
// of each key, as stores hold. It is read off the records that the root hands to
// its disk, so that also what was durable and never shown is known when the root
// comes back with it.
//
// Invariant: entries[i] has seq i+1.
type ledger struct {
	entries []*store.Entry
	byKey   map[string][]*store.Entry
	byID    map[version.WriteID]*store.Entry
	written map[version.Version]*store.Entry // on their way to the disk, or there
}

func newLedger() ledger {
	return ledger{
		byKey:   make(map[string][]*store.Entry),
		byID:    make(map[version.WriteID]*store.Entry),
		written: make(map[version.Version]*store.Entry),
	}
}

// end is the version up to which the ledger goes.
func (l *ledger) end() version.Version {
	if len(l.entries) == 0 {
		return version.Version{}
	}
	return l.entries[len(l.entries)-1].Version
}

// at is the entry of version v, or nil.
func (l *ledger) at(v version.Version) *store.Entry {
	if v.Seq == 0 || v.Seq > uint64(len(l.entries)) || l.entries[v.Seq-1].Version != v {
		return nil
	}
	return l.entries[v.Seq-1]
}

// state is the entry or tombstone that key had as of v, or nil.
func (l *ledger) state(key string, v version.Version) *store.Entry {
	of := l.byKey[key]
	for i := len(of) - 1; i >= 0; i-- {
		if !v.Before(of[i].Version) {
			return of[i]
		}
	}
	return nil
}

// last is the latest entry or tombstone of key, or nil.
func (l *ledger) last(key string) *store.Entry {
	if of := l.byKey[key]; len(of) > 0 {
		return of[len(of)-1]
	}
	return nil
}

// write keeps the writes of a record that goes to the root's disk, if it has any.
func (l *ledger) write(record []byte) error {
	entries, err := store.ReadDelta(record)
	for _, e := range entries {
		l.written[e.Version] = e
	}
	return err
}

// cut drops the entries after v, and returns them.
func (l *ledger) cut(v version.Version) (lost []*store.Entry) {
	for len(l.entries) > int(v.Seq) {
		e := l.entries[len(l.entries)-1]
		l.entries = l.entries[:len(l.entries)-1]
		l.byKey[e.Key] = l.byKey[e.Key][:len(l.byKey[e.Key])-1]
		if l.byID[e.Write] == e {
			delete(l.byID, e.Write)
		}
		lost = append(lost, e)
	}
	return lost
}

// append adds an entry at the end.
func (l *ledger) append(e *store.Entry) {
	l.entries = append(l.entries, e)
	l.byKey[e.Key] = append(l.byKey[e.Key], e)
	l.byID[e.Write] = e
}
