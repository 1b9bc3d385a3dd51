package node

import (
	"context"
	"fmt"
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

// relays reports whether nodes pass pushes on to those below them.
func (n *Node) relays() bool { return n.opts.Config.Sync.Fanout == configs.FanoutTree }

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
	answer, err := n.postAttended(ctx, m, pathRoll, request, ReportSilence(n.opts.Config.Liveness.Timeout))
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
