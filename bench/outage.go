package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/servers"
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
	tree     *servers.Tree
	leaf     *servers.Member // which takes the writes
	other    *servers.Member // a leaf below another parent
	fresh    []*trickle      // at leaf and at other
	requests [][]byte        // the writes that are to be queued
	found    [rowsOfDrain]contest.Sample
}

// drainOnce plays one round in a tree of its own.
func (shop *workshop) drainOnce(ctx context.Context, writes int, set string) (found [rowsOfDrain]contest.Sample, err error) {
	t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 3, Sets: []string{set}})
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, t.End()) }()
	o := &outage{shop: shop, tree: t, leaf: t.Leaf, other: t.Members[len(t.Members)/2], requests: make([][]byte, writes)}
	value := load.Values(1)
	for i := range o.requests {
		o.requests[i] = load.PutRequest(load.Key(i), value())
	}
	for i, m := range []*servers.Member{o.leaf, o.other} {
		w, err := trickleAt(ctx, m.Address, writes+i*load.ManyKeys)
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
		o.found[row] = altogether(b)
		o.found[row][earlyAnswers] = float64(early)
	}
	return nil
}

// altogether is the sample of a burst that is measured by what it took in all.
func altogether(b load.Burst) contest.Sample {
	s := b.Sample()
	s[writesDone], s[secondsTaken] = float64(b.Answered), b.Elapsed.Seconds()
	s[worstMillis] = contest.Millis(b.Worst)
	return s
}

// cutOff kills the root and has the leaf take the writes. It returns the id of one
// of the last.
func (o *outage) cutOff(ctx context.Context) (string, error) {
	f := &flood{requests: o.requests}
	defer f.close()
	if err := f.open(ctx, o.leaf.Address); err != nil {
		return "", err
	}
	o.tree.Root.Kill()
	b, err := f.run()
	if err != nil {
		return "", err
	}
	o.found[rowTaken] = altogether(b)
	queued, err := o.leaf.Counters(ctx)
	if err == nil && queued.Pending != uint64(b.Answered) {
		err = fmt.Errorf("%d writes were answered 202 and %d are in the queue", b.Answered, queued.Pending)
	}
	return f.last, err
}

// drain is when a queue became shorter, and what its node counted.
type drain struct {
	started      time.Time // the root's process
	began, ended time.Time // when the queue was last whole, and when it was empty
	whole, empty servers.Counters
}

// comeBack starts the root again and waits until the queue is empty.
func (o *outage) comeBack(ctx context.Context) (d drain, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, drainPatience, fmt.Errorf("the queue has not drained within %v", drainPatience))
	defer cancel()
	if d.whole, err = o.leaf.Counters(ctx); err != nil {
		return d, err
	}
	d.started = time.Now()
	p, err := o.shop.Again(o.tree.Root.Process)
	if err != nil {
		return d, err
	}
	o.tree.Root.Process = p
	for {
		asked := time.Now()
		now, err := o.leaf.Counters(ctx)
		switch {
		case err != nil:
			return d, errors.Join(err, context.Cause(ctx))
		case now.Settled() == d.whole.Settled():
			d.whole, d.began = now, asked
		case now.Pending == 0:
			d.empty, d.ended = now, time.Now()
			return d, nil
		}
		select {
		case <-ctx.Done():
			return d, fmt.Errorf("%w: %d writes are still in it; the root's log: %s", context.Cause(ctx), now.Pending, p.LogTail())
		case <-p.Ended():
			return d, fmt.Errorf("the root ended: %s", p.LogTail())
		case <-time.After(servers.PollInterval):
		}
	}
}

// noteDrain fills the row of the queue. A fresh write of a single client is a batch of
// its own; what else the leaf sent was from the queue.
func (o *outage) noteDrain(d drain) {
	drained, seconds := float64(d.empty.Settled()-d.whole.Settled()), d.ended.Sub(d.began).Seconds()
	o.found[rowDrained] = contest.Sample{
		writesDone: drained, secondsTaken: seconds, contest.PerSecond: drained / seconds,
		batchesSent: float64(d.empty.Uplink.Requests-d.whole.Uplink.Requests) - o.found[rowHereDraining][writesDone],
		awaySeconds: d.began.Sub(d.started).Seconds(),
	}
}

// check looks whether what was queued is at the root and at the other leaf, and
// whether the leaf knows what became of one of the last.
func (o *outage) check(ctx context.Context, last string) error {
	if err := o.tree.Settle(ctx); err != nil {
		return err
	}
	for _, m := range []*servers.Member{o.tree.Root, o.other} {
		err := m.Ask(ctx, load.HTTP, func(conn *load.Connection) error {
			for i := 0; i < len(o.requests); i += len(o.requests) / checkedWrites {
				body, err := conn.Exchange(load.Xylem.Get(load.Key(i), 0))
				if err != nil {
					return err
				}
				if _, value, _ := bytes.Cut(o.requests[i], []byte(`{"value":`)); !bytes.Contains(body, value[:load.ValueBytes]) {
					return fmt.Errorf("%s has %s where %s was written", m.Name, body, value)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return o.leaf.Ask(ctx, load.HTTP, func(conn *load.Connection) error {
		body, err := conn.Exchange(load.Ask("/writes/" + last))
		if err == nil && !bytes.Contains(body, []byte(`"state":"ordered"`)) {
			err = fmt.Errorf("of the write %s the leaf says %s", last, body)
		}
		return err
	})
}
