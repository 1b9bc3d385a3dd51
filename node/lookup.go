package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// maxLookups bounds how many lookups a node has under way at its ancestors: far
// fewer than the proofs that an ancestor lets overtake each other.
const maxLookups = 256

// errNotYet says that an ancestor answers, and has not what was asked for yet either.
var errNotYet = errors.New("no ancestor is as fresh yet")

// lookUp asks the ancestors, and learns what they know of a key. All who share the
// question share writes.timeout, whatever time each has. The error is a problem if
// that is to be the client's answer.
func (n *Node) lookUp(q wire.Question) (*wire.Lookup, error) {
	ctx, cancel := context.WithTimeout(n.working, n.opts.Config.Writes.Timeout)
	defer cancel()
	select {
	case n.asking <- struct{}{}:
		defer func() { <-n.asking }()
	case <-ctx.Done():
		return nil, fmt.Errorf("too many lookups are under way: %w", ctx.Err())
	}
	if q.Limit == 0 && !q.LagBounded {
		// Who asked before may have been answered after the caller had looked.
		r := keyReading{store: n.store, ordered: true, key: q.Key}
		if asOf := r.look(); r.complete() && !asOf.Before(q.Min) && n.canTell(q.Min, asOf) {
			return r.reply(n.lag()), nil
		}
	}
	n.uplinked.lookups.Add(1)
	answer, ancestor, err := n.ask(ctx, pathLookup, func(left time.Duration) []byte {
		q.TimeLeft = shareOf(left).Milliseconds()
		return wire.AppendQuestion(nil, &q)
	})
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK {
		return nil, refusal(answer, ancestor.Name())
	}
	found, err := wire.DecodeLookup(answer.body)
	if err != nil {
		return nil, err
	}
	// An answer of another tree, or as of an abandoned version, teaches nothing.
	meta := n.store.Meta()
	if !found.Answers(&q) || !meta.Tree.IsZero() && (found.Tree != meta.Tree || meta.Abandoned(found.AsOf)) {
		return nil, fmt.Errorf("%s answered as of %v of tree %v, which is of no use here", ancestor.Name(), found.AsOf, found.Tree)
	}
	if q.Limit == 0 {
		var entry *store.Entry
		if len(found.Entries) > 0 {
			entry = found.Entries[0]
			found.AsOf = version.Max(found.AsOf, entry.Version)
		}
		n.store.LearnAnswer(q.Key, entry, found.AsOf)
	}
	return &found, nil
}

// shareOf is in how much of the time that a request has left whoever gets it is to
// answer: all but a fifth, so that one whose own ancestor hangs can still say so.
func shareOf(left time.Duration) time.Duration {
	return min(max(left*4/5, 0), wire.MaxTimeLeft*time.Millisecond)
}

// refusal is what an ancestor's answer other than 200 means. That a version was
// abandoned is passed on as it came.
func refusal(answer peerAnswer, name string) error {
	var said struct{ Type, Detail string }
	_ = json.Unmarshal(answer.body, &said) // what is no problem document has no type
	slug, _ := strings.CutPrefix(said.Type, problemType)
	switch {
	case answer.status == http.StatusConflict && slug == "version-abandoned":
		return &problem{status: answer.status, slug: slug, detail: said.Detail}
	case answer.status == http.StatusGatewayTimeout:
		return errNotYet
	}
	return fmt.Errorf("%s answered %d: %s", name, answer.status, excerpt(answer.body))
}
