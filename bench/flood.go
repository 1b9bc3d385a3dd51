package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"xylem/bench/load"
)

// flood is clients that send given writes to a node that can only queue them, each
// client its part, one after the other.
type flood struct {
	requests [][]byte
	conns    []*load.Connection
	released []func() bool
	last     string // id of a write, none of whose client came after it
}

// open opens the connections. The end of ctx closes them; close must follow, also
// after an error.
func (f *flood) open(ctx context.Context, address string) error {
	for range backlogClients {
		conn, err := load.Dial(ctx, load.HTTP, address, 0)
		if err != nil {
			return err
		}
		f.conns, f.released = append(f.conns, conn), append(f.released, context.AfterFunc(ctx, conn.Close))
		if err := conn.Deadline(time.Now().Add(drainPatience)); err != nil {
			return err
		}
	}
	return nil
}

func (f *flood) close() {
	for i, conn := range f.conns {
		f.released[i]()
		conn.Close()
	}
}

// part is what came of the writes of one client.
type part struct {
	latencies []time.Duration
	refused   int
	last      string
	err       error
}

// run sends all writes. In what it returns, answered with 202 counts as answered.
func (f *flood) run() (load.Burst, error) {
	parts := make([]part, len(f.conns))
	var running sync.WaitGroup
	began := time.Now()
	for i := range f.conns {
		running.Go(func() { parts[i].err = f.send(i, &parts[i]) })
	}
	running.Wait()
	elapsed := time.Since(began)
	var latencies []time.Duration
	refused := 0
	for _, p := range parts {
		if p.err != nil {
			return load.Burst{}, p.err
		}
		latencies = append(latencies, p.latencies...)
		refused += p.refused
		f.last = p.last
	}
	return load.Summarize(latencies, elapsed, refused), nil
}

// send is one client: every len(f.conns)th write.
func (f *flood) send(client int, p *part) error {
	var accepted struct {
		ID string `json:"write_id"`
	}
	for i := client; i < len(f.requests); i += len(f.conns) {
		sent := time.Now()
		status, body, err := f.conns[client].Send(f.requests[i])
		if err != nil {
			return err
		}
		if status != "202" {
			p.refused++
			continue
		}
		p.latencies = append(p.latencies, time.Since(sent))
		if i+len(f.conns) < len(f.requests) {
			continue
		}
		if err := json.Unmarshal(body, &accepted); err != nil {
			return fmt.Errorf("the answer %s: %w", body, err)
		}
		p.last = accepted.ID
	}
	return nil
}
