package replica

import (
	"slices"
	"time"

	"github.com/zeebo/xxh3"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// SignsPerTimeout is how often a node reports within the liveness time-out.
const SignsPerTimeout = 3

// uprolls is the part of a member that reports to the nearest ancestor of use: at once
// when the nodes below it change or all have come to this node's version, and otherwise
// as a sign of life.
type uprolls struct {
	under   bool            // one is under way
	linked  bool            // the last was taken, by one that is linked to the root
	changed bool            // the nodes in it did, since the last
	whole   bool            // the next is to be told whole
	set     uint64          // of the last that was told
	told    version.Version // the last version that all were told to be at
	at      time.Duration   // when the next is due at the latest
	lost    time.Duration   // since when there was no link to the root; 0: there is
	beyond  time.Duration   // when to look for one beyond the nearest ancestor
	idle    time.Duration   // since when the ancestor brings nothing of what it has; 0: it does
}

// rollNow has this node report without waiting for the next sign of life to be due.
func (r *Replica) rollNow() {
	r.uprolls.at, r.uprolls.whole = r.now.Mono, true
}

// tellRoll reports, if that is due.
func (r *Replica) tellRoll() {
	u := &r.uprolls
	if !r.cfg.Relay || u.under || r.IsRoot() {
		return
	}
	at, complete := r.complete()
	news := complete && u.told.Before(at) && len(r.branches.byNode) > 0
	if !news && !u.changed && r.now.Mono < u.at {
		r.wakeBy(u.at)
		return
	}
	roll := r.makeRoll()
	if complete {
		u.told = at
	}
	u.under, u.changed, u.whole, u.set = true, false, false, roll.Set
	r.emit(TellRoll{Roll: roll, Beyond: r.lookBeyond()})
}

// rollTold takes the answer to a report.
func (r *Replica) rollTold(in RollTold) {
	u := &r.uprolls
	u.under = false
	u.at = r.now.Mono + r.cfg.Liveness/SignsPerTimeout
	u.linked = in.Reply != nil && in.Reply.Linked
	switch {
	case u.linked:
		u.lost = 0
	case u.lost == 0:
		u.lost = r.now.Mono
		u.beyond = u.lost + r.cfg.Liveness
	}
	if in.Reply == nil {
		u.whole, u.idle = true, 0
		return
	}
	if in.Reply.Verdict == wire.SendWhole {
		u.at, u.whole = r.now.Mono, true
	}
	if in.Reply.Millis != 0 {
		r.told(RootTime{Epoch: in.Reply.Epoch, Millis: in.Reply.Millis})
	}
	r.watchServing(in.Reply)
}

// maxBeyond bounds the time between two looks beyond the nearest ancestor, in liveness
// time-outs.
const maxBeyond = 8

// lookBeyond reports whether an ancestor that has no link to the root itself is to be
// passed over: after it had the time to find one, and then ever more rarely. For where the
// root is away, looking is of no use, and everybody does.
func (r *Replica) lookBeyond() bool {
	u := &r.uprolls
	if u.lost == 0 || r.now.Mono < u.beyond {
		return false
	}
	u.beyond = r.now.Mono + min(max(r.now.Mono-u.lost, r.cfg.Liveness), maxBeyond*r.cfg.Liveness)
	return true
}

// watchServing finds out that an ancestor answers, and brings nothing of what it has.
func (r *Replica) watchServing(reply *wire.RollReply) {
	u := &r.uprolls
	switch {
	case !r.store.Applied().Before(reply.Version):
		u.idle = 0
	case u.idle == 0:
		u.idle = r.now.Mono
	case r.now.Mono-max(u.idle, r.acceptor.taken) > r.cfg.Liveness:
		u.idle, u.at, u.whole = 0, r.now.Mono, true
		r.emit(Unserved{})
	}
}

// complete is the version that this node and all below it have confirmed, where that
// is the one that it holds.
func (r *Replica) complete() (version.Version, bool) {
	applied := r.store.Applied()
	if !r.branches.equal || r.acceptor.busy {
		return applied, false
	}
	for _, b := range r.branches.byNode {
		if !r.allAt(b, applied) {
			return applied, false
		}
	}
	return applied, true
}

// makeRoll is the report of this node and those below it: short where the set is the
// one that was told before. A short one takes no look at each node: there may be many, and
// a busy tree reports often.
func (r *Replica) makeRoll() wire.Roll {
	meta := r.store.Meta()
	self := wire.Standing{Node: r.cfg.Node, Process: r.cfg.NewRun, Version: r.store.Applied(), Differs: r.differs(), Heard: r.lag.sent}
	sum, count := mark(&self), 1
	branches := r.branches.sorted()
	for _, b := range branches {
		sum, count = sum+b.sum, count+len(b.nodes)
	}
	roll := wire.Roll{Tree: meta.Tree, Epoch: r.Fence(), Set: sum | 1, Nodes: []wire.Standing{self}} // 0 is no set
	roll.Whole = r.uprolls.whole || roll.Set != r.uprolls.set || count <= MaxLaggards
	if !roll.Whole {
		named, others := r.laggards(branches)
		roll.Whole = !shorten(&roll, named, others)
	}
	if roll.Whole {
		roll.Nodes = slices.Grow(roll.Nodes, count-1)
		r.standings(func(s wire.Standing) { roll.Nodes = append(roll.Nodes, s) })
	}
	return roll
}

// differs reports whether this node's state is not the root's.
func (r *Replica) differs() bool {
	_, heard := r.lag.Since()
	return heard && !r.branches.equal
}

// laggards are the nodes below of whom something is known by itself, and for each
// branch that has more what is true of all the rest.
func (r *Replica) laggards(branches []*branch) (named, others []wire.Standing) {
	for _, b := range branches {
		told := b.few
		if told == nil {
			told = b.nodes
		}
		sender := len(named)
		named = append(named, told...)
		r.confirmedSince(&named[sender])
		if len(told) < len(b.nodes) {
			others = append(others, wire.Standing{Version: b.floor, Heard: b.fresh})
		}
	}
	return named, others
}

// shorten adds to the sender the few of named that lag most, and says what is true of all the
// rest of named and of others. It reports false, and leaves the roll as it was, where more than those few
// differ.
func shorten(roll *wire.Roll, named, others []wire.Standing) bool {
	slices.SortStableFunc(named, byLag)
	n := min(MaxLaggards, len(named))
	if n == len(named) && len(others) == 0 {
		n-- // somebody is to stand for the rest
	}
	others = append(others, named[n:]...)
	slices.SortStableFunc(others, byLag)
	if others[0].Differs {
		return false
	}
	roll.Floor, roll.Heard = others[0].Version, others[0].Heard
	for i := range others {
		roll.Heard = min(roll.Heard, others[i].Heard)
	}
	for _, s := range named[:n] {
		if s.Differs || s.Version.Before(roll.Floor) {
			roll.Nodes = append(roll.Nodes, s)
		} else {
			roll.Heard = min(roll.Heard, s.Heard)
		}
	}
	return true
}

// byLag sorts those that differ before the others, and these by version.
func byLag(a, b wire.Standing) int {
	if a.Differs != b.Differs {
		if a.Differs {
			return -1
		}
		return 1
	}
	return a.Version.Compare(b.Version)
}

// mark stands for a node and its process. The sum of marks is a fingerprint of nodes, in whatever order.
func mark(s *wire.Standing) uint64 {
	return xxh3.HashSeed([]byte{byte(s.Node), byte(s.Node >> 8), byte(s.Node >> 16), byte(s.Node >> 24)}, s.Process)
}
