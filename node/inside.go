package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"
	"unsafe"

	"github.com/gofiber/fiber/v2"

	"xylem/coordinator"
	"xylem/node/proof"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// provedRequest is a request of another node: who sent it, and its body, which
// belongs to the handler.
type provedRequest struct {
	sender int // k of NODE-k
	body   []byte
}

// proved lets a handler see only requests that prove knowledge of the cluster's
// secret; others get 401 and this process's instance.
func (n *Node) proved(handle func(*fiber.Ctx, provedRequest) error) fiber.Handler {
	limit := n.maxPieceBytes() + replica.MaxBatchBytes
	return func(c *fiber.Ctx) error {
		body, err := appendBody(pieceMemory(c), c, limit)
		if err != nil {
			return err
		}
		sender, err := n.verifier.Verify(c.Get(proof.HeaderName), c.Method(), c.OriginalURL(), body)
		if err != nil {
			c.Set(proof.InstanceHeaderName, n.verifier.Instance().String())
			return err
		}
		k, err := coordinator.ParseName(sender.Name)
		if err != nil {
			return badRequest("sender", err.Error())
		}
		return handle(c, provedRequest{sender: k, body: body})
	}
}

// atRootOnly lets only the root answer requests between nodes that are for it.
func (n *Node) atRootOnly(handle func(*fiber.Ctx, provedRequest, *registry) error) func(*fiber.Ctx, provedRequest) error {
	return func(c *fiber.Ctx, req provedRequest) error {
		if root := n.root.Load(); root != nil {
			return handle(c, req, root)
		}
		return n.askTheRoot()
	}
}

// writeBytes answers another node.
func writeBytes(c *fiber.Ctx, body []byte) error {
	c.Response().Header.SetContentType(fiber.MIMEOctetStream)
	c.Response().SetBodyRaw(body)
	return nil
}

// checkTree refuses what belongs to another tree than this node's.
func (n *Node) checkTree(tree version.TreeID) error {
	mine := n.store.Meta().Tree
	if tree.IsZero() || mine.IsZero() || tree == mine {
		return nil
	}
	return (&problem{
		status: http.StatusConflict, slug: "other-tree",
		detail: fmt.Sprintf("this node belongs to tree %v, the request to %v", mine, tree),
	}).with("tree_id", mine.String()).with("version", n.store.Applied().String())
}

// postWrite takes a child's batch.
func (n *Node) postWrite(c *fiber.Ctx, req provedRequest) error {
	batch, err := wire.DecodeBatch(req.body)
	if err != nil {
		return err
	}
	if err := n.checkTree(batch.Tree); err != nil {
		return err
	}
	if root := n.root.Load(); root != nil && batch.Epoch > n.store.Meta().Epoch {
		if root.reign != nil {
			return unavailable("root-over", "this root is over: a node that sends writes has heard of a later epoch; its root orders them")
		}
		return &problem{status: http.StatusConflict, slug: "beyond-root", detail: ErrBeyondRoot.Error()}
	}
	if err := n.checkValues(batch.Writes); err != nil {
		return err
	}
	reply := n.submit(&submission{Submit: replica.Submit{Writes: batch.Writes, Epoch: batch.Epoch}})
	vouch(c, reply.reign)
	meta := n.store.Meta()
	if reply.Epoch == 0 {
		reply.Epoch = meta.Epoch
	}
	return writeBytes(c, wire.AppendResults(nil, &wire.Results{Tree: meta.Tree, Epoch: reply.Epoch, Results: reply.Results}))
}

// checkValues refuses writes whose values no client could have brought. Values are
// pasted into answers as they are: one that is no JSON would spoil every listing.
func (n *Node) checkValues(writes []wire.Write) error {
	for i := range writes {
		switch value := writes[i].Value; {
		case len(value) > n.opts.Config.API.MaxValueBytes:
			return tooLarge(n.opts.Config.API.MaxValueBytes)
		case value != "" && !(utf8.ValidString(value) && validJSON(unsafe.Slice(unsafe.StringData(value), len(value)))):
			return fmt.Errorf("%w: the value of write %d is not JSON", wire.ErrMalformed, i)
		}
	}
	return nil
}

// postState answers a root without data with this node's whole state.
func (n *Node) postState(c *fiber.Ctx, req provedRequest) error {
	if !n.mayFetch(req.sender) {
		return &problem{status: http.StatusForbidden, slug: "not-root", detail: "only the root, or who is about to be, may ask for a node's state"}
	}
	cut := n.store.Cut(version.Version{})
	if cut.To.IsZero() {
		return unavailable("no-state", "this node holds no state")
	}
	n.streamState(c, cut)
	return nil
}

// pushReport is the last push that this node took.
type pushReport struct {
	When    int64  `json:"-"`
	Kind    string `json:"kind"`
	Entries int    `json:"entries"`
	Bytes   int    `json:"bytes"`
	Outcome string `json:"outcome"`
}

// postSynchronize takes a piece of a push.
func (n *Node) postSynchronize(c *fiber.Ctx, req provedRequest) error {
	h, block, rest, err := wire.DecodePiece(req.body, n.maxPieceBytes())
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes follow the piece", wire.ErrMalformed, len(rest))
	}
	// Who may push is asked before anything is gathered for it.
	if !n.worthGathering(req.sender) {
		return n.writeAck(c, &h, n.refusal(replica.NotRoot))
	}
	in, report := &replica.Piece{Sender: uint32(req.sender), Header: h, Partial: true}, &pushReport{Kind: h.Kind.String()}
	if n.election == nil || h.Meta.Epoch >= n.fence.Load() {
		in, report, err = n.pieces.add(req, &h, block)
	} // else a root that is over, which the core refuses, is not to spoil what gathers for the one that is
	switch {
	case errors.Is(err, replica.ErrSequence):
		return n.writeAck(c, &h, n.refusal(replica.Gap))
	case err != nil:
		return err
	}
	if n.relays() && h.Kind == wire.Delta && h.Piece == 0 && h.Last && len(req.body) < trustedBytes {
		n.encodings.cameAs(&h, req.body, len(in.Entries))
	}
	ack, err := askCore(n.working, n.loop, &n.loop.acks, in, &in.Ref)
	n.pieces.drafts.forget(in.Builder) // where it was not taken
	if err != nil {
		return err
	}
	if ack.Mismatch {
		n.mismatches.Add(1)
		n.log.Error("this node's digest differs from the root's; waiting for a snapshot", "version", ack.Version)
	}
	report.When, report.Outcome = n.now().Unix, string(ack.Outcome)
	switch {
	case ack.Outcome == replica.Applied || ack.Outcome == replica.Current:
		n.heardEpoch(h.Meta.Epoch)
		n.pieces.arrived()
	case ack.Outcome.Refuses():
		ack.Collected = n.pieces.collected()
	}
	if ack.Outcome != replica.Continue {
		n.lastPush.Store(report)
	}
	return n.writeAck(c, &h, ack)
}

// refusal is the answer to a piece that the core does not see.
func (n *Node) refusal(outcome replica.AckOutcome) replica.Ack {
	return replica.Ack{Outcome: outcome, Tree: n.store.Meta().Tree, Version: n.store.Applied(), Collected: n.pieces.collected()}
}

// joinDocument is what a node tells the root, to join and as a sign of life.
type joinDocument struct {
	coordinator.Member
	TreeID  string          `json:"tree_id"`
	Epoch   uint64          `json:"epoch"`
	Version version.Version `json:"version"`
	Run     uint64          `json:"run,string"` // random: names the root that gave the version

	RootMillis int64 `json:"root_millis"` // the root's time as the node last heard it, 0 for not yet

	Process uint64 `json:"process,string"` // random: names the process where nodes report
	Fanout  string `json:"fanout"`         // sync.fanout

	View string `json:"view,omitempty"` // tag of the view that the node has
}

// admission is the root's answer to it.
type admission struct {
	*coordinator.View        // nil: the node has it
	TimeEpoch         uint64 `json:"time_epoch"`  // of the root whose time this is
	RootMillis        int64  `json:"root_millis"` // the root's time
}

func readJSON(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return badRequest("body", "the body is not the JSON document that nodes send here; is every node of the same version?")
	}
	return nil
}
