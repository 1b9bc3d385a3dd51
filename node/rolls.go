package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/configs"
	"xylem/coordinator"
	"xylem/sync/replica"
	"xylem/sync/wire"
)

// reporting is what a node of a tree that relays knows of the reports that go up: to
// whom its own went, and who reports to it.
type reporting struct {
	below sync.Map      // k of who reports to this node, to its URL
	again chan struct{} // holds a token when this node is to join once more

	mu       sync.Mutex
	to       coordinator.Member // who took the last report
	bypassed map[int]*bypass    // by k of the ancestor
	unlinked bool               // the last report got to nobody that is linked to the root
	epoch    uint64             // in which this node joined last
}

// bypass is until when an ancestor is passed over, and for how long that is.
type bypass struct {
	until    time.Time
	patience time.Duration
}

// An ancestor that answers and brings nothing is passed over, for longer each time: what
// is wrong may be that it cannot reach this node.
const (
	leastPatience = time.Second
	mostPatience  = time.Minute
)

// relays reports whether nodes pass pushes on to those below them.
func (n *Node) relays() bool { return n.opts.Config.Sync.Fanout == configs.FanoutTree }

// joinAgain has this node announce itself to the root.
func (n *Node) joinAgain() {
	select {
	case n.reporting.again <- struct{}{}:
	default:
	}
}

// bypass takes in that the ancestor to which this node reports brings nothing of what
// it holds: another is reported to for a while. The root is bypassed for nobody.
func (n *Node) bypass() {
	r := &n.reporting
	r.mu.Lock()
	defer r.mu.Unlock()
	view := n.view.Load()
	if view == nil || r.to.ID == 0 || r.to.ID == view.Root.ID {
		return
	}
	b := r.bypassed[r.to.ID]
	if b == nil {
		b = &bypass{}
		r.bypassed[r.to.ID] = b
	}
	b.patience = min(max(2*b.patience, leastPatience), mostPatience)
	b.until = time.Now().Add(b.patience)
	n.log.Warn("an ancestor answers, but brings nothing of what it holds; going round it", "ancestor", r.to.Name(), "address", r.to.Address, "for", b.patience)
}

// servants are the ancestors to report to, in order.
func (n *Node) servants() []coordinator.Member {
	r := &n.reporting
	candidates := n.lineage.candidates()
	r.mu.Lock()
	defer r.mu.Unlock()
	above := candidates[:0:0]
	for _, m := range candidates {
		if b := r.bypassed[m.ID]; b == nil || time.Now().After(b.until) {
			above = append(above, m)
		}
	}
	return above
}

// tellRoll reports to the nearest ancestor that takes it, or, if asked to look beyond, to
// the nearest that is linked to the root too. Where there is none, one that is not will do.
func (n *Node) tellRoll(e *replica.TellRoll) replica.RollTold {
	e.Roll.Address = n.self.Address
	told := n.tellAbove(wire.AppendRoll(nil, &e.Roll), e.Beyond)
	if n.reporting.lost(told.Reply == nil || !told.Reply.Linked) {
		n.joinAgain() // and again, until the root answers: one that comes back without data is to hear of what this node holds
	}
	return told
}

// lost takes in whether there is no link to the root, and reports whether there was.
func (r *reporting) lost(now bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.unlinked
	r.unlinked = now
	return now && !before
}

// tellAbove tries the ancestors one by one.
func (n *Node) tellAbove(request []byte, beyond bool) (told replica.RollTold) {
	for _, m := range n.servants() {
		reply, err := n.tellOne(m, request)
		switch {
		case err != nil:
			n.log.Debug("an ancestor did not take this node's report", "ancestor", m.Name(), "err", err)
			continue
		case reply.Verdict == wire.JoinFirst:
			n.joinAgain()
			return told
		case reply.Verdict == wire.AskAbove:
			continue
		}
		if told.Reply == nil || reply.Linked {
			told.Reply = &reply
			n.reporting.tookBy(m)
		}
		if reply.Linked || !beyond {
			return told
		}
	}
	return told
}

// tookBy takes in who has taken this node's report.
func (r *reporting) tookBy(m coordinator.Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = m
	if b := r.bypassed[m.ID]; b != nil && time.Since(b.until) > b.patience { // it has served since
		delete(r.bypassed, m.ID)
	}
}

func (n *Node) tellOne(m coordinator.Member, request []byte) (wire.RollReply, error) {
	ctx, cancel := context.WithTimeout(n.working, n.opts.Config.Liveness.Timeout)
	defer cancel()
	began := time.Now()
	answer, err := n.postAttended(ctx, m, pathRoll, request, reportSilence(n.opts.Config.Liveness.Timeout))
	if err != nil {
		n.unheard(ctx, m, began, err)
		return wire.RollReply{}, err
	}
	if answer.status != http.StatusOK {
		return wire.RollReply{}, fmt.Errorf("%s answered %d: %s", m.Address, answer.status, excerpt(answer.body))
	}
	return wire.DecodeRollReply(answer.body)
}

// postRoll takes the report of a node below.
func (n *Node) postRoll(c *fiber.Ctx, req provedRequest) error {
	roll, err := wire.DecodeRoll(req.body)
	if err != nil {
		return err
	}
	if int(roll.Nodes[0].Node) != req.sender {
		return &problem{status: http.StatusForbidden, slug: "sender", detail: "a node can report under its own name only"}
	}
	root := n.root.Load()
	if root != nil {
		if _, joined := root.instanceOf(&roll.Nodes[0]); !joined {
			return writeBytes(c, wire.AppendRollReply(nil, &wire.RollReply{Verdict: wire.JoinFirst}))
		}
	}
	n.reporting.below.Store(req.sender, roll.Address)
	in := &replica.Rolled{Roll: roll}
	said, err := askCore(n.working, n.loop, &n.loop.rolls, in, &in.Ref)
	if err != nil {
		return err
	}
	if root != nil {
		root.present(req.sender, said.Nodes, n.opts.Config.Liveness.Timeout)
	}
	return writeBytes(c, wire.AppendRollReply(nil, &said.Reply))
}

// memberProcess is one process of a node: by number where nodes report, by instance in the
// book of members.
type memberProcess struct {
	number   uint64
	instance string
}

// instanceOf is the instance as which a node has joined; false where it has not, as the
// process that it is.
func (r *registry) instanceOf(s *wire.Standing) (string, bool) {
	if p, found := r.processes.Load(int(s.Node)); found && p.(memberProcess).number == s.Process {
		return p.(memberProcess).instance, true
	}
	return "", false
}

// presence is what a node said when its report was last gone through.
type presence struct {
	first *wire.Standing // of its nodes
	at    time.Time
}

// present takes in that nodes live, by the report of one above them. The same nodes are not
// gone through for what it reports between its signs of life: there may be many of both.
func (r *registry) present(sender int, nodes []wire.Standing, liveness time.Duration) {
	if len(nodes) == 0 {
		return
	}
	now := time.Now()
	if last, found := r.presences.Load(sender); found {
		if seen := last.(presence); seen.first == &nodes[0] && now.Sub(seen.at) < liveness/4 {
			return
		}
	}
	r.presences.Store(sender, presence{&nodes[0], now})
	for i := range nodes {
		if instance, joined := r.instanceOf(&nodes[i]); joined {
			_, _ = r.Alive(int(nodes[i].Node), instance, now) // who has left meanwhile is no member
		}
	}
}

// worthGathering reports whether the pieces that a node brings may be of a push that the core
// will take: of the root, or where the tree relays of a node above.
func (n *Node) worthGathering(sender int) bool {
	if n.election != nil || sender == n.opts.Config.Tree.Root && !n.isRoot() {
		return true
	}
	view := n.view.Load()
	if !n.relays() || view == nil || n.isRoot() {
		return false
	}
	for _, m := range view.Ancestors {
		if m.ID == sender {
			return true
		}
	}
	return false
}

// joined takes in the epoch of the root that this node joined.
func (r *reporting) joined(epoch uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch = max(r.epoch, epoch)
}

// heardEpoch has this node join again when the root has begun anew: only its children
// hear that from the root itself. They do so one after the other.
func (n *Node) heardEpoch(epoch uint64) {
	r := &n.reporting
	r.mu.Lock()
	defer r.mu.Unlock()
	if !n.relays() || n.election != nil || epoch <= r.epoch {
		return
	}
	r.epoch = epoch
	// Nobody waits for the timer: joinAgain only leaves a word for the coordinator.
	time.AfterFunc(rand.N(time.Duration(n.opts.Config.Nodes())*joinSpacing+1), n.joinAgain)
}

// joinSpacing is the time between two nodes that join, where all have to.
const joinSpacing = 2 * time.Millisecond

// announceInterval is the time between two signs of life to the root itself; 0 for the
// coordinator's own.
func (n *Node) announceInterval() time.Duration {
	if !n.relays() {
		return 0
	}
	return RejoinDelay(n.opts.Config.Liveness.Timeout, n.opts.Config.Nodes())
}

// RejoinDelay is how long a node of a tree that relays waits until it asks the root
// again for its place, which may have changed: so that however many they are, the root hears of
// some hundred a second.
func RejoinDelay(liveness time.Duration, nodes int) time.Duration {
	return max(10*liveness, time.Duration(nodes)*10*time.Millisecond)
}
