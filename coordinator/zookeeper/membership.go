package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-zookeeper/zk"

	"xylem/coordinator"
)

// takenTimeouts is for how many session time-outs a taken name is waited for: the
// process before may just have died, and its session lives on for one.
const takenTimeouts = 3

// bid is what this node writes into its member node.
func (r *run) bid(round uint64) memberNode {
	h := r.Holding()
	return memberNode{
		Member: r.Self, Epoch: h.Epoch, Seq: h.Seq, Promised: h.Promised,
		Fit: h.Fit && !time.Now().Before(r.back.until), Round: round,
	}
}

// enroll makes sure that this session holds the member node. While another has it
// this node is no member, but hears who is root all the same.
func (r *run) enroll() error {
	if r.enrolled {
		return nil
	}
	name := r.paths.member(r.Self.ID)
	err := r.session.create(r.ctx, name, encode(r.bid(0)), zk.FlagEphemeral, r.acl)
	if err == nil {
		r.enrolled, r.taken = true, time.Time{}
		return nil
	}
	if !errors.Is(err, zk.ErrNodeExists) {
		return err
	}
	v, err := r.session.get(r.ctx, name)
	if errors.Is(err, zk.ErrNoNode) {
		return errAgain
	}
	if err != nil {
		return err
	}
	if v.owner == r.seen.id { // made by a call whose answer was lost
		r.enrolled, r.taken = true, time.Time{}
		return nil
	}
	return r.await(v)
}

// await takes in that another session has the name.
func (r *run) await(v value) error {
	now := time.Now()
	holder, _ := decode[memberNode]("", v.data)
	if r.taken.IsZero() {
		r.taken = now
		r.log.Warn("another process has this name in ZooKeeper; waiting in case it is gone", "name", r.Self.Name(), "address", holder.Address)
	}
	limit := r.taken.Add(takenTimeouts * r.timeout())
	if !now.Before(limit) {
		return fatal{fmt.Errorf("join as %s, which is at %s: %w", r.Self.Name(), holder.Address, coordinator.ErrNameTaken)}
	}
	r.by(now.Add(r.timeout() / retryShare))
	return nil
}

// post writes this node's bid in a round.
func (r *run) post(round uint64) error {
	_, err := call(r.ctx, r.session, func(c *zk.Conn) (*zk.Stat, error) {
		return c.Set(r.paths.member(r.Self.ID), encode(r.bid(round)), -1)
	})
	if errors.Is(err, zk.ErrNoNode) { // somebody removed it
		r.enrolled = false
		return errAgain
	}
	return err
}

// crowd lists k of the nodes whose member node is there, in order. With watch, the
// path fires at the next change.
func (r *run) crowd(ctx context.Context, watch bool) ([]int, error) {
	names, err := call(ctx, r.session, func(c *zk.Conn) ([]string, error) {
		if watch {
			names, _, _, err := c.ChildrenW(r.paths.members)
			return names, err
		}
		names, _, err := c.Children(r.paths.members)
		return names, err
	})
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, name := range names {
		// What is no node of this tree was not put there by one.
		if k, err := coordinator.ParseName(name); err == nil && k < 1<<r.Depth && coordinator.Name(k) == name {
			ids = append(ids, k)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// readMember reads the member node of NODE-k; false when it is gone or unreadable.
func (r *run) readMember(ctx context.Context, k int) (memberNode, bool, error) {
	v, err := r.session.get(ctx, r.paths.member(k))
	if errors.Is(err, zk.ErrNoNode) {
		return memberNode{}, false, nil
	}
	if err != nil {
		return memberNode{}, false, err
	}
	m, err := decode[memberNode](r.paths.member(k), v.data)
	if err != nil || m.ID != k {
		r.log.Debug("a member of ZooKeeper that is none", "name", coordinator.Name(k), "err", err)
		return memberNode{}, false, nil
	}
	return m, true, nil
}

// living are the members as of now, by k.
func (r *run) living(ctx context.Context) ([]memberNode, error) {
	ids, err := r.crowd(ctx, false)
	if err != nil {
		return nil, err
	}
	var members []memberNode
	for _, k := range ids {
		m, there, err := r.readMember(ctx, k)
		if err != nil {
			return nil, err
		}
		if there {
			members = append(members, m)
		}
	}
	return members, nil
}
