package node

import (
	"runtime"
	"sync"
	"time"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

// loop owns the protocol core: it steps it with whatever is posted, in order,
// and carries out the effects, none of which blocks.
type loop struct {
	node *Node
	core *replica.Replica

	mu      sync.Mutex
	inbox   []any // replica.Input, *submission or func(*replica.Replica)
	stopped bool
	wake    chan struct{} // holds a token while the inbox may have something

	reign *reign // this node's last as the elected root, over or not; nil for none

	submitted submissions
	gathered  replica.Submits // those beside each other in the inbox; empty between steps
	owed      bool            // the core holds, until it gets Submits

	acks     waiters[replica.Ack]
	admits   waiters[replica.Admit]
	promises waiters[wire.Promise]
	rolls    waiters[replica.AnswerRoll]
}

func newLoop(n *Node, core *replica.Replica) *loop {
	return &loop{
		node: n, core: core, wake: make(chan struct{}, 1),
		submitted: submissions{timeout: 3 * n.opts.Config.Writes.Timeout},
	}
}

// post hands the core an input. After stop it does nothing.
func (l *loop) post(in replica.Input) { l.put(in) }

// query runs do on the loop and waits for it, so that it may look at the core; it
// reports whether it ran.
func (l *loop) query(do func(*replica.Replica)) bool {
	done := make(chan struct{})
	if !l.put(func(core *replica.Replica) { do(core); close(done) }) {
		return false
	}
	<-done
	return true
}

func (l *loop) put(in any) bool {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return false
	}
	l.inbox = append(l.inbox, in)
	first := len(l.inbox) == 1 // whoever put that in has woken the loop, or is about to
	l.mu.Unlock()
	if first {
		l.signal()
	}
	return true
}

func (l *loop) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// stop ends run once everything posted so far was taken.
func (l *loop) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.signal()
}

func (l *loop) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer l.submitted.close()
	var taken []any
	for {
		owed := l.owed
		if l.owed = false; owed {
			runtime.Gosched() // to those that were answered
		}
		l.mu.Lock()
		taken, l.inbox = l.inbox, taken[:0]
		stopped := l.stopped
		l.mu.Unlock()
		for rest := taken; len(rest) > 0; {
			rest = l.step(rest)
		}
		clear(taken)
		if owed && !l.owed {
			l.stepCore(&l.gathered)
		}
		l.submitted.overdue(time.Since(l.node.began))
		if at, set := l.core.NextWake(); set && at <= time.Since(l.node.began) {
			l.stepCore(replica.Wake{})
		}
		if len(taken) > 0 || owed {
			l.node.publish(l.core)
			continue
		}
		if stopped {
			return
		}
		wait := time.Hour
		if l.submitted.some() {
			wait = l.submitted.period()
		}
		if at, set := l.core.NextWake(); set {
			wait = min(wait, max(at-time.Since(l.node.began), time.Millisecond))
		}
		timer.Reset(wait)
		select {
		case <-l.wake:
			runtime.Gosched() // to those that are about to post, too: what comes together is decided together
		case <-timer.C:
			l.stepCore(replica.Wake{})
		}
	}
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
		n.disk.put(diskRequest{record: e.Record, sync: e.Sync, report: true})
	case replica.Checkpoint:
		n.disk.put(diskRequest{state: e.State, local: &e.Local, report: true})
	case replica.Compact:
		n.disk.put(diskRequest{state: e.State, local: &e.Local})
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
			l.post(end)
		})
	case replica.Push:
		n.work.Go(func() { l.post(n.push(e)) })
	case replica.TellRoll:
		n.work.Go(func() { l.post(n.tellRoll(&e)) })
	case replica.AnswerRoll:
		l.rolls.resolve(e.Ref, e)
	case replica.Unserved:
		n.bypass()
	case replica.Fetch:
		n.work.Go(func() { l.post(n.fetch(e.Node)) })
	default:
		l.performElected(e)
	}
}

// performElected carries out what only a tree whose root is elected asks for.
func (l *loop) performElected(e replica.Effect) {
	n := l.node
	switch e := e.(type) {
	case replica.Gather:
		n.work.Go(func() { l.post(n.gather(e)) })
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

// askCore posts an input whose handle is ref, and waits for the core's answer to it. The error
// is a problem, for who asked: this node is stopping.
func askCore[T any](n *Node, w *waiters[T], in replica.Input, ref *replica.Ref) (answer T, err error) {
	handle, answered := w.register()
	*ref = handle
	if n.loop.put(in) {
		select {
		case answer = <-answered:
			return answer, nil
		case <-n.working.Done():
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
