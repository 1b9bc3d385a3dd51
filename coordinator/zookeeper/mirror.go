package zookeeper

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"xylem/coordinator"
)

// maxMirrored is how many nodes one transaction changes: at most some 200 kB, of
// the 1 MB that a server takes. A tree of up to so many nodes changes at once.
const maxMirrored = 500

// mirror keeps NS/tree while this node is root, in a goroutine of its own: nobody
// waits for it, and its transactions hold only in the root's epoch.
type mirror struct {
	run    *run // of which it uses only what never changes
	fence  zk.CheckVersionRequest
	stop   context.CancelCauseFunc
	kicked chan struct{} // of capacity 1
	work   sync.WaitGroup

	mu        sync.Mutex
	placement coordinator.Placement

	known map[string]string // what NS/tree holds, by path; nil when that is to be read
}

// show makes the mirror show a placement, soon.
func (r *run) show(p coordinator.Placement) {
	if r.role.mirror == nil {
		ctx, stop := context.WithCancelCause(r.ctx)
		m := &mirror{
			run: r, stop: stop, kicked: make(chan struct{}, 1),
			fence: zk.CheckVersionRequest{Path: r.paths.epoch, Version: r.role.epochVersion},
		}
		r.role.mirror = m
		pause := r.timeout() / retryShare
		m.work.Go(func() { m.keep(ctx, pause) })
	}
	m := r.role.mirror
	m.mu.Lock()
	m.placement = slices.Clone(p)
	m.mu.Unlock()
	m.kick()
}

// attend watches who joins and goes while this node is root, for their addresses.
func (r *run) attend() error {
	if r.role == nil || r.role.mirror == nil || r.crowded {
		return nil
	}
	if _, err := r.crowd(r.ctx, true); err != nil {
		return err
	}
	r.crowded = true
	r.role.mirror.kick()
	return nil
}

// kick says that there may be something to change.
func (m *mirror) kick() {
	select {
	case m.kicked <- struct{}{}:
	default:
	}
}

// close ends the mirror. It does not wait for an answer of ZooKeeper.
func (m *mirror) close() {
	m.stop(ErrDeposed)
	m.work.Wait()
}

// keep updates until ctx ends, or another has the epoch. After a failure it reads
// what is there, and tries again after a pause.
func (m *mirror) keep(ctx context.Context, pause time.Duration) {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.kicked:
		case <-retry.C:
		}
		err := m.update(ctx)
		switch {
		case err == nil:
			continue
		case errors.Is(err, zk.ErrBadVersion) || ctx.Err() != nil:
			return
		case !transient(err):
			m.run.log.Debug("the tree in ZooKeeper could not be brought up to date", "err", err)
		}
		m.known = nil
		retry.Reset(pause)
	}
}

// update makes NS/tree show the placement.
func (m *mirror) update(ctx context.Context) error {
	m.mu.Lock()
	placement := m.placement
	m.mu.Unlock()
	members, err := m.run.living(ctx)
	if err != nil {
		return err
	}
	if m.known == nil {
		known := map[string]string{}
		if err := m.read(ctx, m.run.paths.tree, known); err != nil {
			return err
		}
		m.known = known
	}
	wanted := picture(m.run.paths.tree, placement, members)
	for ops := range slices.Chunk(changes(m.known, wanted, m.run.acl), maxMirrored) {
		if _, err := m.run.session.transact(ctx, append([]any{&m.fence}, ops...)...); err != nil {
			return err
		}
	}
	m.known = wanted
	return nil
}

// read reads what is below a node.
func (m *mirror) read(ctx context.Context, name string, known map[string]string) error {
	children, err := call(ctx, m.run.session, func(c *zk.Conn) ([]string, error) {
		children, _, err := c.Children(name)
		return children, err
	})
	if err != nil {
		return err
	}
	for _, child := range children {
		below := name + "/" + child
		v, err := m.run.session.get(ctx, below)
		if err != nil {
			return err
		}
		known[below] = string(v.data)
		if err := m.read(ctx, below, known); err != nil {
			return err
		}
	}
	return nil
}

// picture is what NS/tree has to hold, by path. Free positions are left out.
func picture(tree string, placement coordinator.Placement, members []memberNode) map[string]string {
	addresses := map[int]string{}
	for _, m := range members {
		addresses[m.ID] = m.Address
	}
	nodes := map[string]string{}
	names := make([]string, len(placement)+1) // by position: of its holder, or who is above a free one
	names[0] = tree
	for i, k := range placement {
		names[i+1] = names[coordinator.ParentPosition(i+1)]
		if k != 0 {
			names[i+1] += "/" + coordinator.Name(k)
			nodes[names[i+1]] = string(encode(treeNode{Position: i + 1, Address: addresses[k]}))
		}
	}
	return nodes
}

// changes are the operations that make one picture of the other: what is gone,
// lowest first, then what is new, highest first, and what has changed.
func changes(from, to map[string]string, acl []zk.ACL) []any {
	byLevel := func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), cmp.Compare(a, b))
	}
	old, names := slices.SortedFunc(maps.Keys(from), byLevel), slices.SortedFunc(maps.Keys(to), byLevel)
	var ops []any
	for _, name := range slices.Backward(old) {
		if _, stays := to[name]; !stays {
			ops = append(ops, &zk.DeleteRequest{Path: name, Version: -1})
		}
	}
	for _, name := range names {
		text, there := from[name]
		switch {
		case !there:
			ops = append(ops, &zk.CreateRequest{Path: name, Data: []byte(to[name]), Acl: acl})
		case text != to[name]:
			ops = append(ops, &zk.SetDataRequest{Path: name, Data: []byte(to[name]), Version: -1})
		}
	}
	return ops
}
