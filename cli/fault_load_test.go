package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"xylem/client"
)

// load is the clients of a tree that is being broken, and what they were told.
type load struct {
	tree    *brokenTree
	history *history
	rng     *rand.Rand
	stop    context.CancelFunc
	clients sync.WaitGroup
	pace    time.Duration // between two requests of one client

	full   atomic.Bool // the root's disk may be: writes may be refused
	lapses atomic.Bool // the root may lose its lease while it answers: outcomes may be unknown
}

// sessions is how many clients go from node to node and pass versions on.
const sessions = 6

// defaultPace is load.pace where nothing else is said.
const defaultPace = 20 * time.Millisecond

// startLoad lets clients write and read at every node until finish.
func startLoad(tree *brokenTree, rng *rand.Rand) *load {
	return startLoadAt(tree, rng, defaultPace)
}

// startLoadAt does so at another pace.
func startLoadAt(tree *brokenTree, rng *rand.Rand, pace time.Duration) *load {
	l := &load{tree: tree, history: newHistory(), rng: rng, pace: pace}
	l.history.parts = tree.elected
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	for k := 1; k <= len(tree.nodes); k++ {
		l.start(ctx, l.newcomer(k))
		l.start(ctx, l.rewriter(k))
	}
	for i := range sessions {
		l.start(ctx, l.session(fmt.Sprint("session-", i), l.between()))
	}
	for i := range 3 {
		l.start(ctx, l.counting(fmt.Sprint("adder-", i), l.between()))
	}
	return l
}

// between makes a source of chance for one client, so that none depends on another's pace.
func (l *load) between() *rand.Rand { return rand.New(rand.NewPCG(l.rng.Uint64(), l.rng.Uint64())) }

// start lets one client act again and again.
func (l *load) start(ctx context.Context, act func()) {
	first := time.Duration(l.rng.Int64N(int64(l.pace)))
	l.clients.Go(func() {
		beat := time.NewTicker(l.pace)
		defer beat.Stop()
		select {
		case <-time.After(first):
		case <-ctx.Done():
		}
		for ctx.Err() == nil {
			act()
			select {
			case <-beat.C:
			case <-ctx.Done():
			}
		}
	})
}

// finish ends the clients and waits for them.
func (l *load) finish() {
	l.stop()
	l.clients.Wait()
}

// exchange sends one request to NODE-k. The node was calm if it lived all the while,
// ready and not paused: then it has no excuse. Took is zero if it was not.
func (l *load) exchange(k int, send func(*client.Client) error) (calm bool, took time.Duration, err error) {
	r := l.tree.node(k).life.Load()
	before, wasCalm := r.calm()
	began := time.Now()
	err = send(r.client)
	took = time.Since(began)
	after, _ := r.calm()
	if calm = wasCalm && before == after; !calm {
		took = 0
	}
	return calm, took, err
}

// The kinds of writes, as they are counted.
const (
	plain       = "writes "
	later       = "writes asked to wait " // with Prefer: respond-async
	conditional = "conditional writes "
)

// write tries one write, and notes what the client was told.
func (l *load) write(kind, key, value string, k int, opts ...client.RequestOption) *attempt {
	a := l.history.try(key, value, k)
	var answer *client.Answer
	calm, took, err := l.exchange(k, func(c *client.Client) (err error) {
		if value == "" {
			answer, err = c.Delete(context.Background(), key, opts...)
		} else {
			answer, err = c.Put(context.Background(), key, json.RawMessage(value), opts...)
		}
		return err
	})
	var p *client.Problem
	l.history.mu.Lock()
	a.ended, a.epoch = l.history.now(), l.history.epoch
	switch {
	case err == nil && answer.Pending:
		a.told, a.id = toldPending, answer.WriteID
	case err == nil && answer.Superseded:
		a.told, a.version = toldSuperseded, answer.Version
	case err == nil:
		a.told, a.version = toldOrdered, answer.Version
		l.history.ordered = append(l.history.ordered, span{a.began, a.ended})
	case errors.As(err, &p) && p.Status == http.StatusGatewayTimeout || errors.Is(err, client.ErrOutcomeUnknown):
		a.told, a.detail = toldUnknown, err.Error()
	default:
		a.told, a.detail = toldRefused, err.Error()
	}
	l.history.mu.Unlock()
	l.history.count(kind+string(a.told), took)
	if a.told == toldOrdered {
		l.history.saw(a.version, key, value)
	}
	if calm && kind != conditional && !a.told.acknowledged() && !l.full.Load() && !(a.told == toldUnknown && l.lapses.Load()) {
		l.history.violate("a node that lives did not take a write: %v", a)
	}
	if a.told == toldPending && answer.Location != "/writes/"+a.id {
		l.history.violate("a 202 says %s where to ask: %v", answer.Location, a)
	}
	return a
}
