package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"xylem/client"
	"xylem/coordinator"
)

func TestMovingTheRoot(t *testing.T) {
	tr := startElected(t, 2)
	tr.put(2, "before", "x")
	moved, err := tr.client(1).MoveRoot(t.Context(), "NODE-3")
	if err != nil || moved.Root != "NODE-3" || moved.Address != "http://"+tr.nodes[2].address || moved.Epoch < 2 {
		t.Fatalf("answered %+v, %v", moved, err)
	}
	if root := tr.awaitElected(); root != 3 {
		t.Errorf("NODE-%d is the root", root)
	}
	tr.put(1, "after", "y")
	tr.awaitElected()
	tr.want("before", "x", tr.all()...)
	tr.want("after", "y", tr.all()...)
	for _, asked := range []int{3, 1} { // the client follows NODE-1's word to the root
		if same, err := tr.client(asked).MoveRoot(t.Context(), "3"); err != nil || same.Root != "NODE-3" || same.Epoch != moved.Epoch {
			t.Errorf("moving to itself at NODE-%d is answered %+v, %v", asked, same, err)
		}
	}
	tr.stop(2)
	for _, c := range []struct{ node, slug string }{{"NODE-2", "not-alive"}, {"NODE-9", "no-such-node"}, {"nine", "node"}} {
		var p *client.Problem
		if _, err := tr.client(3).MoveRoot(t.Context(), c.node); !errors.As(err, &p) || p.Type != problemType+c.slug {
			t.Errorf("moving to %s: %v, want %s", c.node, err, c.slug)
		}
	}
}

func TestAMoveThatFailsIsToldAndLeavesARoot(t *testing.T) {
	tr := startElected(t, 2)
	tr.council.change(func() { tr.council.refusing = errors.New("no ZooKeeper today") })
	_, err := tr.client(1).MoveRoot(t.Context(), "NODE-2")
	// It stands aside, and one of the others is elected, but cannot serve either.
	tr.council.change(func() { tr.council.refusing = nil })
	if root := tr.awaitElected(); err == nil && root != 2 {
		t.Errorf("answered that NODE-2 is the root, and it is NODE-%d", root)
	}
	tr.put(3, "after", "y")
	tr.awaitElected()
	tr.want("after", "y", tr.all()...)
}

// author writes at one node, one key after the other, until it is told to stop.
type author struct {
	k       int
	taken   []string // answered 200 or 202
	unknown int      // nobody knows
	failed  error    // what else was answered
}

func (a *author) write(tr *tree, ended <-chan struct{}) {
	for i := 0; a.failed == nil; i++ {
		select {
		case <-ended:
			return
		default:
		}
		key := fmt.Sprintf("%d-%d", a.k, i)
		switch _, err := tr.client(a.k).Put(tr.t.Context(), key, json.RawMessage(`"x"`)); {
		case err == nil:
			a.taken = append(a.taken, key)
		case errors.Is(err, client.ErrOutcomeUnknown):
			a.unknown++
		default:
			a.failed = fmt.Errorf("write %s at NODE-%d: %w", key, a.k, err)
		}
	}
}

// Whatever happens to the root, clients that write at nodes that live are answered 200
// or 202, and nothing of that is lost. Only what a root had decided when its lease
// ended may be of unknown outcome.
func TestTheRootChangesUnderLoad(t *testing.T) {
	const rounds = 3
	tr := startElected(t, 2)
	ended := make(chan struct{})
	authors := []*author{{k: 1}, {k: 2}, {k: 3}}
	var writing sync.WaitGroup
	for _, a := range authors {
		writing.Go(func() { a.write(tr, ended) })
	}
	for round := range rounds {
		root := tr.awaitRole("root", tr.all()...)
		to := 1 + root%3
		tr.await(coordinator.Name(to)+" lives", func() error {
			nodes, _, err := tr.client(root).Nodes(t.Context())
			for _, m := range nodes {
				if m.Node == coordinator.Name(to) && m.State != "alive" {
					return errors.New("it is " + m.State)
				}
			}
			return err
		})
		if _, err := tr.client(root).MoveRoot(t.Context(), coordinator.Name(to)); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		lost := tr.council.lose(tr.awaitRole("root", to))
		tr.awaitRole("root", slices.DeleteFunc(tr.all(), func(k int) bool { return k == to })...)
		tr.council.find(lost)
	}
	close(ended)
	writing.Wait()
	tr.awaitElected()
	for _, a := range authors {
		if a.failed != nil || a.unknown > rounds {
			t.Errorf("%d writes at NODE-%d are of unknown outcome; %v", a.unknown, a.k, a.failed)
		}
		for i, key := range a.taken {
			tr.want(key, "x", 1+(a.k+i)%3)
		}
	}
}
