package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"xylem/client"
	"xylem/coordinator"
)

func TestANameBelongsToOneProcess(t *testing.T) {
	tr := startTree(t, 2)
	tr.put(3, "greeting", "hello-world")
	tr.awaitEqual()
	impostor := newProcess(t, 3)
	began := time.Now()
	tr.run(impostor)
	defer impostor.client.Close()
	select {
	case err := <-impostor.ended:
		if !errors.Is(err, coordinator.ErrNameTaken) {
			t.Errorf("it ended with %v, want it to say that the name is taken", err)
		}
	case <-time.After(patience):
		t.Fatal("two processes run under one name")
	}
	if took, least := time.Since(began), 3*tr.cfg.Liveness.Timeout; took < least {
		t.Errorf("it gave up after %v, though the other may have died less than %v ago", took, least)
	}
	tr.want("greeting", "hello-world", tr.all()...)
	tr.awaitEqual()
}

func TestANameIsFreeOnceItsProcessIsDead(t *testing.T) {
	tr := startTree(t, 2)
	tr.stop(3)
	successor := newProcess(t, 3) // at another address
	tr.nodes[2] = successor
	tr.start(3)
	tr.awaitReady(3)
	tr.awaitEqual()
	nodes, _, err := tr.root().Nodes(t.Context())
	if err != nil || nodes[2].Node != "NODE-3" || nodes[2].Address != "http://"+successor.address || nodes[2].State != "alive" {
		t.Errorf("the root says %+v, %v", nodes, err)
	}
}

func TestANameOutsideTheTreeIsRefused(t *testing.T) {
	tr := startTree(t, 2)
	stranger := newProcess(t, 4)
	tr.run(stranger)
	defer stranger.client.Close()
	select {
	case err := <-stranger.ended:
		if !errors.Is(err, coordinator.ErrOutsideTree) {
			t.Errorf("it ended with %v, want it to say that NODE-4 is outside the tree", err)
		}
	case <-time.After(patience):
		t.Fatal("NODE-4 runs in a tree of three")
	}
	nodes, _, err := tr.root().Nodes(t.Context())
	if err != nil || len(nodes) != 3 {
		t.Errorf("the root lists %+v, %v", nodes, err)
	}
}

func TestWhoDoesNotKnowTheSecretStaysOutside(t *testing.T) {
	tr := newTree(t, 2)
	for _, k := range []int{1, 2} {
		tr.start(k)
		tr.awaitReady(k)
	}
	tr.put(2, "greeting", "hello-world")

	stranger, right := tr.nodes[2], tr.secret
	tr.secret = []byte("not the secret of this tree")
	tr.start(3)
	tr.secret = right
	tr.await("it is told why", func() error { return stranger.log.says("the root answered 401") })
	var problem *client.Problem
	if _, err := tr.client(3).Get(t.Context(), "greeting"); !errors.As(err, &problem) || problem.Status != 503 {
		t.Errorf("it answers a read with %v", err)
	}
	tr.queue(3, "greeting", "hello-mars")
	status, err := tr.client(3).Status(t.Context())
	if err != nil || status.Position != 0 || status.Version != "0.0" || status.TreeID == tr.status(1).TreeID {
		t.Errorf("it says of itself %+v, %v", status, err)
	}
	nodes, _, err := tr.root().Nodes(t.Context())
	if err != nil || len(nodes) != 3 || nodes[2].State != "absent" || nodes[2].Address != "" {
		t.Errorf("the root says %+v, %v", nodes, err)
	}
	for _, p := range tr.nodes {
		if strings.Contains(p.log.String(), string(right)) {
			t.Errorf("the secret is in the log of %s", coordinator.Name(p.k))
		}
	}
	tr.want("greeting", "hello-world", 1, 2)
}

func TestADeadNodeCostsTheOthersNothing(t *testing.T) {
	tr := startTree(t, 3, schedule("@every 100ms"))
	tr.stop(5)
	for i := range 50 {
		tr.put(7, "greeting", fmt.Sprint(i))
	}
	alive := []int{1, 2, 3, 4, 6, 7}
	tr.await("the living are equal", func() error {
		for _, k := range alive {
			if got := tr.value(k, "greeting"); got != "49" {
				return fmt.Errorf("%s answers %q", coordinator.Name(k), got)
			}
		}
		return nil
	})
	for _, m := range tr.status(1).Nodes {
		if m.Node == "NODE-5" && m.State != "down" {
			t.Errorf("the root says %+v", m)
		}
	}
	tr.start(5)
	tr.awaitEqual()
	tr.wantOneState()
}
