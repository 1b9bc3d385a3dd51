package zookeeper

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-zookeeper/zk"

	"xylem/coordinator"
)

// stand makes this node the candidate, unless another was faster.
func (r *run) stand() error {
	r.ballot = nil
	err := r.session.create(r.ctx, r.paths.root, encode(rootNode{Member: r.Self}), zk.FlagEphemeral, r.acl)
	if errors.Is(err, zk.ErrNodeExists) {
		r.root.fresh = false
		return errAgain
	}
	if err != nil {
		return err
	}
	r.role = &role{}
	r.root.there, r.root.version, r.root.owner, r.root.node = true, 0, r.seen.id, rootNode{Member: r.Self}
	return r.takeEpoch()
}

// takeEpoch gives the candidate an epoch that nobody else ever has, and delivers
// Elected.
func (r *run) takeEpoch() error {
	if r.role == nil || r.role.elected {
		return nil
	}
	members, err := r.living(r.ctx)
	if err != nil {
		return err
	}
	placement, err := r.readPlacement()
	if err != nil {
		return err
	}
	tree, err := r.agreeOnTree()
	if err != nil {
		return err
	}
	if h := r.Holding(); h.Epoch > 0 && h.Tree != tree {
		r.log.Warn("ZooKeeper names another tree than that whose state this node holds; do two trees use one namespace?",
			"namespace", r.Namespace, "tree", tree, "holds", h.Tree)
	}
	last, version, err := r.readEpoch()
	if err != nil {
		return err
	}
	switch taken := r.root.node.Epoch; taken {
	case 0:
		epoch := max(last, r.Holding().Promised, r.back.beyond)
		for _, m := range members {
			epoch = max(epoch, m.Promised, m.Epoch)
		}
		if err := r.raise(epoch+1, version); err != nil {
			return err
		}
	case last: // the answer of raise was lost
		r.role.epoch, r.role.epochVersion = taken, version
	default: // and then somebody wrote another
		return r.resign()
	}
	r.announce(members, placement, tree)
	return nil
}

// agreeOnTree is the id of the tree: this node's, unless there is one already.
func (r *run) agreeOnTree() (string, error) {
	v, err := r.session.get(r.ctx, r.paths.treeID)
	if err != nil || len(v.data) > 0 {
		return string(v.data), err
	}
	mine := r.Holding().Tree
	_, err = r.session.transact(r.ctx, &zk.SetDataRequest{Path: r.paths.treeID, Data: []byte(mine), Version: v.version})
	if errors.Is(err, zk.ErrBadVersion) {
		return "", errAgain
	}
	return mine, err
}

// raise takes an epoch, unless NS/epoch has another version by now.
func (r *run) raise(epoch uint64, version int32) error {
	versions, err := r.session.transact(r.ctx,
		&zk.SetDataRequest{Path: r.paths.epoch, Data: strconv.AppendUint(nil, epoch, 10), Version: version},
		&zk.SetDataRequest{Path: r.paths.root, Data: encode(rootNode{Member: r.Self, Epoch: epoch}), Version: r.role.version})
	if errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNoNode) {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	if err != nil {
		return err
	}
	r.role.epoch, r.role.epochVersion, r.role.version = epoch, versions[0], versions[1]
	return nil
}

// announce tells this node that it is the candidate.
func (r *run) announce(members []memberNode, placement coordinator.Placement, tree string) {
	r.role.elected = true
	e := Elected{Epoch: r.role.epoch, Placement: placement, Tree: tree}
	for _, m := range members {
		if m.ID != r.Self.ID {
			e.Living = append(e.Living, m.Member)
		}
	}
	r.log.Info("candidate for root", "epoch", e.Epoch, "living", len(members))
	r.tell(e)
}
