package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"xylem/sync/wire"
)

// flights are the questions that are under way to an ancestor. At once however many
// ask the same, one request goes up, and all learn its answer.
type flights struct {
	mu    sync.Mutex
	under map[string]*flight // by the question without its time
}

// flight is one question under way.
type flight struct {
	sent  time.Time
	ended chan struct{} // closed once found and err are set
	found *wire.Lookup
	err   error
}

// share has an ancestor answer q, or shares an answer that is on its way already.
// It waits no longer than ctx. The question itself does not end with that: others
// may wait for it.
func (n *Node) share(ctx context.Context, q wire.Question) (*flight, error) {
	f := n.depart(q)
	select {
	case <-f.ended:
		return f, f.err
	case <-ctx.Done():
		return f, ctx.Err()
	}
}

// errStopping says that a node that stops asks nobody any more.
var errStopping = errors.New("this node is stopping")

// depart joins the flight for q, or begins it.
func (n *Node) depart(q wire.Question) *flight {
	name := string(wire.AppendQuestion(nil, &q))
	n.flights.mu.Lock()
	defer n.flights.mu.Unlock()
	if f := n.flights.under[name]; f != nil {
		return f
	}
	f := &flight{sent: time.Now(), ended: make(chan struct{})}
	select {
	case <-n.stopping:
		f.err = errStopping
		close(f.ended)
		return f
	default:
	}
	if n.flights.under == nil {
		n.flights.under = make(map[string]*flight)
	}
	n.flights.under[name] = f
	n.work.Go(func() {
		f.found, f.err = n.lookUp(q)
		n.flights.mu.Lock()
		delete(n.flights.under, name)
		n.flights.mu.Unlock()
		close(f.ended)
	})
	return f
}

// stopAsking has readers wait no longer. No flight begins after it: a reader that
// outlives the HTTP server must not add to the work that Run waits for.
func (n *Node) stopAsking() {
	n.flights.mu.Lock()
	defer n.flights.mu.Unlock()
	close(n.stopping)
}
