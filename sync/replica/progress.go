package replica

import (
	"fmt"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// progressState says what the root knows of a member.
//
//	           answered: on history          no answer
//	probing ------------------------> following ------> probing
//	   |                                  |
//	   | beyond the floor, empty,         | mismatch, gap that no
//	   | or not on history                | delta bridges
//	   v                                  v
//	lacking <-----------------------------+
//	   |  snapshot confirmed
//	   +----------------------> following
type progressState byte

const (
	probing   progressState = iota // its version is not known: send a heartbeat and see
	following                      // confirmed is its version: send deltas from there
	lacking                        // only a snapshot helps
)

// progress is what the root, or a node that relays, knows of one that it pushes to. Invariant:
// in following, confirmed is on the root's history, and at the root 0 <= confirmed <= applied.
type progress struct {
	member     Member
	state      progressState
	confirmed  version.Version
	told       uint64        // the epoch that it last confirmed
	due        bool          // the schedule asks for a push
	inFlight   uint64        // number of the push under way, 0 for none
	sent       int64         // when the root sent what that push tells, by its own time
	heard      int64         // the same of the last that was confirmed
	stale      bool          // that push went to the member's run before, or in the epoch before
	collected  Collected     // what it said it has of a snapshot; zero once one was sent
	failures   int           // pushes in a row that got no good answer
	mismatches int           // digests in a row that differed
	notBefore  time.Duration // no push before then
	pushed     time.Duration // when the last began
	follows    bool          // something had gathered for it when the one before was answered
	report     Report
}

// Report is what status answers say of a member.
type Report struct {
	Node       uint32
	Known      bool // Confirmed is known
	Confirmed  version.Version
	Matches    bool  // at Confirmed its digest was the root's
	Heard      int64 // when the last push that it confirmed was sent, root's clock in milliseconds; 0 for never
	LastPush   LastPush
	Mismatches uint64 // over the whole run
}

// LastPush is the last push to or at a node.
type LastPush struct {
	When    int64 // root's clock, milliseconds; 0 for never
	Kind    wire.Kind
	Outcome AckOutcome // empty while it is under way
	Entries int
	Bytes   int
}

// LagMillis is how long before now, the root's clock in milliseconds, a push was sent that the
// member confirmed; false where it has not confirmed any.
func (r *Report) LagMillis(now int64) (int64, bool) { return max(0, now-r.Heard), r.Heard != 0 }

// Reports tells of every member.
func (r *Replica) Reports() []Report {
	reports := make([]Report, 0, len(r.members.byNode))
	for _, p := range r.members.ordered {
		report := p.report
		report.Node = p.member.Node
		report.Known, report.Confirmed = p.state == following, p.confirmed
		reports = append(reports, report)
	}
	r.standings(func(s wire.Standing) {
		if r.members.byNode[s.Node] == nil {
			heard := s.Heard
			if heard != 0 {
				heard += r.now.Unix - r.RootMillis()
			}
			reports = append(reports, Report{Node: s.Node, Known: true, Confirmed: s.Version, Matches: !s.Differs, Heard: heard})
		}
	})
	return reports
}

// advance sends the member what it needs next, if anything.
func (r *Replica) advance(p *progress) {
	if p.inFlight != 0 || r.store.Meta().Epoch == 0 || !r.mayPush() {
		return
	}
	kind, needed := r.needs(p)
	if !needed {
		return
	}
	if r.now.Mono < p.notBefore {
		r.wakeBy(p.notBefore)
		return
	}
	r.push(p, kind)
}

// needs says which push the member needs now.
func (r *Replica) needs(p *progress) (wire.Kind, bool) {
	meta := r.store.Meta()
	switch p.state {
	case probing:
		return wire.Heartbeat, true
	case lacking:
		return wire.Snapshot, true
	}
	applied := r.store.Applied()
	if !r.IsRoot() && applied.Before(p.confirmed) { // another has brought it there
		return 0, false
	}
	if p.confirmed == applied {
		return wire.Heartbeat, p.due || p.told != meta.Epoch
	}
	fromNothing := p.confirmed.IsZero() && meta.Floor.IsZero() // it has heard of the empty state
	if !fromNothing && !bridgeable(&meta, p.confirmed) {
		p.state = probing // it may have collected something of what it needs
		return wire.Heartbeat, true
	}
	return wire.Delta, p.due || r.cfg.Eager
}

// bridgeable reports whether a delta can begin at v.
func bridgeable(meta *store.Meta, v version.Version) bool {
	return !v.IsZero() && v.Seq >= meta.Floor.Seq && meta.OnHistory(v)
}

// maxDeltaBytes bounds a delta: the member holds it whole until its last piece has
// come, and in one record of its journal. A snapshot goes to the disk in parts.
const maxDeltaBytes = 256 << 20

// push sends a push of the given kind.
func (r *Replica) push(p *progress, kind wire.Kind) {
	var from version.Version
	if kind == wire.Delta {
		from = p.confirmed
	}
	r.members.numbers++
	cut := r.store.Cut(from)
	if kind == wire.Delta && cut.MaxBytes() > maxDeltaBytes && cut.Bytes() > maxDeltaBytes {
		kind, from, p.state = wire.Snapshot, version.Version{}, lacking
	}
	p.sent = r.sent()
	switch kind {
	case wire.Heartbeat:
		from = cut.To
	case wire.Snapshot:
		cut, p.sent = r.snapshotFor(p)
		from = cut.From
	}
	p.due, p.inFlight = false, r.members.numbers
	p.pushed, p.notBefore = r.now.Mono, r.now.Mono+r.cfg.Interval
	p.report.LastPush = LastPush{When: r.now.Unix, Kind: kind}
	e := Push{Node: p.member.Node, Header: wire.Header{
		Kind: kind, Root: r.rootNode(), Number: p.inFlight, Meta: cut.Meta, From: from, To: cut.To,
		Sent: p.sent, Digest: cut.Digest, Live: uint64(cut.Live),
	}}
	if kind != wire.Heartbeat {
		e.Cut = cut
	}
	r.emit(e)
}

// sent is when the root, by its own time, was at this node's version.
func (r *Replica) sent() int64 {
	if r.IsRoot() {
		return r.RootMillis()
	}
	return r.lag.sent
}

// rootNode is k of the root whose state this node has.
func (r *Replica) rootNode() uint32 {
	if r.IsRoot() {
		return r.cfg.Node
	}
	return r.branches.root
}

// answered takes the end of the push under way to the member.
func (r *Replica) answered(p *progress, in Confirmed) {
	p.inFlight, p.collected = 0, in.Ack.Collected
	last := &p.report.LastPush
	last.Outcome, last.Entries, last.Bytes = in.Ack.Outcome, in.Entries, in.Bytes
	if p.stale { // its answer says nothing of the run or epoch that is
		p.stale = false
		r.advance(p)
		return
	}
	meta := r.store.Meta()
	if r.IsRoot() && in.Ack.Outcome == Late && r.store.Applied().Before(in.Ack.Version) {
		in.Ack.Outcome = Ahead
		p.report.LastPush.Outcome = Ahead
	}
	switch in.Ack.Outcome {
	case Applied, Current, Late:
		p.failures = 0
		p.confirmed, p.told = in.Ack.Version, meta.Epoch
		p.report.Heard, p.heard = p.report.LastPush.When, p.sent
		p.report.Matches = !in.Ack.Mismatch
		p.state = following
		switch {
		case in.Ack.Mismatch:
			p.mismatches++
			p.report.Mismatches++
			p.state = lacking
			r.backOff(p, p.mismatches-1)
		default:
			p.mismatches = 0
			gathered := p.confirmed != r.store.Applied()
			if gathered && p.follows { // it goes on: what gathered meanwhile may gather for longer
				p.notBefore = max(p.notBefore, p.pushed+r.cfg.Pace)
			}
			p.follows = gathered
		}
	case Gap, Foreign:
		p.confirmed = in.Ack.Version
		p.state = following
		if !bridgeable(&meta, p.confirmed) {
			p.state = lacking
		}
		p.due = true
		// That a probe finds a gap is no failure, even after many: what is missing is
		// sent now. A delta or a snapshot that is refused is one.
		if p.report.LastPush.Kind != wire.Heartbeat {
			p.failures++
			r.backOff(p, p.failures)
		}
	case OldEpoch:
		if r.cfg.Elected && r.IsRoot() {
			r.stepAside(0, fmt.Sprintf("NODE-%d has accepted a later epoch", p.member.Node))
			return
		}
		fallthrough
	default: // lost, refused or failed: whatever was known is in doubt
		p.state = probing
		p.failures++
		r.backOff(p, p.failures)
	}
	r.advance(p)
	r.handed()
}

// lives takes in a sign of life: if pushes failed, the next is not put off any longer, unless the
// node has said itself that it cannot write what it is brought.
func (r *Replica) lives(p *progress) {
	if p.failures > 0 && p.report.LastPush.Outcome != Failed {
		p.notBefore = 0
	}
	r.advance(p)
}

// backOff puts the next push off: not at all for n = 0, then by RetryMin, and
// twice that with every further n up to RetryMax.
func (r *Replica) backOff(p *progress, n int) {
	if n == 0 {
		return
	}
	p.notBefore = max(p.notBefore, r.now.Mono+r.retryAfter(n))
}
