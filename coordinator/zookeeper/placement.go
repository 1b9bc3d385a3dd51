package zookeeper

import (
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"

	"xylem/coordinator"
)

// fence makes a transaction hold only while this node is the candidate or root
// that took the epoch.
func (r *run) fence() []any {
	return []any{
		&zk.CheckVersionRequest{Path: r.paths.epoch, Version: r.role.epochVersion},
		&zk.CheckVersionRequest{Path: r.paths.root, Version: r.role.version},
	}
}

// fenced is what the failure of a transaction behind the fence means: the role has
// ended, or what was seen is out of date and it is to be tried again.
func (r *run) fenced(err error) error {
	if !errors.Is(err, zk.ErrBadVersion) && !errors.Is(err, zk.ErrNoNode) {
		return err
	}
	_, version, failed := r.readEpoch()
	if failed != nil {
		return failed
	}
	if version == r.role.epochVersion {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	err = fmt.Errorf("epoch %d: %w: another was taken", r.role.epoch, ErrDeposed)
	r.log.Warn("deposed", "was", r.role.what(), "err", err)
	r.lose()
	r.root.fresh = false
	return err
}

// serve makes the candidate the root. It may be done twice.
func (r *run) serve(p coordinator.Placement) error {
	if err := r.valid(p); err != nil {
		return err
	}
	node := rootNode{Member: r.Self, Epoch: r.role.epoch, Serving: true}
	versions, err := r.session.transact(r.ctx,
		&zk.CheckVersionRequest{Path: r.paths.epoch, Version: r.role.epochVersion},
		&zk.SetDataRequest{Path: r.paths.root, Data: encode(node), Version: r.role.version},
		&zk.SetDataRequest{Path: r.paths.placement, Data: encode(p), Version: -1},
		&zk.SetDataRequest{Path: r.paths.treeID, Data: []byte(r.Holding().Tree), Version: -1})
	if err != nil {
		return r.fenced(err)
	}
	r.role.version, r.role.serving = versions[1], true
	r.back.delay = 0
	r.log.Info("this node serves as root", "epoch", r.role.epoch)
	r.show(p)
	return nil
}

// save writes the root's placement.
func (r *run) save(p coordinator.Placement) error {
	if !r.role.serving {
		return fmt.Errorf("epoch %d: %w: it does not serve yet", r.role.epoch, ErrDeposed)
	}
	if err := r.valid(p); err != nil {
		return err
	}
	_, err := r.session.transact(r.ctx, append(r.fence(), &zk.SetDataRequest{Path: r.paths.placement, Data: encode(p), Version: -1})...)
	if err != nil {
		return r.fenced(err)
	}
	r.show(p)
	return nil
}

// valid refuses what the next root could not read.
func (r *run) valid(p coordinator.Placement) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if p.Depth() != r.Depth {
		return fmt.Errorf("%d levels in a tree of %d: %w", p.Depth(), r.Depth, coordinator.ErrPlacement)
	}
	return nil
}

// handOver ends this node's role, and names who goes first next.
func (r *run) handOver(to int) error {
	node := handoverNode{To: to, Epoch: r.role.epoch}
	_, there, err := r.readMember(r.ctx, to)
	if err != nil {
		return err
	}
	if !there || to == r.Self.ID {
		return fmt.Errorf("hand over to %s: %w", coordinator.Name(to), coordinator.ErrUnknownMember)
	}
	_, err = r.session.transact(r.ctx,
		&zk.CheckVersionRequest{Path: r.paths.epoch, Version: r.role.epochVersion},
		&zk.SetDataRequest{Path: r.paths.handover, Data: encode(node), Version: -1},
		&zk.DeleteRequest{Path: r.paths.root, Version: r.role.version})
	if err != nil {
		return r.fenced(err)
	}
	r.log.Info("handed over", "epoch", r.role.epoch, "to", coordinator.Name(to))
	r.root.fresh = false
	r.lose()
	return nil
}
