package store

import (
	"slices"
	"strings"

	"xylem/sync/version"
)

// Over lays what this node knows over an ancestor's page: writes that passed here
// and are later than the page, and, where asked for, its own queued ones. Entries,
// More and Applied of the page are the ancestor's; prefix, after and limit are what
// it was asked for.
func (s *Store) Over(page Page, prefix, after string, limit int, queuedToo bool) Page {
	noted := s.overlay.list(prefix, after, s.base.Load().table)
	if queuedToo {
		if queued := s.overlay.pending.list(prefix, after); len(queued) > 0 {
			noted = s.withQueued(noted, slices.DeleteFunc(queued, page.beats))
		}
	}
	if page.More {
		last := page.Entries[len(page.Entries)-1].Key
		noted = slices.DeleteFunc(noted, func(n *note) bool { return n.entry.Key > last })
	}
	page.Entries = merge(page.Entries, noted, page.Applied)
	if len(page.Entries) > limit {
		page.Entries, page.More = page.Entries[:limit], true
	}
	page.AsOf = page.Applied
	for _, e := range page.Entries {
		page.AsOf = version.Max(page.AsOf, e.Version)
	}
	return page
}

// beats reports whether the page has a later write of a queued one's key.
func (p *Page) beats(queued *Entry) bool {
	i, found := slices.BinarySearchFunc(p.Entries, queued.Key, func(e *Entry, key string) int { return strings.Compare(e.Key, key) })
	return found && p.Entries[i].Beats(queued)
}
