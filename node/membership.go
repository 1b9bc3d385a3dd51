package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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
	"To keep the root's state, stop this node, remove its data directory and start it again; " +
	"to keep this node's, do that with the root's")

// coordinator is what keeps this node a member.
func (n *Node) coordinator() coordinator.Coordinator {
	if n.isRoot {
		return n.directory
	}
	return &coordinator.Embedded{
		Self: n.self, LivenessTimeout: n.opts.Config.Liveness.Timeout, Announce: n.announce, Withdraw: n.withdraw, Logger: n.log,
	}
}

// deliver takes a change of who is where.
func (n *Node) deliver(view coordinator.View) {
	old := n.view.Swap(&view)
	if !n.isRoot && view.Parent != nil && (old == nil || old.Parent == nil || *old.Parent != *view.Parent) {
		n.log.Info("joined", "position", view.Position, "parent", view.Parent.Name())
	}
}

// wallNow is the time for the book of members.
func (n *Node) wallNow() time.Time { return time.Now() }

// announce asks the root to let this node join, or gives it a sign of life.
func (n *Node) announce(ctx context.Context, self coordinator.Member) (coordinator.View, error) {
	var view coordinator.View
	meta := n.store.Meta()
	request, err := json.Marshal(joinDocument{Member: self, TreeID: meta.Tree.String(), Epoch: meta.Epoch, Version: n.store.Applied()})
	if err != nil {
		return view, err
	}
	answer, err := n.peers.post(ctx, n.opts.RootURL, pathJoin, request)
	if err != nil {
		return view, err
	}
	if answer.status != http.StatusOK {
		return view, joinError(answer)
	}
	if err := json.Unmarshal(answer.body, &view); err != nil {
		return view, fmt.Errorf("read the root's view: %w", err)
	}
	return view, nil
}

// joinRefusals are the errors of the coordinator that travel as problems.
var joinRefusals = map[string]error{
	"name-taken":   coordinator.ErrNameTaken,
	"outside-tree": coordinator.ErrOutsideTree,
	"incomplete":   coordinator.ErrIncomplete,
	"other-tree":   ErrOtherTree,
}

func joinError(answer peerAnswer) error {
	var said struct{ Type, Detail string }
	if json.Unmarshal(answer.body, &said) != nil {
		return fmt.Errorf("the root answered %d: %s", answer.status, excerpt(answer.body))
	}
	if refusal, found := joinRefusals[strings.TrimPrefix(said.Type, problemType)]; found {
		return fmt.Errorf("the root says %q: %w", said.Detail, refusal)
	}
	return fmt.Errorf("the root answered %d: %s", answer.status, said.Detail)
}

// withdraw tells the root that this node stops.
func (n *Node) withdraw(ctx context.Context, self coordinator.Member) error {
	request, err := json.Marshal(joinDocument{Member: self})
	if err != nil {
		return err
	}
	_, err = n.peers.post(ctx, n.opts.RootURL, pathLeave, request)
	return err
}

// postJoin lets a node join, or takes its sign of life.
func (n *Node) postJoin(c *fiber.Ctx, req provedRequest) error {
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
	n.announced.Store(in.ID, in.Address)
	ref, answer := n.loop.admits.register()
	if !n.loop.put(replica.Announced{Ref: ref, Node: uint32(in.ID), Tree: tree, Epoch: in.Epoch, Version: in.Version}) {
		n.loop.admits.forget(ref)
		return unavailable("stopping", "the root is stopping")
	}
	switch <-answer {
	case replica.NotYet:
		return unavailable("adopting", "the root has no data and is finding out what its members have; ask again")
	case replica.Stranger:
		mine := n.store.Meta().Tree
		n.log.Error("refused a node of another tree", "member", in.Name(), "its_tree", in.TreeID, "its_version", in.Version, "my_tree", mine)
		return (&problem{status: http.StatusConflict, slug: "other-tree", detail: ErrOtherTree.Error()}).with("tree_id", mine.String())
	}
	view, err := n.admit(in.Member)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, view)
}

// admit enters a member in the book, and makes its place durable before it hears
// of it.
func (n *Node) admit(m coordinator.Member) (coordinator.View, error) {
	if view, err := n.directory.Alive(m.ID, m.Instance, n.wallNow()); err == nil && view.Self == m {
		return view, nil
	}
	view, changed, err := n.directory.Join(m, n.wallNow())
	switch {
	case errors.Is(err, coordinator.ErrNameTaken):
		return view, &problem{status: http.StatusConflict, slug: "name-taken", detail: err.Error()}
	case errors.Is(err, coordinator.ErrOutsideTree):
		return view, &problem{status: http.StatusForbidden, slug: "outside-tree", detail: err.Error()}
	case err != nil:
		return view, badRequest("incomplete", err.Error())
	}
	if changed {
		if err := n.persistPlacement(); err != nil {
			return view, unavailable("disk", "the root could not write the new place to its disk; ask again")
		}
	}
	n.log.Info("a node joined", "member", m.Name(), "position", view.Position, "address", m.Address)
	n.loop.post(n.members())
	return view, nil
}

// members lists whom the root pushes to: everybody who joined since it started.
func (n *Node) members() replica.Members {
	var in replica.Members
	for _, m := range n.directory.Members(n.wallNow()) {
		if m.Instance != "" && m.ID != n.opts.ID {
			in.Members = append(in.Members, replica.Member{Node: uint32(m.ID), Instance: m.Instance})
		}
	}
	slices.SortFunc(in.Members, func(a, b replica.Member) int { return int(a.Node) - int(b.Node) })
	return in
}

// postLeave marks a node that stops as down.
func (n *Node) postLeave(c *fiber.Ctx, req provedRequest) error {
	var in joinDocument
	if err := readJSON(req.body, &in); err != nil {
		return err
	}
	if err := n.directory.Leave(req.sender, in.Instance, n.wallNow()); err != nil {
		return &problem{status: http.StatusNotFound, slug: "no-such-node", detail: err.Error()}
	}
	n.log.Info("a node left", "member", coordinator.Name(req.sender))
	return writeJSON(c, http.StatusOK, map[string]string{"status": "left"})
}

// addressOf is the URL of a member.
func (n *Node) addressOf(k int) (string, error) {
	view, err := n.directory.View(k)
	return view.Self.Address, err
}

// announcedAddress is the URL under which a node that is not let in yet announced
// itself.
func (n *Node) announcedAddress(k int) (string, error) {
	if address, found := n.announced.Load(k); found {
		return address.(string), nil
	}
	return "", errors.New("no address of NODE-" + strconv.Itoa(k))
}
