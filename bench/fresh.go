package main

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"xylem/bench/load"
	"xylem/bench/servers"
)

// trickle is a client that writes one after the other and remembers every answer.
type trickle struct {
	conn     *load.Connection
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

// trickleAt opens a client whose keys are load.ManyKeys, from a number on. The end of
// ctx closes it.
func trickleAt(ctx context.Context, address string, firstKey int) (*trickle, error) {
	conn, err := load.Dial(ctx, load.HTTP, address, 0)
	if err != nil {
		return nil, err
	}
	value, i := load.Values(uint64(firstKey)), 0
	return &trickle{
		conn: conn, released: context.AfterFunc(ctx, conn.Close),
		next: func() []byte {
			i++
			return load.PutRequest(load.Key(firstKey+i%load.ManyKeys), value())
		},
	}, nil
}

func (w *trickle) close() {
	w.released()
	w.conn.Close()
}

// until writes until over is set, or the connection is of no more use. What was
// answered with anything but 200 is followed by a pause: who is told that the root
// is away does not fill the queue meanwhile.
func (w *trickle) until(over *atomic.Bool) {
	for !over.Load() && w.err == nil {
		request, sent := w.next(), time.Now()
		var status string
		if status, _, w.err = w.conn.Send(request); w.err != nil {
			return
		}
		one := answered{sent: sent, took: time.Since(sent), status: status}
		w.answers = append(w.answers, one)
		if one.status != "200" {
			<-time.After(servers.PollInterval)
		}
	}
}

// during lets all of them write while do runs.
func during(all []*trickle, do func() error) error {
	var over atomic.Bool
	var running sync.WaitGroup
	for _, w := range all {
		w.answers = w.answers[:0]
		if err := w.conn.Deadline(time.Now().Add(load.Patience + drainPatience)); err != nil {
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
func (w *trickle) between(began, ended time.Time) (b load.Burst, early int, err error) {
	known, refused := false, 0
	var latencies []time.Duration
	for _, a := range w.answers {
		switch {
		case a.status == "200":
			known = true
			if !a.sent.Before(began) && a.sent.Before(ended) {
				latencies = append(latencies, a.took)
			}
		case a.status == "202" && !known:
			early++
		default:
			refused++
		}
	}
	b = load.Summarize(latencies, ended.Sub(began), refused)
	if b.Answered == 0 {
		err = fmt.Errorf("none of %d fresh writes was answered with 200 in %v", len(w.answers), b.Elapsed)
	}
	return b, early, err
}
