package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	writesPerRound = 200
	watchedKey     = "key-propagation0"
)

// measurePropagation times a write from its beginning at the root until the last
// of seven nodes answers with it.
func measurePropagation(ctx context.Context, shop *workshop) (report, error) {
	var contestants []contestant
	for _, fsync := range []string{"always", "never"} {
		t, err := shop.startTree(ctx, 3, "data.fsync="+fsync)
		if err != nil {
			return report{}, err
		}
		w, err := watch(ctx, t)
		if err != nil {
			return report{}, err
		}
		defer w.close()
		contestants = append(contestants,
			contestant{"data.fsync " + fsync, w.round},
			contestant{"data.fsync " + fsync + ", the write's own answer", func(context.Context) (sample, error) { return timed(w.answers), nil }},
		)
	}
	scores, err := interleave(ctx, shop.rounds, contestants)
	if err != nil {
		return report{}, err
	}
	r := report{
		title: fmt.Sprintf("Propagation: a write at the root until readable at all seven nodes, one at a time, %d a round", writesPerRound),
		notes: []string{"One reader asks the nodes that do not have it yet in turn, from the write's answer on, so a figure has the time of at least seven GETs in it. " +
			"For information; no goal yet."},
	}
	r.table.columns = []string{"tree", "p50 ms", "p99 ms"}
	for _, s := range scores {
		r.table.add(s.name, fmt.Sprintf("%.2f", s.median(p50Millis)), fmt.Sprintf("%.2f", s.median(p99Millis)))
	}
	return r, nil
}

// watcher writes at the root of a tree and reads at all its nodes.
type watcher struct {
	writer  *connection
	readers []*connection
	written int
	answers []time.Duration // of the last round's writes
	release []func() bool
}

func watch(ctx context.Context, t *tree) (*watcher, error) {
	w := &watcher{}
	open := func(address string) (*connection, error) {
		c, err := dial(ctx, address)
		if err == nil {
			w.release = append(w.release, context.AfterFunc(ctx, c.close))
		}
		return c, err
	}
	var err error
	if w.writer, err = open(t.root.address); err != nil {
		return nil, err
	}
	for _, m := range t.members {
		reader, err := open(m.address)
		if err != nil {
			return nil, err
		}
		w.readers = append(w.readers, reader)
	}
	if _, err := w.writer.exchange(putRequest(watchedKey, `"first"`)); err != nil {
		return nil, err
	}
	return w, t.settle(ctx)
}

func (w *watcher) close() {
	for _, release := range w.release {
		release()
	}
	for _, c := range append(w.readers, w.writer) {
		c.close()
	}
}

// round writes writesPerRound times.
func (w *watcher) round(context.Context) (sample, error) {
	w.answers = w.answers[:0]
	var everywhere []time.Duration
	for _, c := range append(slices.Clone(w.readers), w.writer) {
		if err := c.deadline(time.Now().Add(startPatience)); err != nil {
			return nil, err
		}
	}
	for range writesPerRound {
		w.written++
		value := fmt.Appendf(nil, `"%0*d"`, valueBytes-2, w.written)
		began := time.Now()
		if _, err := w.writer.exchange(putRequest(watchedKey, string(value))); err != nil {
			return nil, err
		}
		w.answers = append(w.answers, time.Since(began))
		if err := w.until(value); err != nil {
			return nil, err
		}
		everywhere = append(everywhere, time.Since(began))
	}
	return timed(everywhere), nil
}

// until asks the nodes in turn, each until it has the value.
func (w *watcher) until(value []byte) error {
	request := getRequest(watchedKey)
	lacking := slices.Clone(w.readers)
	for len(lacking) > 0 {
		still := lacking[:0]
		for _, reader := range lacking {
			body, err := reader.exchange(request)
			if err != nil {
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

// timed is the sample of some times.
func timed(times []time.Duration) sample {
	sorted := slices.Sorted(slices.Values(times))
	return sample{p50Millis: millis(quantile(sorted, 0.50)), p99Millis: millis(quantile(sorted, 0.99))}
}
