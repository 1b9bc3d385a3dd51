package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// reading is a key or a page that somebody reads at this node.
type reading interface {
	// question is what to ask an ancestor.
	question() wire.Question
	// look reads memory, and returns the version before which nothing is missing.
	look() version.Version
	// complete reports whether an ancestor could add nothing to what look found
	// but freshness.
	complete() bool
	// take has an ancestor's answer in place of what look found.
	take(*wire.Lookup)
}

// seek has r find what meets the demand: in memory, or else at an ancestor. Where
// asking does not help, a patient demand waits for a push that brings it, and asks
// again from time to time. The lag is that of what r found; every error is a problem.
func (n *Node) seek(r reading, d *demand) (lag, error) {
	ctx, cancel := context.WithDeadline(n.working, d.until)
	defer cancel()
	for {
		asOf, held := r.look(), n.lag()
		if err := n.abandoned(d); err != nil {
			return held, err
		}
		fresh := d.metBy(asOf, held)
		if fresh && (r.complete() || n.isRoot && n.store.Meta().Epoch > 0) {
			return held, nil
		}
		var cutOff error
		if !n.isRoot {
			got, anew, err := n.seekAbove(ctx, r, d)
			var p *problem
			switch {
			case errors.As(err, &p):
				return held, err
			case err == nil && d.metBy(got.asOf, got.lag):
				return got.lag, nil
			case err == nil && anew:
				continue
			}
			cutOff = err
		}
		switch {
		case n.store.Meta().Epoch == 0 && (!d.patient() || n.isRoot):
			return held, n.noState(cutOff)
		case fresh && d.client: // and nobody to ask: absent as of this node's version
			return held, nil
		case !d.client && cutOff != nil && !errors.Is(cutOff, errNotYet): // the child's other ancestors may do better
			return held, unavailable("root-unreachable", "this node does not know enough, and cannot reach the root: "+cutOff.Error())
		case !d.client || !n.await(ctx, r, d):
			return held, n.outOfTime(r, d)
		}
	}
}

// above is what an ancestor's answer made of a reading.
type above struct {
	asOf version.Version
	lag  lag
}

// seekAbove asks the ancestors. It reports as well whether the question had been on
// its way already when the demand came: what is asked anew may find more.
func (n *Node) seekAbove(ctx context.Context, r reading, d *demand) (got above, anew bool, err error) {
	q := r.question()
	meta := n.store.Meta()
	q.Terms, q.Tree, q.Epoch = d.Terms, meta.Tree, max(d.epoch, meta.Epoch)
	f, err := n.share(ctx, q)
	if err != nil {
		return got, false, err
	}
	// The age that counts is that when the demand came, as if it had come to whoever
	// answered: so an answer that the root gave after that has no lag.
	got.lag = lag{f.found.Lag + max(0, d.came.Sub(f.sent).Milliseconds()), f.found.LagKnown}
	if got.asOf = r.look(); got.asOf.Before(f.found.AsOf) {
		r.take(f.found)
		got.asOf = f.found.AsOf
	} else {
		got.lag = got.lag.lesser(n.lag())
	}
	return got, f.sent.Before(d.came), nil
}

// await waits until memory meets the demand or tells that it never will, or it is
// time to ask again; false when the demand's time is up, or the node stops.
func (n *Node) await(ctx context.Context, r reading, d *demand) bool {
	again := time.NewTimer(n.opts.Config.Liveness.Timeout / pingsPerTimeout)
	defer again.Stop()
	for {
		changed := n.news.wait()
		if d.metBy(r.look(), n.lag()) || n.abandoned(d) != nil {
			return true
		}
		select {
		case <-changed:
		case <-again.C:
			return true
		case <-ctx.Done():
			return false
		case <-n.stopping:
			return false
		}
	}
}

// outOfTime says why a demand was not met.
func (n *Node) outOfTime(r reading, d *demand) error {
	if n.store.Meta().Epoch == 0 {
		return n.noState(nil)
	}
	return n.notFresh(d, r.look(), n.lag())
}

// noState says that this node has nothing to answer with, not even that a key is
// absent. cause may be nil.
func (n *Node) noState(cause error) error {
	detail := "this node holds no state yet"
	switch {
	case n.isRoot:
		detail = "the root holds no state yet: it is finding out what its members have"
	case cause != nil:
		detail += ", and its ancestors do not answer: " + cause.Error()
	}
	return unavailable("no-state", detail+"; try again, or ask another node")
}

// maxLookups bounds how many lookups a node has under way at its ancestors: far
// fewer than the proofs that an ancestor lets overtake each other.
const maxLookups = 256

// errNotYet says that an ancestor answers, and has not what was asked for yet either.
var errNotYet = errors.New("no ancestor is as fresh yet")

// lookUp asks the ancestors, and learns what they know of a key. The error is a
// problem if that is to be the client's answer.
func (n *Node) lookUp(q wire.Question) (*wire.Lookup, error) {
	timeout := n.opts.Config.Writes.Timeout
	ctx, cancel := context.WithTimeout(n.working, timeout)
	defer cancel()
	select {
	case n.asking <- struct{}{}:
		defer func() { <-n.asking }()
	case <-ctx.Done():
		return nil, fmt.Errorf("too many lookups are under way: %w", ctx.Err())
	}
	if q.Limit == 0 && q.Terms == (wire.Terms{}) {
		// Who asked before may have been answered after the caller had looked.
		if answer := n.store.GetOrdered(q.Key); answer.Known {
			return lookupOf(answer, n.lag()), nil
		}
	}
	n.uplinked.lookups.Add(1)
	q.TimeLeft = shareOf(timeout).Milliseconds()
	answer, ancestor, err := n.ask(ctx, pathLookup, wire.AppendQuestion(nil, &q))
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
	abandoned := found.AsOf.Epoch <= meta.Epoch && !meta.OnHistory(found.AsOf)
	if !found.Answers(&q) || !meta.Tree.IsZero() && (found.Tree != meta.Tree || abandoned) {
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

// shareOf is the part of the time that is left in which an ancestor is to answer:
// less than the half that ask gives it, so that one whose own ancestor hangs can
// still say so. In little time no more can be saved.
func shareOf(left time.Duration) time.Duration {
	const little = 100 * time.Millisecond
	return min(max(left*2/5, min(left, little)), wire.MaxTimeLeft*time.Millisecond)
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

// postLookup answers a child's question.
func (n *Node) postLookup(c *fiber.Ctx, req provedRequest) error {
	came := time.Now()
	q, err := wire.DecodeQuestion(req.body)
	if err != nil {
		return err
	}
	if err := n.checkTree(q.Tree); err != nil {
		return err
	}
	d := demand{Terms: q.Terms, came: came, until: came.Add(time.Duration(q.TimeLeft) * time.Millisecond), epoch: q.Epoch}
	var reply *wire.Lookup
	if q.Limit == 0 {
		r := keyReading{store: n.store, ordered: true, key: q.Key}
		l, err := n.seek(&r, &d)
		if err != nil {
			return err
		}
		reply = lookupOf(r.answer, l)
	} else {
		r := pageReading{store: n.store, ordered: true, prefix: q.Key, after: q.After, limit: q.Limit}
		l, err := n.seek(&r, &d)
		if err != nil {
			return err
		}
		reply = r.lookup(l)
	}
	meta := n.store.Meta()
	reply.Tree, reply.Epoch = meta.Tree, meta.Epoch
	return writeBytes(c, wire.AppendLookup(nil, reply))
}
