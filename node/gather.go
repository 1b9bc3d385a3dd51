package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// gatherDocument is what a candidate asks the others with.
type gatherDocument struct {
	Epoch  uint64 `json:"epoch"`
	TreeID string `json:"tree_id"` // zeros from a node that belongs to none yet
}

// gather asks a member for its promise, and tells how that ended.
func (n *Node) gather(e replica.Gather) replica.Gathered {
	in := replica.Gathered{Node: e.Node, Epoch: e.Epoch}
	promise, err := n.askPromise(e)
	if err != nil {
		n.log.Info("a member gives this candidate no promise", "member", e.Node, "epoch", e.Epoch, "err", err)
		return in
	}
	switch {
	case promise.Granted:
	case !promise.Tree.IsZero() && promise.Tree != e.Tree:
		n.log.Warn("a member that belongs to another tree gives this candidate no promise, and is not counted",
			"member", e.Node, "epoch", e.Epoch, "its_tree", promise.Tree, "tree", e.Tree)
	default:
		n.log.Info("a member has promised a later epoch", "member", e.Node, "epoch", e.Epoch, "promised", promise.Epoch)
	}
	in.Promise = &promise
	return in
}

func (n *Node) askPromise(e replica.Gather) (wire.Promise, error) {
	address, err := n.election.addressOf(int(e.Node))
	if err != nil {
		return wire.Promise{}, err
	}
	request, err := json.Marshal(gatherDocument{Epoch: e.Epoch, TreeID: e.Tree.String()})
	if err != nil {
		return wire.Promise{}, err
	}
	limit := n.opts.Config.Liveness.Timeout
	ctx, cancel := context.WithTimeout(n.working, promiseTimeouts*limit)
	defer cancel()
	stalled := time.AfterFunc(limit, cancel)
	defer stalled.Stop()
	resp, err := n.peers.open(ctx, address, pathGather, request)
	if err != nil {
		return wire.Promise{}, err
	}
	resp.Body = &progress{ReadCloser: resp.Body, made: func() { stalled.Reset(limit) }}
	answer, err := readAnswer(resp, address)
	if err != nil {
		return wire.Promise{}, err
	}
	if answer.status != http.StatusOK {
		return wire.Promise{}, fmt.Errorf("%s answered %d: %s", address, answer.status, excerpt(answer.body))
	}
	promise, err := wire.DecodePromise(answer.body)
	if err != nil {
		return wire.Promise{}, fmt.Errorf("read the promise of %s: %w", address, err)
	}
	return promise, nil
}

// promiseTimeouts is for how many liveness timeouts a promise may come in. It is due
// within one, and is as large as what its node has seen beyond its state: on a slow
// link it takes as long as it takes, while it comes on.
const promiseTimeouts = 10

// progress tells whenever something of a body has come.
type progress struct {
	io.ReadCloser
	made func()
}

// Read implements io.Reader.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if n > 0 {
		p.made()
	}
	return n, err
}

// postGather answers a candidate.
func (n *Node) postGather(c *fiber.Ctx, req provedRequest) error {
	if n.election == nil {
		return notElected()
	}
	var in gatherDocument
	if err := readJSON(req.body, &in); err != nil {
		return err
	}
	tree, err := version.ParseTreeID(in.TreeID)
	if err != nil {
		return badRequest("body", err.Error())
	}
	ctx, cancel := context.WithTimeout(n.working, n.opts.Config.Liveness.Timeout) // as the candidate's
	defer cancel()
	asked := &replica.Asked{Sender: uint32(req.sender), Epoch: in.Epoch, Tree: tree}
	promise, err := askCore(ctx, n.loop, &n.loop.promises, asked, &asked.Ref)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil:
		return unavailable("busy", "this node could not make the promise durable in time; ask again")
	case err != nil:
		return err
	}
	return writeBytes(c, wire.AppendPromise(nil, &promise))
}

// notElected refuses what only a tree whose root is elected has.
func notElected() error {
	return &problem{
		status: http.StatusConflict, slug: "embedded",
		detail: "with the embedded coordinator the root is the configured one; moving it needs coordinator.kind zookeeper",
	}
}

// mayFetch reports whether a node may have this node's whole state: the root, or the
// candidate that has its promise.
func (n *Node) mayFetch(k int) bool {
	if n.election == nil {
		return k == n.opts.Config.Tree.Root
	}
	var leader uint32
	n.loop.query(func(core *replica.Replica) { leader = core.Leader() })
	return int(leader) == k
}
