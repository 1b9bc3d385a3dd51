package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"xylem/coordinator"
	"xylem/coordinator/zookeeper"
	"xylem/sync/replica"
	"xylem/sync/version"
)

// elected begins a candidacy, which the coordinator logs, as it does the end of it.
// e.mu is held.
func (e *election) elected(in *zookeeper.Elected) {
	e.depose()
	e.leave()
	e.root = coordinator.Member{}
	c := &candidacy{epoch: in.Epoch, living: make(map[int]coordinator.Member, len(in.Living)), placement: in.Placement}
	var members []uint32
	for _, m := range in.Living {
		c.living[m.ID] = m
		members = append(members, uint32(m.ID))
	}
	e.candidacy = c
	tree, err := version.ParseTreeID(in.Tree)
	if err == nil && tree.IsZero() {
		err = errors.New("it is empty")
	}
	if err != nil { // somebody wrote there
		e.giveUp(c, "the tree's id in the coordinator cannot be read: "+err.Error())
		return
	}
	e.node.loop.post(replica.Lead{Epoch: in.Epoch, Tree: tree, Members: members})
}

// serving makes this node the root of the epoch that it has begun, unless it has lost
// that meanwhile, and returns what its decisions rest on from now on. The loop calls it.
func (e *election) serving(in replica.Serving) *reign {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &reign{epoch: in.Epoch, lease: &e.lease}
	c := e.candidacy
	if c == nil || c.epoch != in.Epoch || c.root != nil || c.handing {
		r.over.Store(true)
		return r
	}
	n := e.node
	root, err := e.openRegistry(c, r)
	if err != nil {
		r.over.Store(true)
		e.giveUp(c, "the members' places: "+err.Error())
		return r
	}
	n.log.Info("ordering writes", "tree", n.store.Meta().Tree, "epoch", in.Epoch, "from_version", n.store.Applied(), "ordered_again", in.Again)
	c.root = root
	n.root.Store(root)
	e.attend(root)
	n.postMembers(root)
	placement, revision := root.Placement()
	n.work.Go(func() { e.publish(c, placement, revision) })
	e.tell()
	return r
}

// openRegistry makes the book of a root that begins, with the others that live in it:
// they are pushed to at once.
func (e *election) openRegistry(c *candidacy, r *reign) (*registry, error) {
	n := e.node
	now := time.Now()
	directory, err := coordinator.NewDirectory(n.opts.Config.Tree.Depth, n.opts.Config.Liveness.Timeout, n.self, c.placement, now)
	if err != nil {
		return nil, err
	}
	for _, k := range slices.Sorted(maps.Keys(c.living)) {
		_, _, err := directory.Join(c.living[k], now)
		if errors.Is(err, coordinator.ErrOutsideTree) {
			n.log.Warn("a node that is configured for a deeper tree is not let in", "err", err)
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	for _, k := range c.placement {
		if k > n.opts.Config.Nodes() {
			n.log.Warn("a node is outside the tree now: what waits in its queue, and is on its disk alone, is not heard of", "member", coordinator.Name(k))
		}
	}
	directory.SetEpoch(c.epoch)
	return &registry{Directory: directory, reign: r, epoch: c.epoch, served: make(chan struct{})}, nil
}

// publish makes it known that this node is the root.
func (e *election) publish(c *candidacy, placement coordinator.Placement, revision uint64) {
	err := e.ensemble.Serve(e.node.working, c.epoch, placement)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.candidacy != c || c.handing:
	case err != nil:
		e.giveUp(c, err.Error())
		e.tell()
	default:
		c.root.Persisted(revision)
		c.root.saved = revision
		close(c.root.served)
	}
}

// save makes the book of an elected root durable, in the coordinator, which takes it
// from nobody else any more once another was elected.
func (e *election) save(root *registry) error {
	select {
	case <-root.served:
	default:
		return fmt.Errorf("the coordinator has not heard yet that %s is the root", e.node.name)
	}
	root.saving.Lock()
	defer root.saving.Unlock()
	placement, revision := root.Placement()
	if revision <= root.saved {
		return nil
	}
	ctx, cancel := context.WithTimeout(e.node.working, e.node.opts.Config.Liveness.Timeout)
	defer cancel()
	if err := e.ensemble.Save(ctx, root.reign.epoch, placement); err != nil {
		return fmt.Errorf("write who is where: %w", err)
	}
	root.saved = revision
	root.Persisted(revision)
	return nil
}

// stepAside takes in that the core has given up a candidacy or reign.
func (e *election) stepAside(in replica.StepAside) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.candidacy
	if c == nil || c.epoch != in.Epoch {
		return
	}
	e.standAside(c, in.Beyond, in.Why)
	e.tell()
}

// giveUp ends a candidacy or reign that the core knows nothing against. e.mu is held.
func (e *election) giveUp(c *candidacy, why string) {
	e.standAside(c, 0, why)
	e.node.loop.post(replica.StandDown{})
}

// standAside has this node stand aside for others; the coordinator logs why. e.mu is
// held.
func (e *election) standAside(c *candidacy, beyond uint64, why string) {
	e.depose()
	e.leave()
	e.ensemble.StepAside(c.epoch, beyond, why)
}

// depose ends this node's candidacy or reign, and reports whether there was one. What
// it decided as the root is not told any more. e.mu is held.
func (e *election) depose() bool {
	c := e.candidacy
	if c == nil {
		return false
	}
	e.endReign(c)
	e.candidacy = nil
	return true
}

// endReign closes the book of a root. e.mu is held.
func (e *election) endReign(c *candidacy) {
	if c.root == nil {
		return
	}
	c.root.reign.over.Store(true)
	e.node.led.Store(e.lease.heard.Load()) // it held the latest until then
	e.node.root.Store(nil)
	c.root = nil
}

// addressOf is the URL of a member that this node's candidacy asks.
func (e *election) addressOf(k int) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.candidacy; c != nil && c.living[k].Address != "" {
		return c.living[k].Address, nil
	}
	return "", errNoAddress(k)
}

// errNoAddress says that a node's address is not known.
type errNoAddress int

// Error implements error.
func (k errNoAddress) Error() string { return "no address of NODE-" + strconv.Itoa(int(k)) }
