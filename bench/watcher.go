package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/servers"
)

// watchedKey is there before any round, so that a node which does not have its new
// value answers with the old one, and asks nobody.
const watchedKey = "key-propagation0"

// Parts of the time until a write is everywhere.
const (
	answerP50 contest.Metric = "median latency of the write itself, milliseconds"
	passP50   contest.Metric = "median time of reading once at all servers, which all have it, milliseconds"
)

// watcher writes at the first of some servers and finds out when all have it. How
// it finds out is the same for all whom it watches: one connection to each server,
// which are asked in turn, without a pause.
type watcher struct {
	dialect load.Dialect
	writer  *load.Connection
	readers []*load.Connection
	written int
	release []func() bool
}

// watch connects to a tree of servers, of which the first takes writes, and waits
// until all have the watched key. close must follow, also after an error.
func watch(ctx context.Context, d load.Dialect, tree servers.Group) (*watcher, error) {
	w := &watcher{dialect: d}
	open := func(address string) (*load.Connection, error) {
		c, err := load.Dial(ctx, d.Protocol, address, 0)
		if err == nil {
			w.release = append(w.release, context.AfterFunc(ctx, c.Close))
		}
		return c, err
	}
	var err error
	if w.writer, err = open(tree[0].Address); err != nil {
		return w, err
	}
	for _, p := range tree {
		reader, err := open(p.Address)
		if err != nil {
			return w, err
		}
		w.readers = append(w.readers, reader)
	}
	_, _, err = w.once()
	return w, err
}

func (w *watcher) close() {
	for _, release := range w.release {
		release()
	}
	for _, c := range append(slices.Clone(w.readers), w.writer) {
		if c != nil {
			c.Close()
		}
	}
}

// once writes a new value, and returns how long it took until that was answered and
// until all servers had it.
func (w *watcher) once() (answered, everywhere time.Duration, err error) {
	for _, c := range append(slices.Clone(w.readers), w.writer) {
		if err := c.Deadline(time.Now().Add(load.Patience)); err != nil {
			return 0, 0, err
		}
	}
	w.written++
	value := fmt.Sprintf(`"%0*d"`, load.ValueBytes-2, w.written)
	request := w.dialect.Put(watchedKey, value, 0)
	began := time.Now()
	if _, err := w.writer.Exchange(request); err != nil {
		return 0, 0, err
	}
	answered = time.Since(began)
	err = w.until([]byte(value))
	return answered, time.Since(began), err
}

// until asks the servers in turn, each until it has the value.
func (w *watcher) until(value []byte) error {
	request := w.dialect.Get(watchedKey, 0)
	end := time.Now().Add(load.Patience)
	lacking := slices.Clone(w.readers)
	for len(lacking) > 0 {
		if time.Now().After(end) {
			return fmt.Errorf("%d servers lack what was written %v ago", len(lacking), load.Patience)
		}
		still := lacking[:0]
		for _, reader := range lacking {
			body, err := reader.Exchange(request)
			if w.written > 1 && err != nil {
				return err
			}
			if !bytes.Contains(body, value) {
				still = append(still, reader)
			}
		}
		lacking = still
	}
	return nil
}

// times is how long some writes took, one after the other, and how much of that the
// reader needs at the least.
func (w *watcher) times(writes int) (contest.Sample, error) {
	s, err := timesOf(w.once, writes)
	if err != nil {
		return nil, err
	}
	request := w.dialect.Get(watchedKey, 0)
	passes := make([]time.Duration, writes)
	for i := range passes {
		began := time.Now()
		for _, reader := range w.readers {
			if _, err := reader.Exchange(request); err != nil {
				return nil, err
			}
		}
		passes[i] = time.Since(began)
	}
	s[passP50] = contest.Timed(passes)[contest.P50Millis]
	return s, nil
}

// timesOf is the sample of writes that are done one after the other.
func timesOf(once func() (answered, everywhere time.Duration, err error), writes int) (contest.Sample, error) {
	var answers, all []time.Duration
	for range writes {
		answered, everywhere, err := once()
		if err != nil {
			return nil, err
		}
		answers, all = append(answers, answered), append(all, everywhere)
	}
	s := contest.Timed(all)
	s[answerP50] = contest.Timed(answers)[contest.P50Millis]
	return s, nil
}
