package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/servers"
)

// firstInbox is above those of the steady writers beside a subscriber.
const firstInbox = 100

// subscriber writes into a NATS bucket that seven connections watch, as seven
// clients would: each is told of every write by the server.
type subscriber struct {
	writer   *load.Connection
	watchers []*load.Connection
	written  int
}

// subscribe opens the watches. close must follow, also after an error.
func subscribe(ctx context.Context, p *servers.Process, watchers int) (*subscriber, error) {
	s := &subscriber{}
	var err error
	if s.writer, err = load.Dial(ctx, load.NATS, p.Address, firstInbox); err != nil {
		return s, err
	}
	for i := range watchers {
		c, err := load.Dial(ctx, load.NATS, p.Address, firstInbox+1+i)
		if err != nil {
			return s, err
		}
		s.watchers = append(s.watchers, c)
		// An ephemeral consumer in order and without acknowledgements, as a watch has.
		consumer := fmt.Sprintf(`{"stream_name":"KV_bench","config":{"deliver_subject":%q,"deliver_policy":"last_per_subject",`+
			`"ack_policy":"none","max_deliver":1,"filter_subject":"$KV.bench.>","replay_policy":"instant","mem_storage":true}}`, load.Inbox(firstInbox+1+i))
		if err := servers.NATSService(c, firstInbox+1+i, "$JS.API.CONSUMER.CREATE.KV_bench", []byte(consumer)); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *subscriber) close() {
	for _, c := range append(s.watchers, s.writer) {
		if c != nil {
			c.Close()
		}
	}
}

// times is how long some writes took, one after the other.
func (s *subscriber) times(writes int) (contest.Sample, error) { return timesOf(s.once, writes) }

// once writes a new value, and returns how long it took until that was answered and
// until all watchers had it.
func (s *subscriber) once() (answered, everywhere time.Duration, err error) {
	for _, c := range append([]*load.Connection{s.writer}, s.watchers...) {
		if err := c.Deadline(time.Now().Add(load.Patience)); err != nil {
			return 0, 0, err
		}
	}
	s.written++
	value := fmt.Sprintf(`"%0*d"`, load.ValueBytes-2, s.written)
	request := load.NATSBucket.Put(watchedKey, value, firstInbox)
	began := time.Now()
	if _, err := s.writer.Exchange(request); err != nil {
		return 0, 0, err
	}
	answered = time.Since(began)
	for _, c := range s.watchers {
		for {
			body, err := c.Receive()
			if err != nil {
				return 0, 0, err
			}
			if bytes.Contains(body, []byte(value)) {
				break
			}
		}
	}
	return answered, time.Since(began), nil
}
