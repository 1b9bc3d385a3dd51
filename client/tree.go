package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Node is one node as the root sees it. Versions are "epoch.seq" and times RFC 3339, both empty when unknown; the same
// holds for the other documents of this file.
type Node struct {
	Node     string   `json:"node"`
	Address  string   `json:"address"`
	Position int      `json:"position"` // 0: none yet
	Parent   string   `json:"parent"`   // empty for the root
	Children []string `json:"children"`
	State    string   `json:"state"` // alive, down, absent
	Since    string   `json:"since"`
	Version  string   `json:"version"`
	LagMs    *float64 `json:"lag_ms"` // milliseconds; nil when unknown
	StandIn  string   `json:"stand_in"`
}

// Nodes asks the root for every node, and returns the answer as it came as well. Another node names the root, which is
// asked then, at the address by which the nodes know it. Where that cannot be reached from here, the error is a *Problem
// that is ErrForbidden and has the extensions "root" and "address".
func (c *Client) Nodes(ctx context.Context) ([]Node, json.RawMessage, error) {
	var doc struct {
		Nodes []Node `json:"nodes"`
	}
	r, err := c.readAtRoot(ctx, "/nodes", &doc)
	if err != nil {
		return nil, nil, err
	}
	return doc.Nodes, r.body, nil
}

// Structure asks the root who holds which position, in heap order: the children of index i are at 2i+1 and 2i+2. A free
// position is an empty name. The root is found as for Nodes.
func (c *Client) Structure(ctx context.Context) ([]string, error) {
	var doc struct {
		Positions []string `json:"binary_tree_array"`
	}
	_, err := c.readAtRoot(ctx, "/nodes/structure", &doc)
	return doc.Positions, err
}

// Ancestors asks the root for the names on the way from the root to the node, without the node itself. It registers
// nobody. The root is found as for Nodes.
func (c *Client) Ancestors(ctx context.Context, node string) ([]string, error) {
	var doc struct {
		Path string `json:"path"`
	}
	if _, err := c.readAtRoot(ctx, "/nodes/parent/"+escape(node), &doc); err != nil {
		return nil, err
	}
	return strings.FieldsFunc(doc.Path, func(r rune) bool { return r == '/' }), nil
}

// Status is what a node says of itself at GET /.
type Status struct {
	Status   string `json:"status"` // alive
	Node     string `json:"node"`
	Address  string `json:"address"`
	Role     string `json:"role"`     // root, candidate, node
	Epoch    uint64 `json:"epoch"`    // of the state; 0 before it holds one
	Position int    `json:"position"` // 0 until it has joined
	Parent   string `json:"parent"`
	Version  string `json:"version"`
	TreeID   string `json:"tree_id"`
}

// Status asks the node who it is and where in the tree.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	var doc Status
	if _, err := c.read(ctx, "/", "", &doc); err != nil {
		return nil, err
	}
	return &doc, nil
}

// Ready asks whether the node holds a state that it can serve; nil if so.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.read(ctx, "/readyz", "", nil)
	return err
}

// read gets a document of a fixed path and decodes it into doc, leniently; doc may be nil.
func (c *Client) read(ctx context.Context, path, query string, doc any, opts ...RequestOption) (*reply, error) {
	r, err := c.send(ctx, call{method: http.MethodGet, path: path, query: query, opts: opts})
	return c.decode(r, err, path, doc)
}

// readAtRoot is read for what only the root answers.
func (c *Client) readAtRoot(ctx context.Context, path string, doc any) (*reply, error) {
	r, err := c.sendToRoot(ctx, call{method: http.MethodGet, path: path})
	return c.decode(r, err, path, doc)
}

// sendToRoot is send for what only the root answers: when another node names the root, that is asked. Where it cannot
// be reached the first answer stands.
func (c *Client) sendToRoot(ctx context.Context, call call) (*reply, error) {
	first, err := c.send(ctx, call)
	if err != nil || first.status != http.StatusForbidden {
		return first, err
	}
	var named *Problem
	if !errors.As(first.problem(call.write()), &named) || named.Extension("address") == "" {
		return first, nil
	}
	root := *c
	if root.base, root.baseErr = parseBase(named.Extension("address")); root.baseErr != nil {
		return first, nil
	}
	r, err := root.send(ctx, call)
	if errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrOutcomeUnknown) {
		return first, nil
	}
	return r, err
}

// decode reads the document of an answer into doc.
func (c *Client) decode(r *reply, err error, path string, doc any) (*reply, error) {
	if err != nil {
		return nil, err
	}
	if !r.ok() {
		return nil, r.problem(false)
	}
	if doc == nil {
		return r, nil
	}
	if err := lenient(r.body, doc); err != nil {
		return nil, fmt.Errorf("GET %s%s: %w", c.base, path, err)
	}
	return r, nil
}
