package node

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"xylem/coordinator"
	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// putStore answers PUT /store/{key}.
func (n *Node) putStore(c *fiber.Ctx) error {
	key, err := pathKey(c)
	if err != nil {
		return n.storeError(c, err)
	}
	value, err := n.readValue(c)
	if err != nil {
		return n.storeError(c, err)
	}
	return n.write(c, wire.Write{Key: strings.Clone(key), Value: value})
}

// deleteStore answers DELETE /store/{key}.
func (n *Node) deleteStore(c *fiber.Ctx) error {
	key, err := pathKey(c)
	if err != nil {
		return n.storeError(c, err)
	}
	return n.write(c, wire.Write{Key: strings.Clone(key)})
}

// write has a client's write ordered and answers with what became of it.
func (n *Node) write(c *fiber.Ctx, w wire.Write) error {
	async := false
	if h := &c.Request().Header; mentions(h, 'i', 'p') {
		var err error
		if w.If, err = condition(c); err != nil {
			return n.storeError(c, err)
		}
		async = prefersAsync(c)
	}
	w.ID = n.nextWriteID()
	made := n.submit(fromClient(&w, async))
	res := made.Results[0]
	vouch(c, made.reign)
	var etag version.Version
	if res.Outcome == wire.Ordered || res.Outcome == wire.Unmet {
		etag = res.Version
	}
	n.setFreshnessOf(c, version.Max(n.store.Applied(), version.Max(res.Version, res.AsOf)), n.lag(), etag)
	e := store.Entry{Key: w.Key, Value: w.Value, Version: res.Version, Write: w.ID}
	switch res.Outcome {
	case wire.Ordered:
		n.writeEntry(c, &e)
		return nil
	case wire.Pending:
		c.Status(http.StatusAccepted)
		c.Location(pathWrites + w.ID.String())
		n.writeEntry(c, &e)
		return nil
	}
	return n.writeRefusal(c, &w, res)
}

// writeRefusal answers a write that was not ordered, or may not have been.
func (n *Node) writeRefusal(c *fiber.Ctx, w *wire.Write, res wire.Result) error {
	switch res.Outcome {
	case wire.Superseded:
		body := appendString([]byte(`{"key":`), w.Key)
		body = append(body, `,"superseded":true,"version":"`...)
		body = append(res.Version.Append(body), `"}`...)
		c.Response().Header.SetContentType(typeJSON)
		c.Response().SetBodyRaw(body)
		return nil
	case wire.Unmet:
		p := &problem{status: http.StatusPreconditionFailed, slug: "condition-not-met", detail: "the key is absent"}
		if !res.Version.IsZero() {
			p.detail = "the key is at version " + res.Version.String()
			p.with("version", res.Version.String())
		}
		return p
	case wire.Full:
		return unavailable("root-disk-full", "the root's disk is full; the write was not ordered. Free some space there")
	case wire.QueueFull:
		return &problem{
			status: http.StatusInsufficientStorage, slug: "queue-full",
			detail: "this node has no room to keep the write until the root can be reached: its queue is as long as " +
				"writes.queue_max_bytes lets it be, or its disk is full. The write was certainly not ordered",
		}
	case wire.Unreachable:
		return unavailable("root-unreachable",
			"the root cannot be reached, or it cannot order: its disk has failed, or ZooKeeper is away; the write was certainly not ordered. Try again")
	default:
		return &problem{
			status: http.StatusGatewayTimeout, slug: "outcome-unknown",
			detail: "no answer came back from the root in time: the write may or may not have been ordered. Read the key",
		}
	}
}

// condition reads the preconditions of a write.
func condition(c *fiber.Ctx) (store.Condition, error) {
	h := &c.Request().Header
	matches, nones := h.PeekAll(headerMatch), h.PeekAll(headerNone)
	if len(matches)+len(nones) == 0 {
		return store.Condition{}, nil
	}
	if len(matches)+len(nones) > 1 {
		return store.Condition{}, badRequest("condition", "a write takes one of If-Match and If-None-Match, once")
	}
	match, none := c.Get(headerMatch), c.Get(headerNone)
	switch {
	case match == "*":
		return store.Condition{Kind: store.Exists}, nil
	case len(matches) > 0:
		text, isTag := strings.CutPrefix(match, `"`)
		text, closed := strings.CutSuffix(text, `"`)
		v, err := version.Parse(text)
		if !isTag || !closed || err != nil {
			return store.Condition{}, badRequest("condition", `If-Match takes one ETag as this API gave it, as in "3.1042", or *`)
		}
		return store.Condition{Kind: store.Matches, Version: v}, nil
	case none == "*":
		return store.Condition{Kind: store.Absent}, nil
	}
	return store.Condition{}, badRequest("condition", "If-None-Match of a write takes * only: write if the key is absent")
}

// prefersAsync reports whether a client asks for 202 at once (RFC 7240).
func prefersAsync(c *fiber.Ctx) bool {
	for _, line := range c.Request().Header.PeekAll("Prefer") {
		for preference := range strings.SplitSeq(string(line), ",") {
			name, _, _ := strings.Cut(preference, ";")
			if strings.EqualFold(strings.TrimSpace(name), "respond-async") {
				return true
			}
		}
	}
	return false
}

// pathWrites is where a node says what became of the writes that it queued.
const pathWrites = "/writes/"

// writeDocument says what became of a write that was answered 202.
type writeDocument struct {
	WriteID string `json:"write_id"`
	State   string `json:"state"`             // "pending", "ordered" or "superseded"
	Version string `json:"version,omitempty"` // its own, or the winner's
}

// stateNames are the states of writeDocument.
var stateNames = map[wire.Outcome]string{wire.Pending: "pending", wire.Ordered: "ordered", wire.Superseded: "superseded"}

// getWrite answers what became of a write that this node queued.
func (n *Node) getWrite(c *fiber.Ctx) error {
	id, err := version.ParseWriteID(c.Params("id"))
	if err != nil {
		return badRequest("write-id", err.Error())
	}
	var fate wire.Result
	found := false
	if !n.loop.query(func(core *replica.Replica) { fate, found = core.Fate(id) }) {
		return unavailable("stopping", "this node is stopping")
	}
	if !found {
		return &problem{status: http.StatusNotFound, slug: "no-such-write", detail: n.unknownWrite(id).Error()}
	}
	document := writeDocument{WriteID: id.String(), State: stateNames[fate.Outcome]}
	if !fate.Version.IsZero() {
		document.Version = fate.Version.String()
	}
	return writeJSON(c, http.StatusOK, document)
}

func (n *Node) unknownWrite(id version.WriteID) error {
	if int(id.Node) != n.opts.ID {
		return errors.New("only the node that took a write knows what became of it: ask " + coordinator.Name(int(id.Node)))
	}
	return fmt.Errorf("this node did not queue it, or it was settled before the last %d that were", store.MaxSettled)
}
