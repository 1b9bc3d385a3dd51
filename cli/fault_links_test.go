package main

import (
	"context"
	"errors"
	"sync"
)

// cutting is how a link is cut.
type cutting int

const (
	silent    cutting = iota // bytes are held, as if the network lost them; they go on when the link heals
	resetting                // connections are reset
)

func (c cutting) String() string { return [...]string{"silent", "resetting"}[c] }

// stranger stands for a caller that did not say which node it is.
const stranger = 0

// cut is a fault of the network: what it severs does not pass.
type cut struct {
	how    cutting
	severs func(from, to int) bool // of what node `from` sends to node `to`
}

// links are the ways between the nodes, each direction by itself. All requests to
// a node come through its proxy, which asks here before it passes anything on.
type links struct {
	mu        sync.Mutex
	cuts      map[*cut]bool
	changed   chan struct{} // closed, and replaced, whenever cuts change
	strangers []string      // first lines of requests that did not say who sent them
}

func newLinks() *links {
	return &links{cuts: map[*cut]bool{}, changed: make(chan struct{})}
}

// cut makes a fault that lasts until heal is called.
func (l *links) cut(how cutting, severs func(from, to int) bool) (heal func()) {
	c := &cut{how, severs}
	l.change(func() { l.cuts[c] = true })
	return func() { l.change(func() { delete(l.cuts, c) }) }
}

func (l *links) change(with func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	with()
	close(l.changed)
	l.changed = make(chan struct{})
}

// state says whether something holds, or resets, what goes from one node to
// another, and when to ask again.
func (l *links) state(from, to int) (held, reset bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.cuts {
		if c.severs(from, to) {
			held = held || c.how == silent
			reset = reset || c.how == resetting
		}
	}
	return held, reset, l.changed
}

var errReset = errors.New("the link was reset")

// pass waits while the link is silent.
func (l *links) pass(ctx context.Context, from, to int) error {
	for {
		held, reset, changed := l.state(from, to)
		switch {
		case reset:
			return errReset
		case !held:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// untilReset returns errReset once the link in either direction is reset.
func (l *links) untilReset(ctx context.Context, a, b int) error {
	for {
		_, there, changed := l.state(a, b)
		_, back, _ := l.state(b, a)
		if there || back {
			return errReset
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
