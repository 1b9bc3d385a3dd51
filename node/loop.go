package node

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

// loop owns the protocol core: it steps it with whatever is posted, in order,
// and carries out the effects, none of which blocks.
type loop struct {
	node *Node
	core *replica.Replica

	inputs combiner[any] // replica.Input, *submission or func(*replica.Replica)
	due    atomic.Int64  // when the core wants to be stepped without an input, nanoseconds since the node began
	armed  atomic.Int64  // when the loop's own goroutine looks next, likewise

	reign *reign // this node's last as the elected root, over or not; nil for none

	submitted submissions
	gathered  replica.Submits // those beside each other in the inbox; empty between steps
	owed      bool            // the core holds, until it gets Submits

	acks     waiters[replica.Ack]
	admits   waiters[replica.Admit]
	promises waiters[wire.Promise]
	rolls    waiters[replica.AnswerRoll]
}

// helpingRounds bounds how often who brings an input takes what has come meanwhile, too:
// a write's way at a root that waits for nobody else is within it.
const helpingRounds = 4

func newLoop(n *Node, core *replica.Replica) *loop {
	l := &loop{node: n, core: core, submitted: submissions{timeout: 3 * n.opts.Config.Writes.Timeout}}
	l.inputs.init()
	return l
}

// post hands the core an input, to be stepped by another goroutine. It reports whether it will
// be: after stop it is not.
func (l *loop) post(in any) bool {
	if !l.inputs.add(in) {
		return false
	}
	l.inputs.signal()
	return true
}

// bring hands the core an input, and steps it if nobody does. It reports as post does.
func (l *loop) bring(in any) bool {
	if !l.inputs.add(in) {
		return false
	}
	l.help()
	return true
}

// help does what was posted, and what that leads to at the disk, if nobody does and it is not
// too much.
func (l *loop) help() {
	if !l.inputs.begin() {
		return
	}
	l.turn(helpingRounds)
	if l.node.disk.help() && l.inputs.begin() {
		l.turn(helpingRounds)
	}
	l.node.disk.work.leave()
}

// query runs do on the loop and waits for it, so that it may look at the core; it
// reports whether it ran.
func (l *loop) query(do func(*replica.Replica)) bool {
	done := make(chan struct{})
	if !l.bring(func(core *replica.Replica) { do(core); close(done) }) {
		return false
	}
	<-done
	return true
}

// run does what nobody else does, and looks at the clock, until the loop is stopped and
// everything posted was taken.
func (l *loop) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer l.submitted.close()
	for own := true; ; own = l.inputs.own() {
		if own {
			l.turn(math.MaxInt)
			l.node.disk.work.leave()
		}
		if l.inputs.finished() {
			return
		}
		if !own {
			<-l.inputs.wake
			continue
		}
		due := l.due.Load()
		l.armed.Store(due)
		if l.due.Load() < due { // who set that may have seen what was armed before
			continue
		}
		timer.Reset(time.Duration(due) - time.Since(l.node.began))
		select {
		case <-l.inputs.wake:
			runtime.Gosched() // to those that are about to post, too: what comes together is decided together
		case <-timer.C:
		}
	}
}

// turn steps the core with what was posted, and with what comes meanwhile, at most so many
// times. Whoever calls it is at work at l.inputs; then no more.
func (l *loop) turn(rounds int) {
	defer fatal()
	var now time.Duration // since the node began
	for round := range rounds {
		owed := l.owed
		if l.owed = false; owed && l.submitted.answered > 1 {
			runtime.Gosched() // to those that were answered; one alone may be who steps here
		}
		l.submitted.answered = 0
		posted := l.inputs.next()
		for rest := posted; len(rest) > 0; {
			rest = l.step(rest)
		}
		if owed && !l.owed {
			l.stepCore(&l.gathered)
		}
		now = time.Since(l.node.began)
		l.submitted.overdue(now)
		if at, set := l.core.NextWake(); set && at <= now {
			l.stepCore(replica.Wake{})
		}
		l.node.publish(l.core)
		if len(posted) == 0 && !owed {
			break
		}
		if round > 0 { // else who stepped may do it
			l.node.disk.work.leave()
		}
	}
	due, owed := l.next(now), l.owed
	l.due.Store(int64(due))
	l.inputs.end()
	if owed || int64(due) < l.armed.Load() {
		l.inputs.signal()
	}
}

// next is when the core is to be stepped, if nothing is posted.
func (l *loop) next(now time.Duration) time.Duration {
	next := now + time.Hour
	if l.submitted.some() {
		next = now + l.submitted.period()
	}
	if at, set := l.core.NextWake(); set {
		next = min(next, max(at, now+time.Millisecond))
	}
	return next
}

// step takes the first of what was posted, and submissions as far as there is nothing else
// between them. It returns the rest.
func (l *loop) step(posted []any) []any {
	gathered := l.gathered.Groups[:0]
	for now := time.Since(l.node.began); len(posted) > 0; posted = posted[1:] {
		s, submitted := posted[0].(*submission)
		if !submitted {
			break
		}
		l.submitted.add(s, now)
		gathered = append(gathered, &s.Submit)
	}
	if len(gathered) > 0 {
		l.gathered.Groups = gathered
		l.stepCore(&l.gathered)
		clear(gathered)
		l.gathered.Groups, l.owed = gathered[:0], false
		return posted
	}
	switch in := posted[0].(type) {
	case func(*replica.Replica):
		in(l.core)
	case replica.Persisted, replica.Forwarded: // clients are answered, and may have more to write
		l.stepCore(replica.Hold{})
		l.stepCore(in.(replica.Input))
		l.owed = true
	case replica.Input:
		l.stepCore(in)
	}
	return posted[1:]
}

func (l *loop) stepCore(in replica.Input) {
	for _, e := range l.core.Step(l.node.now(), in) {
		l.perform(e)
	}
}

func (l *loop) perform(e replica.Effect) {
	n := l.node
	switch e := e.(type) {
	case replica.Persist:
		n.disk.work.add(diskRequest{record: e.Record, sync: e.Sync, report: true})
	case replica.Checkpoint:
		n.disk.work.add(diskRequest{state: e.State, local: &e.Local, report: true})
	case replica.Compact:
		n.disk.work.add(diskRequest{state: e.State, local: &e.Local})
	case replica.Reply:
		l.submitted.resolve(e.Ref, l.decided(e))
	case replica.Acknowledge:
		l.acks.resolve(e.Ref, e.Ack)
	case replica.Admit:
		l.admits.resolve(e.Ref, e)
	case replica.Forward:
		n.work.Go(func() {
			end := n.forward(e.Batch, e.Tries)
			end.Queue = e.Queue
			l.bring(end)
		})
	case replica.Push:
		n.work.Go(func() { l.bring(n.push(e)) })
	case replica.TellRoll:
		n.work.Go(func() { l.bring(n.tellRoll(&e)) })
	case replica.AnswerRoll:
		l.rolls.resolve(e.Ref, e)
	case replica.Unserved:
		n.bypass()
	case replica.Fetch:
		n.work.Go(func() { l.bring(n.fetch(e.Node)) })
	default:
		l.performElected(e)
	}
}

// performElected carries out what only a tree whose root is elected asks for.
func (l *loop) performElected(e replica.Effect) {
	n := l.node
	switch e := e.(type) {
	case replica.Gather:
		n.work.Go(func() { l.bring(n.gather(e)) })
	case replica.Promised:
		l.promises.resolve(e.Ref, e.Promise)
	case replica.Serving:
		l.reign = n.election.serving(e)
	case replica.StepAside:
		n.election.stepAside(e)
	case replica.HandedOver:
		n.election.handedOver(e)
	}
}

// publish makes what readers need of the core visible to them.
func (n *Node) publish(core *replica.Replica) {
	lag := core.Lag()
	if since, heard := lag.Since(); heard {
		n.fresh.Store(max(1, int64(since)))
	}
	n.news.tell(edition{n.store.Applied(), n.freshAt()})
	n.fence.Store(core.Fence())
	n.unfit.Store(!core.Fit())
	if n.election != nil { // its roots are made with their epoch
		if root := n.root.Load(); root != nil && core.Fence() > root.reign.epoch {
			root.reign.over.Store(true) // a later one was heard of, before the coordinator told
		}
		return
	}
	if root, epoch := n.root.Load(), core.Epoch(); root != nil && epoch != root.epoch {
		root.epoch = epoch
		if meta := n.store.Meta(); epoch > 0 {
			n.log.Info("ordering writes", "tree", meta.Tree, "epoch", epoch, "from_version", n.store.Applied())
		}
		root.SetEpoch(epoch)
	}
}

// waiters are the requests that wait for the core's answer. The zero value is
// ready.
type waiters[T any] struct {
	mu   sync.Mutex
	last replica.Ref
	wait map[replica.Ref]chan T
}

// register makes a handle to post with an input; the answer will be in the
// channel.
func (w *waiters[T]) register() (replica.Ref, <-chan T) {
	answer := make(chan T, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wait == nil {
		w.wait = make(map[replica.Ref]chan T)
	}
	w.last++
	w.wait[w.last] = answer
	return w.last, answer
}

// askCore brings the loop an input whose handle is ref, and waits for the core's answer to it until
// ctx ends. The error is a problem, for who asked: this node is stopping.
func askCore[T any](ctx context.Context, l *loop, w *waiters[T], in replica.Input, ref *replica.Ref) (answer T, err error) {
	handle, answered := w.register()
	*ref = handle
	if l.bring(in) {
		select {
		case answer = <-answered:
			return answer, nil
		case <-ctx.Done():
		}
	}
	w.forget(handle)
	return answer, unavailable("stopping", "this node is stopping")
}

// forget gives up waiting.
func (w *waiters[T]) forget(ref replica.Ref) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.wait, ref)
}

func (w *waiters[T]) resolve(ref replica.Ref, answer T) {
	w.mu.Lock()
	waiting, found := w.wait[ref]
	delete(w.wait, ref)
	w.mu.Unlock()
	if found {
		waiting <- answer
	}
}
