package node

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/sync/replica"
)

// errNotRoot says that this node is not the root, or not any more.
var errNotRoot = errors.New("this node is not the root")

// errLapsed says that an answer came too late to be given.
var errLapsed = errors.New("another node may be the root by now: what this one decided is not told any more")

// lease is until when nobody else can have been elected in this node's place. The
// zero lease is over.
type lease struct {
	began time.Time    // of the process
	until atomic.Int64 // nanoseconds since began
	heard atomic.Int64 // when the last heartbeat that the coordinator took began, likewise
}

// extend takes in until when this node may act, by a heartbeat that began at heard.
func (l *lease) extend(heard, until time.Time) {
	l.heard.Store(int64(heard.Sub(l.began)))
	l.until.Store(int64(until.Sub(l.began)))
}

// left is for how much longer this node may act, below 0 when it may not.
func (l *lease) left() time.Duration { return time.Duration(l.until.Load()) - time.Since(l.began) }

// reign is this node's time as the elected root of one epoch. A nil reign is that of
// the root of the embedded coordinator, whom nobody replaces.
type reign struct {
	epoch uint64
	lease *lease
	over  atomic.Bool // somebody else may be elected, or was
}

// holds reports whether nobody else can be the root by now.
func (r *reign) holds() bool { return r == nil || !r.over.Load() && r.lease.left() > 0 }

// isRoot reports whether this node keeps the book of members.
func (n *Node) isRoot() bool { return n.root.Load() != nil }

// inCharge reports whether what this node holds is the latest that there is: it is
// the root, and nobody else can be by now.
func (n *Node) inCharge() bool {
	root := n.root.Load()
	return root != nil && root.reign.holds()
}

// decision is what became of writes, and under which reign of this node that was
// decided; nil where it was decided elsewhere, or nobody replaces the root.
type decision struct {
	replica.Reply
	reign *reign
}

// ended is the reign of whatever this node decided in epochs before its last.
var ended = func() *reign {
	r := new(reign)
	r.over.Store(true)
	return r
}()

// decided finds the reign under which the core decided what it replies. No epoch is
// two nodes' own; and of an epoch before one that this node has led, nothing counts
// any more, whoever decided it. The loop calls it.
func (l *loop) decided(e replica.Reply) decision {
	switch {
	case l.reign == nil || e.Epoch == 0 || e.Epoch > l.reign.epoch:
		return decision{Reply: e}
	case e.Epoch < l.reign.epoch:
		return decision{e, ended}
	}
	return decision{e, l.reign}
}

// vouch has an answer that rests on a reign be given only while that holds, looked at
// when the answer goes out: the process may be frozen at any moment between the
// decision and that, and thawed when another root has begun. Whoever waits for the
// answer then finds the connection closed, and knows that the outcome is unknown.
func vouch(c *fiber.Ctx, r *reign) {
	if conn, ours := c.Context().Conn().(*coarseConn); ours && r != nil {
		conn.reign = r
	}
}
