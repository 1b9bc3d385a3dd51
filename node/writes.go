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

// pathWrites is where a node says what became of the writes that it queued.
const pathWrites = "/writes/"

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
