package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"xylem/eventually"
)

func TestConnectionsThatAreIdleForLongAreClosed(t *testing.T) {
	one, other, p := playPeer(t, echo), playPeer(t, echo), sender(t)
	mustEcho(t, p, one, "x")
	between := time.Now()
	mustEcho(t, p, other, "x")
	if p.connections.sweeps == nil {
		t.Fatal("nobody looks for idle connections")
	}
	p.connections.sweep(between)
	if kept := p.connections.idleNow(); len(kept) != 1 || "http://"+kept[0].host != other.address() {
		t.Fatalf("%d connections are kept", len(kept))
	}
	eventually.Await(t, patience, time.Millisecond, "the other side hears of it", func() error {
		if one.open.Load() != 0 {
			return errors.New("its connection is open")
		}
		return nil
	})
	p.connections.sweep(time.Now())
	if p.connections.sweeps != nil || len(p.connections.idle) != 0 {
		t.Fatal("with nothing idle, somebody looks on")
	}
	mustEcho(t, p, one, "again")
	if p.connections.sweeps == nil {
		t.Fatal("nobody looks for idle connections any more")
	}
}

func TestConnectionsKeepNoneAfterTheyWereClosed(t *testing.T) {
	c, p := playPeer(t, echo), sender(t)
	mustEcho(t, p, c, "x")
	p.connections.Close()
	mustEcho(t, p, c, "y")
	if kept := p.connections.idleNow(); len(kept) != 0 || c.dialled.Load() != 2 {
		t.Fatalf("%d connections are kept after %d", len(kept), c.dialled.Load())
	}
}

func TestAConnectionOnWhichMoreComesThanWasAskedForIsNotUsed(t *testing.T) {
	p := sender(t)
	c := playPeer(t, func(conn net.Conn, r *http.Request, body []byte) error {
		return errors.Join(echo(conn, r, body), echo(conn, r, []byte("and more")))
	})
	for i := range 5 {
		mustEcho(t, p, c, fmt.Sprint(i))
		eventually.Await(t, patience, time.Millisecond, "no idle connection looks as if it were of use", func() error {
			if slices.ContainsFunc(p.connections.idleNow(), (*connection).quiet) {
				return errors.New("one does")
			}
			return nil
		})
	}
	if c.dialled.Load() != 5 {
		t.Fatalf("%d requests went over %d connections", c.requests.Load(), c.dialled.Load())
	}
}

// A node whose machine has vanished says nothing on any of its connections.
func TestAfterARequestWithoutAnAnswerTheNextGetsANewConnection(t *testing.T) {
	const many = 4
	p := sender(t)
	var silent atomic.Bool
	var all sync.WaitGroup
	all.Add(many)
	c := playPeer(t, func(conn net.Conn, r *http.Request, body []byte) error {
		switch {
		case silent.Load() && string(body) == "nobody hears this":
			_, _ = conn.Read(make([]byte, 1)) // until the sender gives up
			return errHangUp
		case !silent.Load():
			all.Done()
			all.Wait() // so that each has a connection of its own
		}
		return echo(conn, r, body)
	})
	var group sync.WaitGroup
	for range many {
		group.Go(func() {
			if _, err := p.post(t.Context(), c.address(), pathLookup, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if kept := len(p.connections.idleNow()); kept != many {
		t.Fatalf("%d connections are kept", kept)
	}
	silent.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.post(ctx, c.address(), pathLookup, []byte("nobody hears this")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if kept := len(p.connections.idleNow()); kept != 0 {
		t.Fatalf("%d connections are kept", kept)
	}
	mustEcho(t, p, c, "somebody hears this")
}

// Nodes that share their connections work, and leave the connections to whoever made them.
func TestNodesOfAProcessShareConnections(t *testing.T) {
	tr := newTree(t, 2)
	tr.connections = NewConnections()
	tr.startAll()
	for i := range 20 {
		key := fmt.Sprint("key ", i)
		tr.put(3, key, key)
	}
	tr.awaitEqual()
	tr.stop(3)
	if len(tr.connections.idleNow()) == 0 {
		t.Error("no connection is kept")
	}
	if answer, err := tr.nodes[1].node.peers.post(t.Context(), "http://"+tr.nodes[0].address, pathPing, []byte("{}")); err != nil || answer.status != http.StatusBadRequest {
		t.Errorf("answered %d: %v", answer.status, err)
	}
	tr.shutDown()
	tr.connections.Close()
	if left := tr.connections.idleNow(); len(left) != 0 {
		t.Errorf("%d connections are left", len(left))
	}
}
