package node

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"xylem/coordinator"
	"xylem/sync/replica"
)

// registry is what only the root has: the book of members, and what it
// remembers of each.
type registry struct {
	*coordinator.Directory
	reign     *reign     // nil with the embedded coordinator
	placing   sync.Mutex // see persistPlacement and postMembers
	processes sync.Map   // k to the process that joined last
	presences sync.Map   // k of who reports to its presence
	announced sync.Map   // k to the address under which it last announced itself
	strangers sync.Map   // k to the state with which it was last refused, and that logged
	refusals  sync.Map   // k to the last refusal of a push that was logged
	epoch     uint64     // as Directory was last told: by the loop, or when it was made

	// Of an elected root:
	served chan struct{} // closed once the coordinator knows of it
	saving sync.Mutex    // one place after the other
	saved  uint64        // the revision that the coordinator has
}

// persistPlacement makes the root's book of who is where durable: with the embedded
// coordinator in this node's journal.
func (n *Node) persistPlacement(root *registry) error {
	if root.reign != nil {
		return n.election.save(root)
	}
	done := make(chan error, 1)
	// Looked up and handed over under one lock, so that no older book is written
	// after a newer one; written outside of it.
	root.placing.Lock()
	placement, revision := root.Placement()
	n.disk.put(diskRequest{placement: placement, sync: true, done: func(err error) { done <- err }})
	root.placing.Unlock()
	if err := <-done; err != nil {
		return fmt.Errorf("write who is where: %w", err)
	}
	root.Persisted(revision)
	return nil
}

// newlyRefused reports whether a node was not refused with this state before.
func (r *registry) newlyRefused(in *joinDocument) bool {
	state := in.TreeID + " " + in.Version.String()
	last, found := r.strangers.Swap(in.ID, state)
	return !found || last != state
}

// postMembers tells the core whom to push to. Listed and posted under one lock, so
// that no older list follows a newer one.
func (n *Node) postMembers(root *registry) {
	root.placing.Lock()
	defer root.placing.Unlock()
	n.loop.post(n.members(root))
}

// members lists whom the root pushes to: everybody who joined since it started.
func (n *Node) members(root *registry) replica.Members {
	var in replica.Members
	for _, m := range root.Members(time.Now()) {
		if m.Instance != "" && m.ID != n.opts.ID {
			in.Members = append(in.Members, replica.Member{Node: uint32(m.ID), Instance: m.Instance})
		}
	}
	slices.SortFunc(in.Members, func(a, b replica.Member) int { return int(a.Node) - int(b.Node) })
	return in
}

// addressOf is the URL of a member, or of a node that reports to this one.
func (n *Node) addressOf(k int) (string, error) {
	root := n.root.Load()
	if root == nil {
		if address, found := n.reporting.below.Load(k); found {
			return address.(string), nil
		}
		return "", errNotRoot
	}
	view, err := root.View(k, time.Now())
	return view.Self.Address, err
}

// announcedAddress is the URL under which a node that is not let in yet announced
// itself.
func (n *Node) announcedAddress(k int) (string, error) {
	if n.election != nil {
		return n.election.addressOf(k)
	}
	if address, found := n.root.Load().announced.Load(k); found {
		return address.(string), nil
	}
	return "", errors.New("no address of NODE-" + strconv.Itoa(k))
}
