package client

import (
	"context"
	"encoding/json"
)

// Push is one push of the root: when it was sent or came, and what was in it.
type Push struct {
	When    string `json:"when"`
	Kind    string `json:"kind"`    // delta, snapshot, heartbeat
	Outcome string `json:"outcome"` // at the root only: how the node answered
	Entries int    `json:"entries"`
	Bytes   int64  `json:"bytes"`
}

// Synchronization is what a node says of its own state at GET /synchronize.
type Synchronization struct {
	Node             string   `json:"node"`
	Role             string   `json:"role"` // root, candidate, node
	TreeID           string   `json:"tree_id"`
	Version          string   `json:"version"` // applied
	History          []string `json:"history"` // the cuts, oldest first
	Digest           string   `json:"digest"`  // of the state at Version, hexadecimal
	LagMs            *float64 `json:"lag_ms"`  // milliseconds; nil when unknown
	LastPush         *Push    `json:"last_push"`
	Pending          int64    `json:"pending"`       // writes in the node's queue
	PendingBytes     int64    `json:"pending_bytes"` // what they take there
	Superseded       int64    `json:"superseded"`    // queued writes that a later one was there before, since the node started
	Resubmitted      int64    `json:"resubmitted"`   // queued writes that were ordered, since the node started
	DigestMismatches int64    `json:"digest_mismatches"`

	// At the root only.
	State    string     `json:"state"` // ordering, or why not: starting, adopting, paused, halted
	Schedule string     `json:"schedule"`
	NextRun  string     `json:"next_run"`
	Fanout   string     `json:"fanout"`
	Nodes    []Progress `json:"nodes"`

	Body json.RawMessage `json:"-"` // the whole answer, as it came
}

// Progress is how far a node is, as its confirmations told the root.
type Progress struct {
	Node      string   `json:"node"`
	Confirmed string   `json:"confirmed"`
	Behind    int64    `json:"behind"` // writes
	Digest    string   `json:"digest"` // what the node's digest said of itself
	LagMs     *float64 `json:"lag_ms"`
	State     string   `json:"state"`
	LastPush  *Push    `json:"last_push"`
}

// Synchronization asks the node at which version it is.
func (c *Client) Synchronization(ctx context.Context) (*Synchronization, error) {
	var doc Synchronization
	r, err := c.read(ctx, "/synchronize", "", &doc)
	if err != nil {
		return nil, err
	}
	doc.Body = r.body
	return &doc, nil
}
