package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Root is who the root is after a move.
type Root struct {
	Root    string          `json:"root"`    // NODE-3
	Address string          `json:"address"` // its URL
	Epoch   uint64          `json:"epoch"`   // in which it serves
	Body    json.RawMessage `json:"-"`       // the whole answer, as it came
}

// MoveRoot asks the root to hand its role to the named node, and waits until that one
// serves. It changes nothing when that node is the root. The root is found as for
// Nodes. A root that cannot be replaced, or not by that node now, answers with a
// *Problem that is ErrConflict; one that is ErrOutcomeUnknown says that the node does not
// serve yet. Then, and when no answer comes (ErrUnreachable), the root may be moved all
// the same: ask for Nodes.
func (c *Client) MoveRoot(ctx context.Context, node string) (*Root, error) {
	body, err := json.Marshal(map[string]string{"node": node})
	if err != nil {
		return nil, err
	}
	const path = "/nodes/root"
	r, err := c.sendToRoot(ctx, call{method: http.MethodPost, path: path, body: body})
	if err != nil {
		return nil, err
	}
	if !r.ok() {
		return nil, r.problem(true)
	}
	root := Root{Body: r.body}
	if err := lenient(r.body, &root); err != nil {
		return nil, fmt.Errorf("POST %s%s: %w", c.base, path, err)
	}
	if root.Root == "" {
		return nil, fmt.Errorf("POST %s%s: no member \"root\": %w", c.base, path, ErrAnswer)
	}
	return &root, nil
}
