package node

import (
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// keyReading reads one key.
type keyReading struct {
	store   *store.Store
	ordered bool // without this node's own queued writes
	key     string
	answer  store.Answer
}

func (r *keyReading) question() wire.Question { return wire.Question{Key: r.key} }

func (r *keyReading) look() version.Version {
	if r.ordered {
		r.answer = r.store.GetOrdered(r.key)
	} else {
		r.answer = r.store.Get(r.key)
	}
	return r.answer.AsOf
}

func (r *keyReading) complete() bool { return r.answer.Known }

func (r *keyReading) take(found *wire.Lookup) {
	var above *store.Entry
	if len(found.Entries) > 0 {
		above = found.Entries[0]
	}
	if r.ordered {
		r.answer = store.AnswerOf(above, found.AsOf)
		return
	}
	r.answer = r.store.GetOver(r.answer, r.key, above, found.AsOf)
}

func (r *keyReading) reply(l lag) *wire.Lookup {
	reply := &wire.Lookup{AsOf: r.answer.AsOf, Lag: l.millis, LagKnown: l.known}
	if r.answer.Entry != nil {
		reply.Entries = []*store.Entry{r.answer.Entry}
	}
	return reply
}

// pageReading reads a page of a listing.
type pageReading struct {
	store         *store.Store
	ordered       bool // without this node's own queued writes
	prefix, after string
	limit         int
	page          store.Page
}

func (r *pageReading) question() wire.Question {
	return wire.Question{Key: r.prefix, After: r.after, Limit: r.limit}
}

func (r *pageReading) look() version.Version {
	if r.ordered {
		r.page = r.store.ListOrdered(r.prefix, r.after, r.limit)
	} else {
		r.page = r.store.List(r.prefix, r.after, r.limit)
	}
	return r.page.Applied
}

// complete: an ancestor's page is of one state, where this node has only parts of a
// later one.
func (r *pageReading) complete() bool { return r.store.Meta().Epoch > 0 && !r.page.Mixed }

// take has the ancestor's page whole, for it is of one state, and over it only what
// the ancestor cannot know.
func (r *pageReading) take(found *wire.Lookup) {
	above := store.Page{Entries: found.Entries, Next: found.Next, Applied: found.AsOf}
	r.page = r.store.Over(above, r.prefix, r.after, r.limit, !r.ordered)
}

// maxPageBytes bounds the keys and values of a page that is sent to a child. A
// longer one ends sooner, and says that more follows.
const maxPageBytes = 16 << 20

func (r *pageReading) reply(l lag) *wire.Lookup {
	reply := &wire.Lookup{AsOf: r.page.Applied, Lag: l.millis, LagKnown: l.known, Entries: r.page.Entries, Next: r.page.Next}
	bytes := 0
	for i, e := range reply.Entries {
		if bytes += len(e.Key) + len(e.Value); bytes > maxPageBytes && i > 0 {
			reply.Entries, reply.Next = reply.Entries[:i], reply.Entries[i-1].Key
			break
		}
	}
	return reply
}
