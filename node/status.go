package node

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/coordinator"
	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
)

// statusDocument is the answer of GET /synchronize.
type statusDocument struct {
	Node             string            `json:"node"`
	Role             string            `json:"role"`
	TreeID           string            `json:"tree_id"`
	Version          version.Version   `json:"version"`
	Epoch            uint64            `json:"epoch"`
	History          []version.Version `json:"history"`
	Floor            version.Version   `json:"floor"`
	Digest           store.Digest      `json:"digest"`
	LagMs            *int64            `json:"lag_ms"`
	LastPush         *pushDocument     `json:"last_push"`
	Pending          int               `json:"pending"`       // writes in this node's queue
	PendingBytes     int64             `json:"pending_bytes"` // what they take of writes.queue_max_bytes
	Superseded       uint64            `json:"superseded"`    // queued writes of this run that a later one had beaten
	Resubmitted      uint64            `json:"resubmitted"`   // queued writes of this run that were ordered
	Rescued          uint64            `json:"rescued"`       // writes that lay beyond the root's history, and were taken into the queue in this run
	Promised         uint64            `json:"promised"`      // the highest epoch that this node has accepted or promised
	DigestMismatches uint64            `json:"digest_mismatches"`
	Store            store.Counts      `json:"store"`
	Journal          journalDocument   `json:"journal"`
	Uplink           uplinkDocument    `json:"uplink"`
	Relay            *relayDocument    `json:"relay,omitempty"`
	*rootDocument
}

// journalDocument tells about this node's disk.
type journalDocument struct {
	Syncs           uint64 `json:"syncs"` // flushes since this process began
	LogBytes        int64  `json:"log_bytes"`
	CheckpointBytes int64  `json:"checkpoint_bytes"`
}

// uplinkDocument counts what this process sent to its parent.
type uplinkDocument struct {
	Requests uint64 `json:"requests"`
	Writes   uint64 `json:"writes"`
	Lookups  uint64 `json:"lookups"`
}

// relayDocument tells from whom a node gets what is new, and to whom it passes it on.
type relayDocument struct {
	ReportsTo *string  `json:"reports_to"`
	Serves    []string `json:"serves"`
}

// rootDocument is what the root adds.
type rootDocument struct {
	State    string           `json:"state"` // "starting", "adopting", "ordering", "paused" or "halted"
	Schedule string           `json:"schedule"`
	NextRun  string           `json:"next_run"`
	Fanout   string           `json:"fanout"`
	Eager    bool             `json:"eager"`
	LeaseMs  *int64           `json:"lease_ms,omitempty"` // for how much longer it may order, where the root is elected
	Nodes    []memberDocument `json:"nodes"`
}

// memberDocument is what the root knows of one node.
type memberDocument struct {
	Node       string           `json:"node"`
	State      string           `json:"state"`
	Confirmed  *version.Version `json:"confirmed"`
	Behind     *uint64          `json:"behind"` // in writes
	Digest     *string          `json:"digest"` // "match" or "mismatch" at the confirmed version
	LagMs      *int64           `json:"lag_ms"`
	Mismatches uint64           `json:"digest_mismatches"`
	LastPush   *pushDocument    `json:"last_push"`
}

// pushDocument tells about one push.
type pushDocument struct {
	When    string `json:"when"`
	Kind    string `json:"kind"`
	Outcome string `json:"outcome"`
	Entries int    `json:"entries"`
	Bytes   int    `json:"bytes"`
}

func rfc3339(unixMillis int64) string {
	return time.UnixMilli(unixMillis).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

func (n *Node) getSynchronize(c *fiber.Ctx) error {
	meta := n.store.Meta()
	document := statusDocument{
		Node: n.name, Role: n.role(), TreeID: meta.Tree.String(), Epoch: meta.Epoch,
		History: append([]version.Version{}, meta.History...), Floor: meta.Floor,
		DigestMismatches: n.mismatches.Load(), Store: n.store.Counts(),
		Journal: journalDocument{
			Syncs: n.disk.journal.Syncs(), LogBytes: n.disk.journal.LogBytes(), CheckpointBytes: n.disk.journal.CheckpointBytes(),
		},
		Uplink: uplinkDocument{
			Requests: n.uplinked.requests.Load(), Writes: n.uplinked.writes.Load(), Lookups: n.uplinked.lookups.Load(),
		},
	}
	document.Version, document.Digest = n.store.Digest()
	n.loop.query(func(core *replica.Replica) {
		document.Pending, document.PendingBytes = core.Pending()
		counts := core.QueueCounts()
		document.Superseded, document.Resubmitted, document.Rescued = counts.Superseded, counts.Ordered, counts.Rescued
		document.Promised = core.Fence()
		document.Relay = n.relayDocument(core)
	})
	if lag := n.lag(); lag.known {
		document.LagMs = &lag.millis
	}
	if last := n.lastPush.Load(); last != nil {
		document.LastPush = &pushDocument{When: rfc3339(last.When), Kind: last.Kind, Outcome: last.Outcome, Entries: last.Entries, Bytes: last.Bytes}
	}
	if root := n.root.Load(); root != nil {
		document.rootDocument = n.rootDocument(root)
	}
	return writeJSON(c, http.StatusOK, document)
}

// relayDocument is nil where only the root pushes.
func (n *Node) relayDocument(core *replica.Replica) *relayDocument {
	if !n.relays() {
		return nil
	}
	document := &relayDocument{Serves: []string{}}
	for _, k := range core.Serves() {
		document.Serves = append(document.Serves, coordinator.Name(int(k)))
	}
	n.reporting.mu.Lock()
	defer n.reporting.mu.Unlock()
	if m := n.reporting.to; m.ID != 0 && core.Linked() {
		name := m.Name()
		document.ReportsTo = &name
	}
	return document
}

func (n *Node) rootDocument(root *registry) *rootDocument {
	cfg := n.opts.Config.Sync
	document := &rootDocument{
		State: "ordering", Schedule: cfg.Schedule, NextRun: rfc3339(n.schedules.nextPush().UnixMilli()),
		Fanout: cfg.Fanout, Eager: cfg.Eager, Nodes: []memberDocument{},
	}
	if root.reign != nil {
		left := max(0, root.reign.lease.left().Milliseconds())
		document.LeaseMs = &left
	}
	var reports map[int]replica.Report
	n.loop.query(func(core *replica.Replica) { // once, so that state and reports are of one moment
		reports = reportsOf(core)
		switch {
		case core.Halted():
			document.State = "halted"
		case core.Adopting():
			document.State = "adopting"
		case core.Epoch() == 0:
			document.State = "starting"
		case !root.reign.holds():
			document.State = "paused"
		}
	})
	now := n.now().Unix
	applied := n.store.Applied()
	for _, m := range root.Members(time.Now()) {
		if m.ID == n.opts.ID {
			confirmed, behind, equal := applied, uint64(0), digestEqual
			own := memberDocument{Node: n.name, State: string(m.State), Confirmed: &confirmed, Behind: &behind, Digest: &equal}
			if lag := n.lag(); lag.known {
				own.LagMs = &lag.millis
			}
			document.Nodes = append(document.Nodes, own)
			continue
		}
		document.Nodes = append(document.Nodes, newMemberDocument(&m, reports[m.ID], applied, now))
	}
	return document
}

func newMemberDocument(m *coordinator.MemberState, r replica.Report, applied version.Version, now int64) memberDocument {
	d := memberDocument{Node: coordinator.Name(m.ID), State: string(m.State), Mismatches: r.Mismatches}
	if r.Known {
		behind := applied.Seq - min(applied.Seq, r.Confirmed.Seq)
		digest := digestDiffers
		if r.Matches {
			digest = digestEqual
		}
		d.Confirmed, d.Behind, d.Digest = &r.Confirmed, &behind, &digest
		if lag, known := r.LagMillis(now); known {
			d.LagMs = &lag
		}
	}
	if p := r.LastPush; p.When != 0 {
		d.LastPush = &pushDocument{When: rfc3339(p.When), Kind: p.Kind.String(), Outcome: string(p.Outcome), Entries: p.Entries, Bytes: p.Bytes}
	}
	return d
}
