package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"xylem/coordinator"
)

// errStopped says that Run has returned.
var errStopped = errors.New("the coordinator has stopped")

// Coordinator is a node's part in the election. All methods but Run may be called
// from any goroutine, at any time.
type Coordinator struct {
	Config

	kicked  chan struct{} // of capacity 1: there is something to look at
	stopped chan struct{} // closed when Run has returned

	mu       sync.Mutex
	requests []*request // posted, not taken yet
	asides   []aside    // likewise
}

// aside is a call of StepAside.
type aside struct {
	epoch, beyond uint64
	why           string
}

// request is a call of Serve, Save or HandOver that waits for its end.
type request struct {
	ctx   context.Context
	epoch uint64
	do    func(*run) error
	done  chan error // of capacity 1
}

// New checks the configuration and fills in its defaults. Errors wrap
// coordinator.ErrDepth, ErrOutsideTree or ErrIncomplete.
func New(c Config) (*Coordinator, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Coordinator{Config: c, kicked: make(chan struct{}, 1), stopped: make(chan struct{})}, nil
}

// Serve makes the candidate of an epoch the root, atomically with the placement.
// It tries on while ZooKeeper cannot be reached. The error is context.Cause(ctx), in
// which case it may have happened or still happen, or wraps ErrDeposed when this
// node is not that epoch's candidate any more.
func (c *Coordinator) Serve(ctx context.Context, epoch uint64, p coordinator.Placement) error {
	return c.ask(ctx, epoch, func(r *run) error { return r.serve(p) })
}

// Save makes a change of the root's placement durable. Errors are those of Serve,
// and ErrDeposed too while the candidate does not serve.
func (c *Coordinator) Save(ctx context.Context, epoch uint64, p coordinator.Placement) error {
	return c.ask(ctx, epoch, func(r *run) error { return r.save(p) })
}

// HandOver gives up the role of the root of an epoch, and lets NODE-to go first in the
// next election. When it returns nil, Leaderless has been delivered. The error wraps
// coordinator.ErrUnknownMember, and nothing has changed, when that node does not
// live; else errors are those of Serve, and ErrDeposed may also mean that it has
// happened, if the answer was lost. Another may be elected before the lease of this
// node ends: it must have stopped acting as root before the call.
func (c *Coordinator) HandOver(ctx context.Context, epoch uint64, to int) error {
	return c.ask(ctx, epoch, func(r *run) error { return r.handOver(to) })
}

// StepAside gives up the role of candidate or root of an epoch; Leaderless follows.
// It never blocks. The next epoch that this node takes is above beyond. With
// beyond 0 the node leaves the next elections to others for a while, ever longer
// until it has served; else it competes again at once. A role of another epoch is
// left alone. As with HandOver, the node must have stopped acting before the call.
func (c *Coordinator) StepAside(epoch, beyond uint64, why string) {
	c.mu.Lock()
	c.asides = append(c.asides, aside{epoch, beyond, why})
	c.mu.Unlock()
	c.kick()
}

// ask posts a request and waits for its end.
func (c *Coordinator) ask(ctx context.Context, epoch uint64, do func(*run) error) error {
	q := &request{ctx: ctx, epoch: epoch, do: do, done: make(chan error, 1)}
	c.mu.Lock()
	c.requests = append(c.requests, q)
	c.mu.Unlock()
	c.kick()
	select {
	case err := <-q.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.stopped:
		return fmt.Errorf("%w: %w", ErrDeposed, errStopped)
	}
}

// take is what was posted since it was called last.
func (c *Coordinator) take() ([]*request, []aside) {
	c.mu.Lock()
	defer c.mu.Unlock()
	requests, asides := c.requests, c.asides
	c.requests, c.asides = nil, nil
	return requests, asides
}

// kick makes the loop look. It never blocks.
func (c *Coordinator) kick() {
	select {
	case c.kicked <- struct{}{}:
	default:
	}
}
