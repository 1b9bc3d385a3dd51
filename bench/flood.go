package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// flood is clients that send given writes to a node that can only queue them, each
// client its part, one after the other.
type flood struct {
	requests [][]byte
	conns    []*connection
	released []func() bool
	last     string // id of a write, none of whose client came after it
}

// open opens the connections. The end of ctx closes them; close must follow, also
// after an error.
func (f *flood) open(ctx context.Context, address string) error {
	for range backlogClients {
		conn, err := dial(ctx, address)
		if err != nil {
			return err
		}
		f.conns, f.released = append(f.conns, conn), append(f.released, context.AfterFunc(ctx, conn.close))
		if err := conn.deadline(time.Now().Add(drainPatience)); err != nil {
			return err
		}
	}
	return nil
}

func (f *flood) close() {
	for i, conn := range f.conns {
		f.released[i]()
		conn.close()
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
func (f *flood) run() (burst, error) {
	parts := make([]part, len(f.conns))
	var running sync.WaitGroup
	began := time.Now()
	for i := range f.conns {
		running.Go(func() { parts[i].err = f.send(i, &parts[i]) })
	}
	running.Wait()
	b := burst{elapsed: time.Since(began)}
	for _, p := range parts {
		if p.err != nil {
			return b, p.err
		}
		b.latencies = append(b.latencies, p.latencies...)
		b.refused += p.refused
		f.last = p.last
	}
	slices.Sort(b.latencies)
	b.answered = len(b.latencies)
	return b, nil
}

// send is one client: every len(f.conns)th write.
func (f *flood) send(client int, p *part) error {
	var accepted struct {
		ID string `json:"write_id"`
	}
	for i := client; i < len(f.requests); i += len(f.conns) {
		sent := time.Now()
		answer, body, err := f.conns[client].send(f.requests[i])
		if err != nil {
			return err
		}
		if status(answer) != "202" {
			p.refused++
			continue
		}
		p.latencies = append(p.latencies, time.Since(sent))
		if i+len(f.conns) < len(f.requests) {
			continue
		}
		if err := json.Unmarshal(answer[body:], &accepted); err != nil {
			return fmt.Errorf("the answer %s: %w", answer, err)
		}
		p.last = accepted.ID
	}
	return nil
}
