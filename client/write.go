package client

import (
	"context"
	"encoding/json"
	"fmt"

	"xylem/sync/version"
)

// What became of a write that a node answered with 202.
const (
	WritePending    = "pending"    // it waits in the node's queue
	WriteOrdered    = "ordered"    // at its Version
	WriteSuperseded = "superseded" // a later write of the key, that of Version, was there before it and stays
)

// Write is what became of a write that a node put into its queue.
type Write struct {
	ID      string          // as in Answer.WriteID
	State   string          // WritePending, WriteOrdered or WriteSuperseded
	Version version.Version // its own, or the winner's; zero while it is pending
	Body    json.RawMessage // the whole answer, as it came
}

// Write asks the node that answered a write with 202 what became of it; id is Answer.WriteID. Another node does not
// know, nor does this one once many others were settled after it: a *Problem that is ErrNotFound.
func (c *Client) Write(ctx context.Context, id string) (*Write, error) {
	var doc struct {
		ID      string `json:"write_id"`
		State   string `json:"state"`
		Version string `json:"version"`
	}
	path := "/writes/" + escape(id)
	r, err := c.read(ctx, path, "", &doc)
	if err != nil {
		return nil, err
	}
	w := &Write{ID: doc.ID, State: doc.State, Body: r.body}
	if doc.Version == "" {
		return w, nil
	}
	if w.Version, err = version.Parse(doc.Version); err != nil {
		return nil, fmt.Errorf("GET %s%s: %w: %w", c.base, path, ErrAnswer, err)
	}
	return w, nil
}
