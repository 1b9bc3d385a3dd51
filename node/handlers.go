package node

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/coordinator"
	"xylem/sync/replica"
)

// writeJSON answers with a document.
func writeJSON(c *fiber.Ctx, status int, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	c.Status(status).Response().Header.SetContentType(typeJSON)
	c.Response().SetBodyRaw(body)
	return nil
}

// role is what GET / and GET /synchronize call this node.
func (n *Node) role() string {
	switch {
	case n.isRoot():
		return "root"
	case n.election != nil && n.election.candidate():
		return "candidate"
	}
	return "node"
}

// selfDocument is the answer of GET /.
type selfDocument struct {
	Status   string  `json:"status"`
	Node     string  `json:"node"`
	Address  string  `json:"address"`
	Role     string  `json:"role"`
	Epoch    uint64  `json:"epoch"`    // of the state; 0 before it holds one
	Position int     `json:"position"` // 0 until it has joined
	Parent   *string `json:"parent"`
	Version  string  `json:"version"`
	TreeID   string  `json:"tree_id"`
}

func (n *Node) getSelf(c *fiber.Ctx) error {
	meta := n.store.Meta()
	document := selfDocument{
		Status: "alive", Node: n.name, Address: n.opts.Advertise, Role: n.role(),
		Epoch: meta.Epoch, Version: n.store.Applied().String(), TreeID: meta.Tree.String(),
	}
	if view := n.view.Load(); view != nil {
		document.Position = view.Position
	}
	if parent, found := n.parent(); found {
		name := parent.Name()
		document.Parent = &name
	}
	return writeJSON(c, http.StatusOK, document)
}

func (n *Node) getHealth(c *fiber.Ctx) error {
	return writeJSON(c, http.StatusOK, map[string]string{"status": "alive"})
}

// getReady says whether the node holds a state that it can serve.
func (n *Node) getReady(c *fiber.Ctx) error {
	if n.store.Meta().Epoch == 0 {
		return unavailable("not-ready", "this node holds no state yet: it waits for its first push, or at the root for its members")
	}
	return writeJSON(c, http.StatusOK, map[string]string{"status": "ready", "version": n.store.Applied().String()})
}

// atRoot lets only the root answer; others name it.
func (n *Node) atRoot(handle func(*fiber.Ctx, *registry) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if root := n.root.Load(); root != nil {
			return handle(c, root)
		}
		return n.askTheRoot()
	}
}

// askTheRoot names the root.
func (n *Node) askTheRoot() error {
	root := coordinator.Member{ID: n.opts.Config.Tree.Root, Address: n.opts.RootURL}
	if n.election != nil {
		if root, _ = n.election.current(); root.ID == 0 {
			return unavailable("no-root", "no root is known at the moment: one is being elected, or this node cannot reach ZooKeeper, which its log says; ask again")
		}
	}
	return (&problem{
		status: http.StatusForbidden, slug: "ask-the-root",
		detail: "only the root knows the tree: ask " + root.Name() + " at " + root.Address,
	}).with("root", root.Name()).with("address", root.Address)
}

// nodeDocument is one node in the answer of GET /nodes.
type nodeDocument struct {
	Node     string   `json:"node"`
	Address  *string  `json:"address"`
	Position *int     `json:"position"`
	Parent   *string  `json:"parent"`
	Children []string `json:"children"`
	State    string   `json:"state"`
	Since    *string  `json:"since"`
	Version  *string  `json:"version"`
	LagMs    *int64   `json:"lag_ms"`
	StandIn  *string  `json:"stand_in"`
}

func (n *Node) getNodes(c *fiber.Ctx, root *registry) error {
	reports := n.reports()
	now := n.now()
	var nodes []nodeDocument
	for _, m := range root.Members(time.Now()) {
		nodes = append(nodes, n.nodeDocument(&m, reports[m.ID], now.Unix))
	}
	return writeJSON(c, http.StatusOK, map[string]any{"nodes": nodes})
}

func (n *Node) nodeDocument(m *coordinator.MemberState, report replica.Report, nowMillis int64) nodeDocument {
	d := nodeDocument{Node: coordinator.Name(m.ID), Children: []string{}, State: string(m.State)}
	if m.Address != "" {
		d.Address = &m.Address
	}
	if m.Position > 0 {
		d.Position = &m.Position
	}
	if m.Parent > 0 {
		name := coordinator.Name(m.Parent)
		d.Parent = &name
	}
	for _, k := range m.Children {
		d.Children = append(d.Children, coordinator.Name(k))
	}
	if m.StandIn > 0 {
		name := coordinator.Name(m.StandIn)
		d.StandIn = &name
	}
	if !m.Since.IsZero() {
		since := m.Since.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		d.Since = &since
	}
	switch {
	case m.ID == n.opts.ID:
		applied := n.store.Applied().String()
		d.Version = &applied
		if lag := n.lag(); lag.known {
			d.LagMs = &lag.millis
		}
	case report.Known:
		confirmed := report.Confirmed.String()
		d.Version = &confirmed
		if lag, known := report.LagMillis(nowMillis); known {
			d.LagMs = &lag
		}
	}
	return d
}

func (n *Node) getStructure(c *fiber.Ctx, root *registry) error {
	placement, _ := root.Placement()
	return writeJSON(c, http.StatusOK, map[string]any{"binary_tree_array": placement.BinaryTreeArray()})
}

func (n *Node) getAncestors(c *fiber.Ctx, root *registry) error {
	k, err := coordinator.ParseName(c.Params("node"))
	if err != nil {
		return badRequest("node", err.Error())
	}
	placement, _ := root.Placement()
	path, err := placement.Path(k)
	if err != nil {
		return &problem{status: http.StatusNotFound, slug: "no-such-node", detail: err.Error()}
	}
	return writeJSON(c, http.StatusOK, map[string]string{"path": path})
}

// reports is what the core knows of every member, by k.
func (n *Node) reports() map[int]replica.Report {
	var reports map[int]replica.Report
	n.loop.query(func(core *replica.Replica) { reports = reportsOf(core) })
	return reports
}

func reportsOf(core *replica.Replica) map[int]replica.Report {
	reports := make(map[int]replica.Report)
	for _, r := range core.Reports() {
		reports[int(r.Node)] = r
	}
	return reports
}
