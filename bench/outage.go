package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	// drainPatience is how long the queue may take until it is empty.
	drainPatience = time.Minute
	// idlePeriods is for how many periods of load fresh writes run on the idle tree.
	idlePeriods = 3
	// checkedWrites is how many of the queued writes are looked up afterwards.
	checkedWrites = 100
)

// outage is a tree that loses its root while a leaf takes writes, and gets it back.
type outage struct {
	shop     *workshop
	tree     *tree
	leaf     *member    // which takes the writes
	other    *member    // a leaf below another parent
	fresh    []*trickle // at leaf and at other
	requests [][]byte   // the writes that are to be queued
	found    [rowsOfDrain]sample
}

// drainOnce plays one round in a tree of its own.
func (shop *workshop) drainOnce(ctx context.Context, writes int, set string) (found [rowsOfDrain]sample, err error) {
	t, err := shop.startTree(ctx, 3, set)
	if err != nil {
		return found, err
	}
	defer func() {
		shop.stopAll()
		err = errors.Join(err, os.RemoveAll(t.dir))
	}()
	o := &outage{shop: shop, tree: t, leaf: t.leaf, other: t.members[len(t.members)/2], requests: make([][]byte, writes)}
	value := stock(1)
	for i := range o.requests {
		o.requests[i] = putRequest(keyName(i), value())
	}
	for i, m := range []*member{o.leaf, o.other} {
		w, err := trickleAt(ctx, m.address, writes+i*manyKeys)
		if err != nil {
			return found, err
		}
		defer w.close()
		o.fresh = append(o.fresh, w)
	}
	err = o.play(ctx)
	return o.found, err
}

// play is the round: fresh writes on the idle tree, then without a root the writes
// that are queued, then fresh writes while these drain.
func (o *outage) play(ctx context.Context) error {
	began := time.Now()
	err := during(o.fresh, func() error {
		<-time.After(idlePeriods * o.shop.period)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if err := o.note(rowHereIdle, rowElsewhereIdle, began, time.Now()); err != nil {
		return err
	}
	last, err := o.cutOff(ctx)
	if err != nil {
		return err
	}
	var d drain
	if err := during(o.fresh, func() (err error) { d, err = o.comeBack(ctx); return err }); err != nil {
		return err
	}
	if err := o.note(rowHereDraining, rowElsewhereDraining, d.began, d.ended); err != nil {
		return err
	}
	o.noteDrain(d)
	return o.check(ctx, last)
}

// note fills the rows of the two clients that write afresh.
func (o *outage) note(here, elsewhere int, began, ended time.Time) error {
	for i, row := range []int{here, elsewhere} {
		b, early, err := o.fresh[i].between(began, ended)
		if err != nil {
			return err
		}
		o.found[row] = b.whole()
		o.found[row][earlyAnswers] = float64(early)
	}
	return nil
}

// whole is the sample of a burst that is measured by what it took in all.
func (b burst) whole() sample {
	s := b.sample()
	s[writesDone], s[secondsTaken] = float64(b.answered), b.elapsed.Seconds()
	s[worstMillis] = millis(quantile(b.latencies, 1))
	return s
}

// cutOff kills the root and has the leaf take the writes. It returns the id of one
// of the last.
func (o *outage) cutOff(ctx context.Context) (string, error) {
	f := &flood{requests: o.requests}
	defer f.close()
	if err := f.open(ctx, o.leaf.address); err != nil {
		return "", err
	}
	o.tree.root.kill()
	b, err := f.run()
	if err != nil {
		return "", err
	}
	o.found[rowTaken] = b.whole()
	queued, err := o.leaf.counters(ctx)
	if err == nil && queued.Pending != uint64(b.answered) {
		err = fmt.Errorf("%d writes were answered 202 and %d are in the queue", b.answered, queued.Pending)
	}
	return f.last, err
}

// drain is when a queue became shorter, and what its node counted.
type drain struct {
	started      time.Time // the root's process
	began, ended time.Time // when the queue was last whole, and when it was empty
	whole, empty counters
}

// comeBack starts the root again and waits until the queue is empty.
func (o *outage) comeBack(ctx context.Context) (d drain, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, drainPatience, fmt.Errorf("the queue has not drained within %v", drainPatience))
	defer cancel()
	if d.whole, err = o.leaf.counters(ctx); err != nil {
		return d, err
	}
	d.started = time.Now()
	p, err := o.shop.again(o.tree.root.process)
	if err != nil {
		return d, err
	}
	o.tree.root.process = p
	for {
		asked := time.Now()
		now, err := o.leaf.counters(ctx)
		switch {
		case err != nil:
			return d, errors.Join(err, context.Cause(ctx))
		case now.settled() == d.whole.settled():
			d.whole, d.began = now, asked
		case now.Pending == 0:
			d.empty, d.ended = now, time.Now()
			return d, nil
		}
		select {
		case <-ctx.Done():
			return d, fmt.Errorf("%w: %d writes are still in it; the root's log: %s", context.Cause(ctx), now.Pending, p.logTail())
		case <-p.ended:
			return d, fmt.Errorf("the root ended: %s", p.logTail())
		case <-time.After(pollInterval):
		}
	}
}

// settled is how many writes have left the queue.
func (c counters) settled() uint64 { return c.Resubmitted + c.Superseded }

// noteDrain fills the row of the queue. A fresh write of a single client is a batch of
// its own; what else the leaf sent was from the queue.
func (o *outage) noteDrain(d drain) {
	drained, seconds := float64(d.empty.settled()-d.whole.settled()), d.ended.Sub(d.began).Seconds()
	o.found[rowDrained] = sample{
		writesDone: drained, secondsTaken: seconds, perSecond: drained / seconds,
		batchesSent: float64(d.empty.Uplink.Requests-d.whole.Uplink.Requests) - o.found[rowHereDraining][writesDone],
		awaySeconds: d.began.Sub(d.started).Seconds(),
	}
}

// check looks whether what was queued is at the root and at the other leaf, and
// whether the leaf knows what became of one of the last.
func (o *outage) check(ctx context.Context, last string) error {
	if err := o.tree.settle(ctx); err != nil {
		return err
	}
	for _, m := range []*member{o.tree.root, o.other} {
		err := m.ask(ctx, func(conn *connection) error {
			for i := 0; i < len(o.requests); i += len(o.requests) / checkedWrites {
				body, err := conn.exchange(getRequest(keyName(i)))
				if err != nil {
					return err
				}
				if _, value, _ := bytes.Cut(o.requests[i], []byte(`{"value":`)); !bytes.Contains(body, value[:valueBytes]) {
					return fmt.Errorf("%s has %s where %s was written", m.name, body, value)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return o.leaf.ask(ctx, func(conn *connection) error {
		body, err := conn.exchange([]byte("GET /writes/" + last + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
		if err == nil && !bytes.Contains(body, []byte(`"state":"ordered"`)) {
			err = fmt.Errorf("of the write %s the leaf says %s", last, body)
		}
		return err
	})
}
