package node

import (
	"iter"
	"slices"
	"sync"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// recentBodies is how many bodies of a large push are kept for nodes that are behind the
// one that is the furthest: some 8 MB.
const recentBodies = 16

// streams are the large pushes under way.
type streams struct {
	mu   sync.Mutex
	open []*stream
}

// stream is one of them, encoded as the first of those to which it goes takes it. Who
// falls behind too far goes on by itself, so that nobody waits for a slow one.
type stream struct {
	cut     *store.Cut
	readers int // guarded by streams.mu

	mu     sync.Mutex
	next   func() (wire.Body, bool)
	stop   func()
	first  int // number of the first of recent
	recent []wire.Body
}

// join returns a pull iterator over the bodies of a cut, which it shares with others that
// go through the same.
func (all *streams) join(cut *store.Cut) (next func() (wire.Body, bool), stop func()) {
	all.mu.Lock()
	defer all.mu.Unlock()
	i := slices.IndexFunc(all.open, func(s *stream) bool { return s.cut == cut })
	if i < 0 {
		s := &stream{cut: cut}
		s.next, s.stop = iter.Pull(wire.Bodies(cut, wire.MaxBodyBytes))
		all.open = append(all.open, s)
		i = len(all.open) - 1
	}
	s := all.open[i]
	s.readers++
	r := &streamReader{stream: s}
	return r.next, func() {
		r.stop()
		all.leave(s)
	}
}

func (all *streams) leave(s *stream) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if s.readers--; s.readers > 0 {
		return
	}
	all.open = slices.DeleteFunc(all.open, func(other *stream) bool { return other == s })
	s.stop()
}

// body is that of a number. behind says that it is kept no more.
func (s *stream) body(number int) (body wire.Body, more, behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch at := number - s.first; {
	case at < 0:
		return body, false, true
	case at < len(s.recent):
		return s.recent[at], true, false
	}
	if body, more = s.next(); !more {
		return body, false, false
	}
	if len(s.recent) == recentBodies {
		s.recent = slices.Delete(s.recent, 0, 1)
		s.first++
	}
	s.recent = append(s.recent, body)
	return body, true, false
}

// streamReader is where one push is in a stream.
type streamReader struct {
	stream *stream
	number int             // of the next body
	last   version.Version // of the last entry so far
	own    func() (wire.Body, bool)
	ended  func() // of own
}

func (r *streamReader) next() (wire.Body, bool) {
	if r.own != nil {
		return r.own()
	}
	body, more, behind := r.stream.body(r.number)
	if behind {
		rest := *r.stream.cut
		rest.From = version.Max(rest.From, r.last)
		r.own, r.ended = iter.Pull(wire.Bodies(&rest, wire.MaxBodyBytes))
		return r.own()
	}
	r.number++
	r.last = body.Last
	return body, more
}

func (r *streamReader) stop() {
	if r.ended != nil {
		r.ended()
	}
}

// ahead has bodies encoded in a goroutine of their own, a few ahead of those that are
// sent.
func ahead(next func() (wire.Body, bool), stop func()) (func() (wire.Body, bool), func()) {
	const few = 2
	bodies, ended := make(chan wire.Body, few), make(chan struct{})
	var encoding sync.WaitGroup
	encoding.Go(func() {
		defer close(bodies)
		for body, more := next(); more; body, more = next() {
			select {
			case bodies <- body:
			case <-ended:
				return
			}
		}
	})
	taken := func() (wire.Body, bool) {
		body, more := <-bodies
		return body, more
	}
	return taken, func() {
		close(ended)
		encoding.Wait()
		stop()
	}
}
