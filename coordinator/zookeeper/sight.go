package zookeeper

import (
	"errors"

	"github.com/go-zookeeper/zk"
)

// sight is what this node last saw of NS/root.
type sight struct {
	armed bool // its watch is: the path fires at the next change
	fresh bool // nothing has happened that makes the rest doubtful

	there   bool
	node    rootNode
	version int32
	owner   int64 // the session of who created it
}

// look reads NS/root if there may be news, and acts on it.
func (r *run) look() error {
	if r.root.fresh {
		return nil
	}
	there := true
	if !r.root.armed {
		var err error
		there, err = call(r.ctx, r.session, func(c *zk.Conn) (bool, error) {
			there, _, _, err := c.ExistsW(r.paths.root) // the callback hears of the event
			return there, err
		})
		if err != nil {
			return err
		}
		r.root.armed = true
	}
	seen := sight{armed: true, fresh: true}
	if there {
		v, err := r.session.get(r.ctx, r.paths.root)
		switch {
		case errors.Is(err, zk.ErrNoNode):
		case err != nil:
			return err
		default:
			seen.there, seen.version, seen.owner = true, v.version, v.owner
			if seen.node, err = decode[rootNode](r.paths.root, v.data); err != nil {
				r.log.Warn("nobody can be elected until this node of ZooKeeper is removed", "err", err)
			}
		}
	}
	r.root = seen
	return r.judge()
}

// judge draws the conclusions from what NS/root says.
func (r *run) judge() error {
	seen := r.root
	mine := seen.there && seen.owner == r.seen.id
	if seen.there {
		r.ballot = nil
	}
	if r.role != nil && !(mine && (r.role.epoch == 0 || r.role.epoch == seen.node.Epoch)) {
		r.log.Warn("deposed", "was", r.role.what(), "epoch", r.role.epoch)
		r.endRole()
	}
	switch {
	case mine && r.role != nil:
		r.role.version, r.role.serving = seen.version, seen.node.Serving
	case mine:
		// Given up, or made by a call whose answer was lost.
		return r.resign()
	case seen.there && seen.node.Serving && seen.node.ID != r.Self.ID:
		r.tell(Following{Root: seen.node.Member, Epoch: seen.node.Epoch})
	default:
		// Nobody, a candidate, or the process that had this name before.
		r.tell(Leaderless{})
	}
	return nil
}

// resign deletes NS/root, which is this session's, as it was seen last.
func (r *run) resign() error {
	_, err := call(r.ctx, r.session, func(c *zk.Conn) (struct{}, error) {
		return struct{}{}, c.Delete(r.paths.root, r.root.version)
	})
	r.root.fresh = false
	if err == nil || errors.Is(err, zk.ErrNoNode) || errors.Is(err, zk.ErrBadVersion) {
		return errAgain
	}
	return err
}
