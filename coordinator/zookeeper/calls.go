package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-zookeeper/zk"

	"xylem/coordinator"
)

// value is the data of a node and its version.
type value struct {
	data    []byte
	version int32
	owner   int64 // the session that an ephemeral node lives by
}

// get reads a node.
func (s *session) get(ctx context.Context, name string) (value, error) {
	return call(ctx, s, func(c *zk.Conn) (value, error) {
		data, stat, err := c.Get(name)
		if err != nil {
			return value{}, fmt.Errorf("read %s: %w", name, err)
		}
		return value{data, stat.Version, stat.EphemeralOwner}, nil
	})
}

// create makes a node; that it is there already is the error zk.ErrNodeExists.
func (s *session) create(ctx context.Context, name string, data []byte, flags int32, acl []zk.ACL) error {
	_, err := call(ctx, s, func(c *zk.Conn) (string, error) { return c.Create(name, data, flags, acl) })
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	return nil
}

// transact does all of the operations or none, and returns the versions of the
// nodes that were set, by the place of the operation.
func (s *session) transact(ctx context.Context, ops ...any) ([]int32, error) {
	return call(ctx, s, func(c *zk.Conn) ([]int32, error) {
		results, err := c.Multi(ops...)
		if err != nil {
			return nil, err
		}
		versions := make([]int32, len(results))
		for i, result := range results {
			if result.Stat != nil {
				versions[i] = result.Stat.Version
			}
		}
		return versions, nil
	})
}

// maxEpoch is far beyond what elections can reach. More was written by somebody else,
// and would be on every disk for good, with no epoch above it left some day.
const maxEpoch = 1 << 48

// errEpoch says that NS/epoch holds what no candidate wrote.
var errEpoch = errors.New("set it to the highest that the nodes' GET /synchronize show")

// readEpoch is the last epoch that was taken, and the version of its node.
func (r *run) readEpoch() (uint64, int32, error) {
	v, err := r.session.get(r.ctx, r.paths.epoch)
	if err != nil {
		return 0, 0, err
	}
	epoch, err := strconv.ParseUint(string(v.data), 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("what is in %s: %w", r.paths.epoch, err)
	}
	if epoch > maxEpoch {
		return 0, 0, fmt.Errorf("what is in %s: %d is no epoch that was ever taken: %w", r.paths.epoch, epoch, errEpoch)
	}
	return epoch, v.version, nil
}

// readPlacement is the last root's placement, nil when there was none.
func (r *run) readPlacement() (coordinator.Placement, error) {
	v, err := r.session.get(r.ctx, r.paths.placement)
	if err != nil {
		return nil, err
	}
	return decodePlacement(r.paths.placement, v.data)
}
