package store

import (
	"slices"
	"strings"
)

// Over lays what this node knows over an ancestor's page: writes that passed here
// and are later than the page, and, where asked for, its own queued ones. Entries,
// Next and Applied of the page are the ancestor's; prefix, after and limit are what
// it was asked for. What is known here may hide all that the ancestor shows: then the
// page is empty, and Next says where to go on.
func (s *Store) Over(page Page, prefix, after string, limit int, queuedToo bool) Page {
	noted := s.overlay.list(prefix, after, s.base.Load().table)
	if queuedToo {
		if queued := s.overlay.pending.list(prefix, after); len(queued) > 0 {
			noted = s.withQueued(noted, slices.DeleteFunc(queued, page.beats))
		}
	}
	if page.Next != "" {
		noted = slices.DeleteFunc(noted, func(n *note) bool { return n.entry.Key > page.Next })
	}
	page.Entries = merge(page.Entries, noted, page.Applied)
	page.finish(limit)
	return page
}

// beats reports whether the page has a later write of a queued one's key.
func (p *Page) beats(queued *Entry) bool {
	i, found := slices.BinarySearchFunc(p.Entries, queued.Key, func(e *Entry, key string) int { return strings.Compare(e.Key, key) })
	return found && p.Entries[i].Beats(queued)
}
