package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"xylem/coordinator"
	"xylem/node/proof"
)

// pingDocument asks an ancestor for a sign of life.
type pingDocument struct {
	Instance string `json:"instance"` // for which the answer is to be proved
}

// pongDocument is the sign.
type pongDocument struct {
	Linked bool `json:"linked"` // it is the root, or has an ancestor that it may turn to
}

// methodPong stands for the method in the proof of an answer, so that an answer is
// never a request.
const methodPong = "PONG"

// errStranger says that what answers at an ancestor's address is not that ancestor.
var errStranger = errors.New("what answers there is not this node of the tree")

// pingAncestor asks for a sign of life. Unlike others, the answer is proved: whatever
// else listens at the address by now must not be taken for the ancestor.
func (n *Node) pingAncestor(ctx context.Context, m coordinator.Member) (linked bool, err error) {
	request, err := json.Marshal(pingDocument{Instance: n.verifier.Instance().String()})
	if err != nil {
		return false, err
	}
	answer, err := n.peers.post(ctx, m.Address, pathPing, request)
	if err != nil {
		return false, err
	}
	if answer.status != http.StatusOK {
		return false, fmt.Errorf("%w: it answered %d: %s", errStranger, answer.status, excerpt(answer.body))
	}
	sender, err := n.verifier.Verify(answer.proof, methodPong, pathPing, answer.body)
	if err != nil || sender.Name != m.Name() {
		return false, fmt.Errorf("%w: its answer is of %q: %w", errStranger, sender.Name, err)
	}
	var pong pongDocument
	if err := json.Unmarshal(answer.body, &pong); err != nil {
		return false, fmt.Errorf("read the sign of life of %s: %w", m.Name(), err)
	}
	return pong.Linked, nil
}

// postPing gives a descendant a sign of life, without asking the loop.
func (n *Node) postPing(c *fiber.Ctx, req provedRequest) error {
	var in pingDocument
	if err := readJSON(req.body, &in); err != nil {
		return err
	}
	asker, err := proof.ParseInstance(in.Instance)
	if err != nil {
		return badRequest("body", err.Error())
	}
	if err := writeJSON(c, http.StatusOK, pongDocument{Linked: n.inCharge() || len(n.lineage.candidates()) > 0}); err != nil {
		return err
	}
	c.Set(proof.HeaderName, n.peers.signer.Header(asker, methodPong, pathPing, c.Response().Body()))
	return nil
}

// fromBelow refuses what an ancestor of this node asks. That happens when one of the
// two has a view of a book that the root has lost; see lineage.candidates.
func (n *Node) fromBelow(handle func(*fiber.Ctx, provedRequest) error) func(*fiber.Ctx, provedRequest) error {
	return func(c *fiber.Ctx, req provedRequest) error {
		if view := n.view.Load(); view != nil {
			for _, m := range view.Ancestors {
				if m.ID == req.sender {
					return unavailable("not-above", m.Name()+" is above this node, as far as this node knows")
				}
			}
		}
		return handle(c, req)
	}
}
