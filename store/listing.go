package store

import (
	"maps"
	"math"
	"slices"
	"strings"

	"xylem/sync/version"
)

// MaxPage is the most entries that one page of a listing holds.
const MaxPage = 1000

// Page is one page of a listing: one state, in byte order of keys.
type Page struct {
	Entries []*Entry
	Next    string          // the last key that it covers, shown or hidden, if there may be more after that; else empty
	Applied version.Version // nothing before it is missing from the page
	AsOf    version.Version // the latest version that the page shows: Applied, or an entry's
	Mixed   bool            // it shows what passed here after Applied, and may lack what did not: no one state
}

// List returns the live entries whose keys begin with prefix and come after the
// key after, at most limit of them (1 to MaxPage), from base and overlay. This
// node's queued writes are among them, with a zero Version.
func (s *Store) List(prefix, after string, limit int) Page {
	return s.list(prefix, after, limit, true)
}

// ListOrdered is List without this node's queued writes.
func (s *Store) ListOrdered(prefix, after string, limit int) Page {
	return s.list(prefix, after, limit, false)
}

func (s *Store) list(prefix, after string, limit int, queuedToo bool) Page {
	s.ordering.Lock()
	defer s.ordering.Unlock()
	s.catchUp()
	var queued []*Entry
	if queuedToo {
		queued = s.overlay.pending.list(prefix, after)
	}
	noted := s.overlay.list(prefix, after, s.base.Load().table)
	passed := noted
	if len(queued) > 0 {
		noted = s.withQueued(slices.Clone(noted), queued)
	}
	// One more than fits tells whether more follow; as many more again as the
	// overlay may hide.
	based, applied := s.listBase(prefix, after, limit+1+len(noted))
	page := Page{Applied: applied}
	page.Mixed = slices.ContainsFunc(passed, func(n *note) bool { return applied.Before(n.asOf) })
	page.Entries = merge(based, noted, applied)
	page.finish(limit)
	return page
}

// catchUp has the order of keys take in what changed, from copies, until so little is left
// that writers can wait for it.
func (s *Store) catchUp() {
	const few, rounds = 256, 8
	for range rounds {
		s.mu.Lock()
		cut := s.unordered()
		s.mu.Unlock()
		s.order = s.order.tidied()
		if cut.MaxEntries() <= few {
			return
		}
		s.order.follow(cut)
	}
}

// unordered is what the order of keys does not have yet. The caller holds both locks.
func (s *Store) unordered() *Cut {
	v := s.base.Load()
	if s.order == nil || s.order.table != v.table {
		s.order = newOrder(v.table)
	}
	return v.table.cut(s.order.at, v.applied, s.meta)
}

// listBase lists the base, and says as of which version.
func (s *Store) listBase(prefix, after string, limit int) ([]*Entry, version.Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cut := s.unordered()
	s.order.follow(cut)
	return s.order.list(prefix, after, limit), cut.To
}

// finish cuts the page off behind limit entries, and says as of when it is.
func (p *Page) finish(limit int) {
	if len(p.Entries) > limit {
		p.Entries, p.Next = p.Entries[:limit], p.Entries[limit-1].Key
	}
	p.AsOf = p.Applied
	for _, e := range p.Entries {
		p.AsOf = version.Max(p.AsOf, e.Version)
	}
}

// withQueued puts queued writes in place of what is noted of their keys, where
// they win. They are later than every version.
func (s *Store) withQueued(noted []*note, queued []*Entry) []*note {
	last := version.Version{Epoch: math.MaxUint64, Seq: math.MaxUint64}
	winning := make(map[string]*note, len(queued))
	for _, e := range queued {
		if _, known := s.get(e.Key, new(Entry)); known == nil || !known.Beats(e) {
			winning[e.Key] = &note{entry: e, asOf: last}
		}
	}
	noted = slices.DeleteFunc(noted, func(n *note) bool { return winning[n.entry.Key] != nil })
	noted = slices.AppendSeq(noted, maps.Values(winning))
	slices.SortFunc(noted, byKey)
	return noted
}

func byKey(a, b *note) int { return strings.Compare(a.entry.Key, b.entry.Key) }

// list returns what is known beyond the base of the keys in question, in order;
// a tombstone for a known absence of a key that the table has.
func (o *overlay) list(prefix, after string, t *table) []*note {
	if o.count.Load() == 0 {
		return nil
	}
	var found []*note
	o.writing.Lock() // of two writes one after the other none shows the second alone
	defer o.writing.Unlock()
	for key, n := range o.notes.get().All() {
		if key <= after || !strings.HasPrefix(key, prefix) {
			continue
		}
		if n.entry == nil {
			if t.get(key, new(Entry)) == nil {
				continue // nothing there that the absence would hide
			}
			n = &note{entry: &Entry{Key: key}, asOf: n.asOf}
		}
		found = append(found, n)
	}
	slices.SortFunc(found, byKey)
	return found
}

// merge overlays the notes that are later than the base at applied.
func merge(based []*Entry, noted []*note, applied version.Version) []*Entry {
	if len(noted) == 0 {
		return based
	}
	merged := make([]*Entry, 0, len(based)+len(noted))
	add := func(e *Entry) {
		if !e.Deleted() {
			merged = append(merged, e)
		}
	}
	for len(based) > 0 || len(noted) > 0 {
		switch {
		case len(noted) == 0 || (len(based) > 0 && based[0].Key < noted[0].entry.Key):
			add(based[0])
			based = based[1:]
			continue
		case !applied.Before(noted[0].asOf): // the base covers it
		case len(based) > 0 && based[0].Key == noted[0].entry.Key:
			if based[0].Version.Before(noted[0].asOf) {
				add(noted[0].entry)
			} else {
				add(based[0])
			}
			based = based[1:]
		default:
			add(noted[0].entry)
		}
		noted = noted[1:]
	}
	return merged
}
