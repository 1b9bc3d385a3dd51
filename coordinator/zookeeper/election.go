package zookeeper

import (
	"slices"
	"time"

	"xylem/coordinator"
)

const (
	// ballotShare is what part of the session time-out the nodes have to write
	// their bids, and the time between the turns of two nodes.
	ballotShare = 8
	minBallot   = 50 * time.Millisecond
	minTurn     = 100 * time.Millisecond
	// firstPoll and maxPoll bound the time between two looks for bids.
	firstPoll = 5 * time.Millisecond
	maxPoll   = 50 * time.Millisecond
)

// ballot is an election under way, as this node sees it:
//
//	NS/root gone --bid written--> collecting --all bids there, or time up--> ranked --own turn--> candidate
//	any --somebody joins or goes--> begin again      any --NS/root there--> over
type ballot struct {
	round  uint64 // the epoch that it is about
	ids    []int  // whose bids are waited for
	bids   map[int]memberNode
	until  time.Time // of waiting for bids
	poll   time.Duration
	ranked bool
	turn   time.Time // when to try; zero when this node is not to
	again  time.Time // when to begin again
}

// elect takes part in the election while there is one.
func (r *run) elect() error {
	if r.root.there || r.role != nil || !r.enrolled {
		return nil
	}
	if r.ballot == nil {
		if err := r.beginBallot(); err != nil {
			return err
		}
	}
	b := r.ballot
	if !b.ranked {
		if done, err := r.collect(); err != nil || !done {
			return err
		}
		if err := r.rankBids(); err != nil {
			return err
		}
	}
	now := time.Now()
	switch {
	case !b.turn.IsZero() && !now.Before(b.turn):
		return r.stand()
	case !now.Before(b.again):
		r.ballot = nil
		return errAgain
	}
	if !b.turn.IsZero() {
		r.by(b.turn)
	}
	r.by(b.again)
	return nil
}

// beginBallot writes this node's bid, and begins to wait for those of the others.
func (r *run) beginBallot() error {
	epoch, _, err := r.readEpoch()
	if err != nil {
		return err
	}
	b := &ballot{round: epoch + 1, bids: map[int]memberNode{}, poll: firstPoll}
	if err := r.post(b.round); err != nil {
		return err
	}
	b.until = time.Now().Add(max(r.timeout()/ballotShare, minBallot))
	if b.ids, err = r.crowd(r.ctx, !r.crowded); err != nil {
		return err
	}
	r.crowded, r.ballot = true, b
	return nil
}

// collect reads the bids that are missing, and reports whether to wait no longer.
func (r *run) collect() (bool, error) {
	b := r.ballot
	missing := false
	for _, k := range b.ids {
		if _, there := b.bids[k]; there {
			continue
		}
		m, there, err := r.readMember(r.ctx, k)
		if err != nil {
			return false, err
		}
		if there && m.Round >= b.round {
			b.bids[k] = m
		} else {
			missing = true
		}
	}
	now := time.Now()
	if !missing || !now.Before(b.until) {
		return true, nil
	}
	r.by(now.Add(min(b.poll, b.until.Sub(now))))
	b.poll = min(2*b.poll, maxPoll)
	return false, nil
}

// rankBids finds out when it is this node's turn.
func (r *run) rankBids() error {
	b := r.ballot
	var bids []memberNode
	for _, m := range b.bids {
		bids = append(bids, m)
	}
	named, err := r.readHandover(b.round)
	if err != nil {
		return err
	}
	placement, err := r.readPlacement()
	if err != nil {
		return err
	}
	order := rank(bids, r.ConfiguredRoot, named)
	now := time.Now()
	b.ranked = true
	b.again = now.Add(max(r.timeout()/retryShare, minTurn))
	place := slices.Index(order, r.Self.ID)
	if place < 0 {
		return nil // unfit, or backing off: let others
	}
	step := max(r.timeout()/ballotShare, minTurn)
	b.turn = now.Add(time.Duration(place) * step)
	if named != r.Self.ID && !r.enough(placement, len(b.ids)) {
		if patience := r.joined.Add(r.timeout()); patience.After(b.turn) {
			b.turn = patience.Add(time.Duration(place) * step)
		}
	}
	b.again = later(b.again, b.turn.Add(step))
	return nil
}

// enough reports whether so many living nodes need not wait for more of the tree
// to start: half of those that have a position, or the configured root of a tree
// that never had a root. It is about who leads a tree that is started, and no
// majority: that is the gathering's.
func (r *run) enough(placement coordinator.Placement, living int) bool {
	if placement == nil {
		return r.Self.ID == r.ConfiguredRoot
	}
	placed := 0
	for _, k := range placement {
		if k != 0 {
			placed++
		}
	}
	return 2*living >= placed
}

// readHandover is k of the node that goes first in a round, 0 for none.
func (r *run) readHandover(round uint64) (int, error) {
	v, err := r.session.get(r.ctx, r.paths.handover)
	if err != nil {
		return 0, err
	}
	h, err := decode[handoverNode](r.paths.handover, v.data)
	if err != nil || h.Epoch == 0 || h.Epoch+1 != round {
		return 0, err
	}
	return h.To, nil
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
