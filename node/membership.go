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

	"xylem/coordinator"
	"xylem/sync/replica"
	"xylem/sync/version"
)

// ErrOtherTree says that this node and the root belong to different trees, both
// of which have ordered writes.
var ErrOtherTree = errors.New("the root belongs to another tree, and both have ordered writes. " +
	"Whichever data directory is removed, what it alone held is lost: " +
	"without this node's, it takes the root's state; without the root's, the root takes over its members'")

// ErrBeyondRoot says that this node holds writes that the root never ordered, and
// the root has ordered others.
var ErrBeyondRoot = errors.New("this node holds writes that the root does not have, and the root has ordered others since: " +
	"its disk may be an older copy. Whichever data directory is removed, what it alone held is lost: " +
	"without this node's, it takes the root's state; without the root's, the root takes over its members'")

// coordinator is what keeps this node a member.
func (n *Node) coordinator() coordinator.Coordinator {
	root := n.root.Load()
	switch {
	case n.election != nil:
		return n.election
	case root != nil:
		return root
	}
	url := n.opts.RootURL
	return &coordinator.Embedded{
		Self: n.self, LivenessTimeout: n.opts.Config.Liveness.Timeout, Interval: n.announceInterval(), Again: n.reporting.again, Logger: n.log,
		Announce: func(ctx context.Context, self coordinator.Member) (coordinator.View, error) {
			return n.announce(ctx, self, url, n.view.Load())
		},
		Withdraw: func(ctx context.Context, self coordinator.Member) error { return n.withdraw(ctx, self, url) },
	}
}

// deliver takes a change of who is where.
func (n *Node) deliver(view coordinator.View) {
	old := n.view.Swap(&view)
	if old == nil {
		n.joined <- view
	}
	n.lineage.moved()
	var above replica.Above
	for _, m := range view.Ancestors {
		above.Nodes = append(above.Nodes, uint32(m.ID))
	}
	n.loop.post(above)
	if view.Parent != nil {
		n.loop.post(replica.Reachable{})
	}
	if old != nil && old.Parent != nil && view.Parent != nil && old.Parent.ID != view.Parent.ID {
		n.log.Info("the parent is another node now", "parent", view.Parent.Name(), "address", view.Parent.Address)
	}
}

// announce asks the root, at url, to let this node join, or gives it a sign of life.
// known, if not nil, is a view that the same root gave before.
func (n *Node) announce(ctx context.Context, self coordinator.Member, url string, known *coordinator.View) (coordinator.View, error) {
	var view coordinator.View
	meta := n.store.Meta()
	applied := n.store.Applied()
	var heard int64
	n.loop.query(func(core *replica.Replica) { heard = core.HeardMillis() })
	sign := joinDocument{
		Member: self, TreeID: meta.Tree.String(), Epoch: max(meta.Epoch, n.fence.Load()), Version: applied, Run: meta.RunOf(applied.Epoch), RootMillis: heard, Process: n.process, Fanout: n.opts.Config.Sync.Fanout,
	}
	if known != nil {
		sign.View = known.Tag()
	}
	request, err := json.Marshal(sign)
	if err != nil {
		return view, err
	}
	began := time.Now()
	answer, err := n.peers.post(ctx, url, pathJoin, request)
	if err != nil {
		if known != nil {
			n.unheard(ctx, known.Root, began, err)
		}
		return view, err
	}
	if answer.status != http.StatusOK {
		return view, joinError(answer)
	}
	var said admission
	if err := json.Unmarshal(answer.body, &said); err != nil {
		return view, fmt.Errorf("read the root's view: %w", err)
	}
	n.loop.post(replica.RootTime{Epoch: said.TimeEpoch, Millis: said.RootMillis}) // before anything is sent upward
	if known != nil {
		n.lineage.answers(known.Root)
	}
	n.reporting.joined(said.TimeEpoch)
	switch {
	case said.View != nil:
		return *said.View, nil
	case known != nil:
		return *known, nil
	}
	return view, errors.New("the root's answer has no view")
}

// joinRefusals are the errors of the coordinator that travel as problems.
var joinRefusals = map[string]error{
	"name-taken":   coordinator.ErrNameTaken,
	"outside-tree": coordinator.ErrOutsideTree,
	"incomplete":   coordinator.ErrIncomplete,
	"other-tree":   ErrOtherTree,
	"beyond-root":  ErrBeyondRoot,
}

// joinRefusal is the root's no, in its words.
type joinRefusal struct {
	detail string
	cause  error
}

// Error implements error.
func (r *joinRefusal) Error() string { return "the root does not let this node in: " + r.detail }

// Unwrap is the sentinel of the refusal.
func (r *joinRefusal) Unwrap() error { return r.cause }

func joinError(answer peerAnswer) error {
	var said struct{ Type, Detail string }
	if json.Unmarshal(answer.body, &said) != nil {
		return fmt.Errorf("the root answered %d: %s", answer.status, excerpt(answer.body))
	}
	if refusal, found := joinRefusals[strings.TrimPrefix(said.Type, problemType)]; found {
		return &joinRefusal{detail: said.Detail, cause: refusal}
	}
	return fmt.Errorf("the root answered %d: %s", answer.status, said.Detail)
}

// withdraw tells the root, at url, that this node stops.
func (n *Node) withdraw(ctx context.Context, self coordinator.Member, url string) error {
	request, err := json.Marshal(joinDocument{Member: self})
	if err != nil {
		return err
	}
	_, err = n.peers.post(ctx, url, pathLeave, request)
	return err
}

// postJoin lets a node join, or takes its sign of life.
func (n *Node) postJoin(c *fiber.Ctx, req provedRequest, root *registry) error {
	var in joinDocument
	if err := readJSON(req.body, &in); err != nil {
		return err
	}
	if in.ID != req.sender {
		return &problem{status: http.StatusForbidden, slug: "sender", detail: "a node can join under its own name only"}
	}
	tree, err := version.ParseTreeID(in.TreeID)
	if err != nil {
		return badRequest("body", err.Error())
	}
	if mine := n.opts.Config.Sync.Fanout; in.Fanout != mine {
		detail := fmt.Sprintf("sync.fanout is %s at the root, and %q at %s: set the same for all nodes, and start those anew where it was another", mine, in.Fanout, in.Name())
		if root.newlyRefused(&in) {
			n.log.Error("refused a node that is configured otherwise", "member", in.Name(), "err", detail)
		}
		return &problem{status: http.StatusConflict, slug: "other-fanout", detail: detail}
	}
	root.announced.Store(in.ID, in.Address)
	announced := &replica.Announced{Node: uint32(in.ID), Tree: tree, Epoch: in.Epoch, Version: in.Version, Run: in.Run, RootMillis: in.RootMillis}
	admit, err := askCore(n.working, n.loop, &n.loop.admits, announced, &announced.Ref)
	if err != nil {
		return err
	}
	switch admit.Verdict {
	case replica.NotYet:
		if root.reign != nil {
			return unavailable("adopting", "this root is giving its role up, and lets nobody in; ask again")
		}
		return unavailable("adopting", "the root has no data and is finding out what its members have; ask again")
	case replica.Stranger:
		mine := n.store.Meta().Tree
		if root.newlyRefused(&in) {
			n.log.Error("refused a node of another tree", "member", in.Name(), "its_tree", in.TreeID, "its_version", in.Version, "my_tree", mine)
		}
		return (&problem{status: http.StatusConflict, slug: "other-tree", detail: ErrOtherTree.Error()}).with("tree_id", mine.String())
	case replica.Beyond:
		if root.newlyRefused(&in) {
			n.log.Error("refused a node that holds what this root never ordered: is this root's disk an older copy?",
				"member", in.Name(), "its_version", in.Version, "its_epoch", in.Epoch, "my_version", n.store.Applied())
		}
		return (&problem{status: http.StatusConflict, slug: "beyond-root", detail: ErrBeyondRoot.Error()}).
			with("version", n.store.Applied().String())
	}
	view, err := n.admit(root, in.Member)
	if err != nil {
		return err
	}
	root.processes.Store(in.ID, memberProcess{in.Process, in.Instance})
	said := admission{View: &view, TimeEpoch: admit.Time.Epoch, RootMillis: admit.Time.Millis}
	if in.View == view.Tag() {
		said.View = nil
	}
	return writeJSON(c, http.StatusOK, said)
}

// admit enters a member in the book, and makes its place durable before it hears
// of it.
func (n *Node) admit(root *registry, m coordinator.Member) (coordinator.View, error) {
	if view, err := root.Alive(m.ID, m.Instance, time.Now()); err == nil && view.Self == m {
		return view, nil
	}
	view, changed, err := root.Join(m, time.Now())
	switch {
	case errors.Is(err, coordinator.ErrNameTaken):
		return view, &problem{status: http.StatusConflict, slug: "name-taken", detail: err.Error()}
	case errors.Is(err, coordinator.ErrOutsideTree):
		return view, &problem{status: http.StatusForbidden, slug: "outside-tree", detail: err.Error()}
	case err != nil:
		return view, badRequest("incomplete", err.Error())
	}
	if changed {
		if err := n.persistPlacement(root); err != nil {
			n.log.Warn("a node cannot join yet", "member", m.Name(), "err", err)
			return view, unavailable("place", "the root could not make the new place durable; ask again: "+err.Error())
		}
	}
	n.log.Info("a node joined", "member", m.Name(), "position", view.Position, "address", m.Address)
	n.postMembers(root)
	return view, nil
}

// postLeave marks a node that stops as down.
func (n *Node) postLeave(c *fiber.Ctx, req provedRequest, root *registry) error {
	var in joinDocument
	if err := readJSON(req.body, &in); err != nil {
		return err
	}
	if err := root.Leave(req.sender, in.Instance, time.Now()); err != nil {
		return &problem{status: http.StatusNotFound, slug: "no-such-node", detail: err.Error()}
	}
	n.log.Info("a node left", "member", coordinator.Name(req.sender))
	return writeJSON(c, http.StatusOK, map[string]string{"status": "left"})
}
