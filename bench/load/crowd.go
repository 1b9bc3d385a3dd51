package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"xylem/bench/contest"
)

// Patience is how long a single request may take before the server counts as hung.
const Patience = 20 * time.Second

// Target is a server as clients see it.
type Target struct {
	// Address is host:port.
	Address string
	// Protocol is what the server speaks.
	Protocol *Protocol
	// CPU is what its processes have used of the processors so far.
	CPU func() (time.Duration, error)
}

// Crowd is clients that each send a request, wait for its answer and send the
// next: a closed loop without pipelining. Their connections stay open between
// bursts.
type Crowd struct {
	target  Target
	clients []*loader
	release []func() bool
}

// Burst is what came of clients in a while.
type Burst struct {
	// Answered is how many got what they asked for.
	Answered int
	// Refused is how many did not.
	Refused int
	// Elapsed is how long it took.
	Elapsed time.Duration
	// CPU is what the servers used meanwhile.
	CPU time.Duration
	// P50, P99 and Worst are latencies of those that were answered.
	P50, P99, Worst time.Duration
}

// Gather opens the connections, and sends one request on each. The end of ctx
// closes them. Close must follow.
func Gather(ctx context.Context, target Target, clients int, s Script) (*Crowd, error) {
	c := &Crowd{target: target}
	if err := c.open(ctx, clients, s); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Crowd) open(ctx context.Context, clients int, s Script) error {
	for i := range clients {
		conn, err := Dial(ctx, c.target.Protocol, c.target.Address, i)
		if err != nil {
			return err
		}
		c.release = append(c.release, context.AfterFunc(ctx, conn.Close))
		c.clients = append(c.clients, &loader{conn: conn, next: s(i), latencies: make([]time.Duration, 0, 1<<12)})
	}
	for _, client := range c.clients {
		if err := client.conn.Deadline(time.Now().Add(Patience)); err != nil {
			return err
		}
		if err := client.once(); err != nil {
			return fmt.Errorf("the first answer: %w", err)
		}
	}
	return nil
}

// Close closes the connections.
func (c *Crowd) Close() {
	for i, client := range c.clients {
		c.release[i]()
		client.conn.Close()
	}
}

// Run lets the clients go for a period. The servers' CPU time is asked just before
// and just after.
func (c *Crowd) Run(period time.Duration) (Burst, error) {
	for _, client := range c.clients {
		client.latencies, client.refused = client.latencies[:0], 0
		if err := client.conn.Deadline(time.Now().Add(period + Patience)); err != nil {
			return Burst{}, err
		}
	}
	before, err := c.target.CPU()
	if err != nil {
		return Burst{}, err
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
	elapsed := time.Since(began)
	after, err := c.target.CPU()
	if err != nil {
		return Burst{}, err
	}
	var latencies []time.Duration
	refused := 0
	for _, client := range c.clients {
		if client.err != nil {
			return Burst{}, client.err
		}
		latencies = append(latencies, client.latencies...)
		refused += client.refused
	}
	b := Summarize(latencies, elapsed, refused)
	if b.CPU = after - before; b.Answered == 0 {
		return b, errors.New("no request was answered as asked")
	}
	return b, nil
}

// Summarize makes a burst of latencies, in any order, which it sorts.
func Summarize(latencies []time.Duration, elapsed time.Duration, refused int) Burst {
	slices.Sort(latencies)
	return Burst{
		Answered: len(latencies), Refused: refused, Elapsed: elapsed,
		P50: contest.Quantile(latencies, 0.50), P99: contest.Quantile(latencies, 0.99), Worst: contest.Quantile(latencies, 1),
	}
}

// loader is one client.
type loader struct {
	conn      *Connection
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
	_, err := c.conn.Exchange(c.next())
	switch {
	case errors.Is(err, ErrRefused):
		c.refused++
		return nil
	case err != nil:
		return err
	}
	c.latencies = append(c.latencies, time.Since(sent))
	return nil
}

// Sample is the burst in the metrics that every load has.
func (b Burst) Sample() contest.Sample {
	return contest.Sample{
		contest.PerSecond: float64(b.Answered) / b.Elapsed.Seconds(),
		contest.CPUMicros: float64(b.CPU.Nanoseconds()) / 1e3 / float64(b.Answered),
		contest.P50Millis: contest.Millis(b.P50),
		contest.P99Millis: contest.Millis(b.P99),
		contest.Refusals:  float64(b.Refused),
	}
}
