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
	placing   sync.Mutex // see persistPlacement and postMembers
	announced sync.Map   // k to the address under which it last announced itself
	strangers sync.Map   // k to the state with which it was last refused, and that logged
	refusals  sync.Map   // k to the last refusal of a push that was logged
	epoch     uint64     // as the loop last told Directory
}

// persistPlacement makes the root's book of who is where durable.
func (n *Node) persistPlacement() error {
	done := make(chan error, 1)
	// Looked up and handed over under one lock, so that no older book is written
	// after a newer one; written outside of it.
	n.root.placing.Lock()
	placement, revision := n.root.Placement()
	n.disk.put(diskRequest{placement: placement, sync: true, done: func(err error) { done <- err }})
	n.root.placing.Unlock()
	if err := <-done; err != nil {
		return fmt.Errorf("write who is where: %w", err)
	}
	n.root.Persisted(revision)
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
func (n *Node) postMembers() {
	n.root.placing.Lock()
	defer n.root.placing.Unlock()
	n.loop.post(n.members())
}

// members lists whom the root pushes to: everybody who joined since it started.
func (n *Node) members() replica.Members {
	var in replica.Members
	for _, m := range n.root.Members(time.Now()) {
		if m.Instance != "" && m.ID != n.opts.ID {
			in.Members = append(in.Members, replica.Member{Node: uint32(m.ID), Instance: m.Instance})
		}
	}
	slices.SortFunc(in.Members, func(a, b replica.Member) int { return int(a.Node) - int(b.Node) })
	return in
}

// addressOf is the URL of a member.
func (n *Node) addressOf(k int) (string, error) {
	view, err := n.root.View(k, time.Now())
	return view.Self.Address, err
}

// announcedAddress is the URL under which a node that is not let in yet announced
// itself.
func (n *Node) announcedAddress(k int) (string, error) {
	if address, found := n.root.announced.Load(k); found {
		return address.(string), nil
	}
	return "", errors.New("no address of NODE-" + strconv.Itoa(k))
}
