package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// trickle is a client that writes one after the other and remembers every answer.
type trickle struct {
	conn     *connection
	next     func() []byte
	answers  []answered
	err      error
	released func() bool
}

// answered is a write and how it was answered.
type answered struct {
	sent   time.Time
	took   time.Duration
	status string
}

// trickleAt opens a client whose keys are manyKeys, from a number on. The end of
// ctx closes it.
func trickleAt(ctx context.Context, address string, firstKey int) (*trickle, error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	value, i := stock(uint64(firstKey)), 0
	return &trickle{
		conn: conn, released: context.AfterFunc(ctx, conn.close),
		next: func() []byte {
			i++
			return putRequest(keyName(firstKey+i%manyKeys), value())
		},
	}, nil
}

func (w *trickle) close() {
	w.released()
	w.conn.close()
}

// until writes until over is set, or the connection is of no more use. What was
// answered with anything but 200 is followed by a pause: who is told that the root
// is away does not fill the queue meanwhile.
func (w *trickle) until(over *atomic.Bool) {
	for !over.Load() && w.err == nil {
		request, sent := w.next(), time.Now()
		var answer []byte
		if answer, _, w.err = w.conn.send(request); w.err != nil {
			return
		}
		one := answered{sent: sent, took: time.Since(sent), status: status(answer)}
		w.answers = append(w.answers, one)
		if one.status != "200" {
			<-time.After(pollInterval)
		}
	}
}

// during lets all of them write while do runs.
func during(all []*trickle, do func() error) error {
	var over atomic.Bool
	var running sync.WaitGroup
	for _, w := range all {
		w.answers = w.answers[:0]
		if err := w.conn.deadline(time.Now().Add(startPatience + drainPatience)); err != nil {
			return err
		}
	}
	for _, w := range all {
		running.Go(func() { w.until(&over) })
	}
	err := do()
	over.Store(true)
	running.Wait()
	for _, w := range all {
		err = cmp.Or(err, w.err)
	}
	return err
}

// between is what was answered with 200 of the writes sent in a while, and whatever
// was answered otherwise. What was answered with 202 before the first 200 is
// counted as early: the node had yet to find the root.
func (w *trickle) between(began, ended time.Time) (b burst, early int, err error) {
	known := false
	for _, a := range w.answers {
		switch {
		case a.status == "200":
			known = true
			if !a.sent.Before(began) && a.sent.Before(ended) {
				b.latencies = append(b.latencies, a.took)
			}
		case a.status == "202" && !known:
			early++
		default:
			b.refused++
		}
	}
	slices.Sort(b.latencies)
	b.elapsed = ended.Sub(began)
	if b.answered = len(b.latencies); b.answered == 0 {
		err = fmt.Errorf("none of %d fresh writes was answered with 200 in %v", len(w.answers), b.elapsed)
	}
	return b, early, err
}
