package node

import (
	"context"
	"errors"
	"time"

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
	// reply tells a child what was found, and how old that is.
	reply(lag) *wire.Lookup
}

// seek has r find what meets the demand: in memory, or else at an ancestor. Where
// asking does not help, a patient demand waits for a push that brings it, and asks
// again from time to time. The lag is that of what r found; every error is a problem.
func (n *Node) seek(r reading, d *demand) (lag, error) {
	ctx, cancel := context.WithDeadline(n.working, d.until)
	defer cancel()
	for {
		asOf, held, inCharge := r.look(), n.lag(), n.inCharge()
		if err := n.abandoned(d); err != nil {
			return held, err
		}
		fresh := n.meets(d, asOf, held)
		if fresh && (r.complete() || inCharge && n.store.Meta().Epoch > 0) {
			return held, nil
		}
		var cutOff error
		if !inCharge {
			got, anew, err := n.seekAbove(ctx, r, d)
			var p *problem
			switch {
			case errors.As(err, &p):
				return held, err
			case err == nil && d.metBy(got.asOf, got.lag):
				return got.lag, n.abandoned(d) // by what was pushed meanwhile
			case err == nil && anew:
				continue
			}
			cutOff = err
		}
		switch {
		case n.store.Meta().Epoch == 0 && (!d.patient() || inCharge):
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
	applied, meta := n.store.Applied(), n.store.Meta()
	q.Terms, q.Tree, q.Epoch = d.Terms, meta.Tree, max(d.epoch, meta.Epoch)
	if !d.Min.IsZero() {
		q.Epoch = max(q.Epoch, r.look().Epoch) // of a write that was ordered in an epoch of which no push has told
	}
	meetsMin := !applied.Before(d.Min) && q.Epoch == meta.Epoch && meta.OnHistory(d.Min)
	if meetsMin {
		// This node meets it whatever the answer: sessions that differ in what they have
		// seen long ago ask the same.
		q.Min = version.Version{}
	}
	f, err := n.share(ctx, q)
	if err == nil && meetsMin && max(f.found.Epoch, f.found.AsOf.Epoch) > meta.Epoch {
		q.Min = d.Min // whether it leads to what a later epoch has is for those to say who know that
		f, err = n.share(ctx, q)
	}
	if err != nil {
		return got, false, err
	}
	// The age that counts is that when the demand came, as if it had come to whoever
	// answered: so an answer that the root gave after that has no lag.
	got.lag = lag{f.found.Lag + max(0, d.came.Sub(f.sent).Milliseconds()), f.found.LagKnown}
	switch got.asOf = r.look(); {
	case got.asOf.Before(f.found.AsOf):
		r.take(f.found)
		got.asOf = f.found.AsOf
	case !n.canTell(d.Min, got.asOf): // and the ancestor knows less of it than this node
		return got, false, errNotYet
	default:
		got.lag = got.lag.lesser(n.lag())
	}
	return got, f.sent.Before(d.came), nil
}

// asksPerTimeout is how often the ancestors are asked again within the liveness time-out
// for what none of them had.
const asksPerTimeout = 3

// await waits until memory meets the demand or tells that it never will, or it is
// time to ask again; false when the demand's time is up, or the node stops.
func (n *Node) await(ctx context.Context, r reading, d *demand) bool {
	again := time.NewTimer(n.opts.Config.Liveness.Timeout / asksPerTimeout)
	defer again.Stop()
	for {
		changed := n.news.wait()
		if n.meets(d, r.look(), n.lag()) || n.abandoned(d) != nil {
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
	case n.isRoot():
		detail = "the root holds no state yet: it is finding out what its members have"
	case cause != nil:
		detail += ", and its ancestors do not answer: " + cause.Error()
	}
	return unavailable("no-state", detail+"; try again, or ask another node")
}
