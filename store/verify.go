package store

import "xylem/sync/version"

// Verify recomputes the digest from what readers are served, without holding up
// writes, and reports whether it is the digest kept. If not, the recomputed one
// takes its place, so that the next push finds the difference too.
func (s *Store) Verify() bool {
	s.mu.Lock()
	served := s.base.Load()
	cut := served.cut(version.Version{}, s.meta)
	s.mu.Unlock()
	actual := served.table.digestOf(cut)
	if actual == cut.Digest {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.base.Load().table; t == served.table {
		t.digest = t.digest.Add(actual.Sub(cut.Digest))
	}
	return false
}

// digestOf recomputes the digest of the cut, which is of this table, from what
// readers are served now.
func (t *table) digestOf(cut *Cut) (actual Digest) {
	var hash hasher
	for r := range cut.current() {
		current := t.get(r.Key)
		switch {
		case r.Deleted():
			// It adds nothing.
		case current != nil && current.Version == r.Version:
			actual = actual.Add(hash.sum(current))
		case r.supersededBy.Load() != 0, current != nil && current.Version.Seq > r.Version.Seq:
			// Overwritten since the cut, and perhaps deleted and purged.
			actual = actual.Add(hash.sum(&r.Entry))
		}
	}
	return actual
}
