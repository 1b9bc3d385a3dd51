package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is clients that each send a request, wait for its answer and send the
// next: a closed loop without pipelining. Their connections stay open between
// bursts.
type crowd struct {
	clients []*loader
	release []func() bool
}

// burst is what came of a crowd in a while.
type burst struct {
	answered  int // with 200
	refused   int // with any other status
	elapsed   time.Duration
	cpu       time.Duration // that the servers used meanwhile
	latencies []time.Duration
}

// gather opens the connections, and sends one request on each. The end of ctx
// closes them. close must follow, also after an error.
func gather(ctx context.Context, address string, clients int, s script) (*crowd, error) {
	c := &crowd{}
	for i := range clients {
		conn, err := dial(ctx, address)
		if err != nil {
			return c, err
		}
		c.release = append(c.release, context.AfterFunc(ctx, conn.close))
		c.clients = append(c.clients, &loader{conn: conn, next: s(i), latencies: make([]time.Duration, 0, 1<<12)})
	}
	for _, client := range c.clients {
		if err := client.conn.deadline(time.Now().Add(startPatience)); err != nil {
			return c, err
		}
		if err := client.once(); err != nil {
			return c, fmt.Errorf("the first answer: %w", err)
		}
	}
	return c, nil
}

func (c *crowd) close() {
	for i, client := range c.clients {
		c.release[i]()
		client.conn.close()
	}
}

// run lets the clients go for a period. cpu tells what the servers have used so
// far; it is asked just before and just after.
func (c *crowd) run(period time.Duration, cpu func() (time.Duration, error)) (burst, error) {
	for _, client := range c.clients {
		client.latencies, client.refused = client.latencies[:0], 0
		if err := client.conn.deadline(time.Now().Add(period + startPatience)); err != nil {
			return burst{}, err
		}
	}
	before, err := cpu()
	if err != nil {
		return burst{}, err
	}
	var over atomic.Bool
	var running sync.WaitGroup
	timer := time.AfterFunc(period, func() { over.Store(true) })
	defer timer.Stop()
	began := time.Now()
	for _, client := range c.clients {
		running.Go(func() { client.until(&over) })
	}
	running.Wait()
	b := burst{elapsed: time.Since(began)}
	after, err := cpu()
	if err != nil {
		return burst{}, err
	}
	b.cpu = after - before
	for _, client := range c.clients {
		if client.err != nil {
			return b, client.err
		}
		b.latencies = append(b.latencies, client.latencies...)
		b.refused += client.refused
	}
	slices.Sort(b.latencies)
	if b.answered = len(b.latencies); b.answered == 0 {
		return b, errors.New("no request was answered with 200")
	}
	return b, nil
}

// loader is one client.
type loader struct {
	conn      *connection
	next      func() []byte
	latencies []time.Duration
	refused   int
	err       error
}

// until sends requests until over is set, or one fails.
func (c *loader) until(over *atomic.Bool) {
	for !over.Load() && c.err == nil {
		c.err = c.once()
	}
}

// once sends a request. Only a connection that is of no more use is an error.
func (c *loader) once() error {
	sent := time.Now()
	_, err := c.conn.exchange(c.next())
	switch {
	case errors.Is(err, errStatus):
		c.refused++
		return nil
	case err != nil:
		return err
	}
	c.latencies = append(c.latencies, time.Since(sent))
	return nil
}

// sample is the burst in the metrics that every load has.
func (b burst) sample() sample {
	return sample{
		perSecond: float64(b.answered) / b.elapsed.Seconds(),
		cpuMicros: float64(b.cpu.Nanoseconds()) / 1e3 / float64(b.answered),
		p50Millis: millis(quantile(b.latencies, 0.50)),
		p99Millis: millis(quantile(b.latencies, 0.99)),
		refusals:  float64(b.refused),
	}
}

// quantile is the least of the sorted durations that a share q of them does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(float64(len(sorted))*q), len(sorted)-1)]
}

func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
