package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/coordinator"
	"xylem/sync/replica"
)

// moveTimeout is how long a move of the root is waited for.
const moveTimeout = 10 * time.Second

// moveDocument asks for a move.
type moveDocument struct {
	Node string `json:"node"`
}

// rootOf says who is the root.
type rootOf struct {
	Root    string `json:"root"`
	Address string `json:"address"`
	Epoch   uint64 `json:"epoch"`
}

// maxMoveBytes bounds the body of a move.
const maxMoveBytes = 4 << 10

// postMove hands the role of the root to another node.
func (n *Node) postMove(c *fiber.Ctx, root *registry) error {
	if root.reign == nil {
		return notElected()
	}
	body, err := appendBody(nil, c, maxMoveBytes)
	if err != nil {
		return err
	}
	var in moveDocument
	if json.Unmarshal(body, &in) != nil || in.Node == "" {
		return badRequest("body", `the body must be a JSON object that names the node, as in {"node": "NODE-3"}`)
	}
	k, err := coordinator.ParseName(in.Node)
	if err != nil {
		return badRequest("node", err.Error())
	}
	if k == n.opts.ID {
		return writeJSON(c, http.StatusOK, rootOf{n.name, n.opts.Advertise, root.reign.epoch})
	}
	if err := movable(root, k); err != nil {
		return err
	}
	moved, err := n.move(root, k)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, moved)
}

// movable refuses a node that cannot be the root now.
func movable(root *registry, k int) error {
	for _, m := range root.Members(time.Now()) {
		switch {
		case m.ID == k && m.State == coordinator.Alive:
			return nil
		case m.ID == k:
			return &problem{
				status: http.StatusConflict, slug: "not-alive",
				detail: m.Name() + " gives no sign of life; start it, or name another node",
			}
		}
	}
	return &problem{
		status: http.StatusNotFound, slug: "no-such-node", detail: coordinator.Name(k) + " is not a node of this tree",
	}
}

// move is a root's way to have another take over.
type move struct {
	to  int    // k
	why string // it has failed
}

// move hands over to NODE-k and waits until that one serves.
func (n *Node) move(root *registry, k int) (*rootOf, error) {
	e := n.election
	m, err := e.beginMove(root, k)
	if err != nil {
		return nil, err
	}
	n.loop.post(replica.HandOver{Node: uint32(k)})
	patience := time.NewTimer(moveTimeout)
	defer patience.Stop()
	for {
		changed, moved, why := e.moved(root.reign.epoch, m)
		if why != "" {
			return nil, &problem{status: http.StatusGatewayTimeout, slug: "not-moved", detail: why + "; GET /nodes shows who is the root"}
		}
		if moved != nil {
			return moved, nil
		}
		select {
		case <-changed:
		case <-patience.C:
			return nil, &problem{
				status: http.StatusGatewayTimeout, slug: "not-moved",
				detail: coordinator.Name(k) + " does not serve as the root yet; GET /nodes shows who does",
			}
		case <-n.stopping:
			return nil, unavailable("stopping", "this node is stopping")
		}
	}
}

// beginMove notes that the root is to move to NODE-k. There is one move at a time.
func (e *election) beginMove(root *registry, k int) (*move, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.candidacy
	switch {
	case c == nil || c.root != root:
		return nil, &problem{
			status: http.StatusGatewayTimeout, slug: "not-moved",
			detail: e.node.name + " has just ceased to be the root; GET /nodes shows who is the root",
		}
	case c.moving != nil:
		return nil, &problem{
			status: http.StatusConflict, slug: "moving",
			detail: "the root is moving to " + coordinator.Name(c.moving.to) + "; ask again when that has ended",
		}
	}
	c.moving = &move{to: k}
	return c.moving, nil
}

// moved tells what has become of a move from an epoch: who is the root, or why it has
// failed, or neither, and when to look again.
func (e *election) moved(epoch uint64, m *move) (changed <-chan struct{}, root *rootOf, why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.candidacy
	switch to := coordinator.Name(m.to); {
	case e.root.ID == m.to && e.epoch > epoch:
		root = &rootOf{e.root.Name(), e.root.Address, e.epoch}
	case e.root.ID != 0 && e.epoch > epoch:
		why = fmt.Sprintf("%s serves as the root instead of %s", e.root.Name(), to)
	case c != nil && c.epoch > epoch:
		why = fmt.Sprintf("%s did not take over, and %s was elected again", to, e.node.name)
	default:
		why = m.why
	}
	return e.changed, root, why
}

// handedOver takes in that a member holds all that this root has ordered, or cannot be
// brought there.
func (e *election) handedOver(in replica.HandedOver) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, to := e.candidacy, int(in.Node)
	switch {
	case c == nil || c.epoch != in.Epoch || c.handing:
		return
	case in.Failed:
		if m := c.moving; m != nil {
			m.why = fmt.Sprintf("%s could not be brought to the root's state in time, and %s goes on as the root", coordinator.Name(to), e.node.name)
			if c.root != nil && !c.root.reign.holds() {
				m.why = fmt.Sprintf("%s cannot hand the root over while it does not reach ZooKeeper", e.node.name)
			}
			c.moving = nil
			e.tell()
		}
		return
	}
	e.node.log.Info("handing the root over", "to", coordinator.Name(to), "epoch", c.epoch, "version", e.node.store.Applied())
	c.handing = true
	e.endReign(c) // before another may be elected
	e.leave()
	e.node.work.Go(func() {
		err := e.ensemble.HandOver(e.node.working, c.epoch, to)
		e.mu.Lock()
		defer e.mu.Unlock()
		if err != nil && e.candidacy == c {
			e.giveUp(c, "handing over to "+coordinator.Name(to)+" failed: "+err.Error())
			e.tell()
		}
	})
}
