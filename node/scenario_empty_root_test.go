package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"xylem/client"
	"xylem/coordinator"
	"xylem/sync/version"
)

func TestARootThatLostItsDiskTakesOverWhatItsMembersHave(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 200ms"))
	tr.put(3, "greeting", "hello-world")
	last := tr.fill("more", 30)
	tr.awaitEqual()
	before := tr.status(1)
	want := string(tr.bodies(1))

	tr.stop(1)
	tr.empty(1)
	tr.start(1)
	tr.awaitEqual()
	tr.wantTakenOver(before, last)
	for _, k := range tr.all() {
		if string(tr.bodies(k)) != want {
			t.Errorf("%s has another listing than before", coordinator.Name(k))
		}
	}

	tr.wantToGoOn(last, 2, "greeting", "hello-mars")
}

// wantTakenOver holds the root's state against the members' before it started: of
// their tree, at their last version, in an epoch of its own.
func (tr *tree) wantTakenOver(before statusDocument, last version.Version) {
	tr.t.Helper()
	after := tr.status(1)
	if after.TreeID != before.TreeID || after.Version != last || after.Digest != before.Digest || after.Epoch <= before.Epoch {
		tr.t.Errorf("the members had tree %s at %v, digest %v, epoch %d; the root has %s at %v, %v, %d",
			before.TreeID, last, before.Digest, before.Epoch, after.TreeID, after.Version, after.Digest, after.Epoch)
	}
}

// wantToGoOn writes at a node, and wants that ordered right after the last version,
// in the root's epoch, everywhere and durable.
func (tr *tree) wantToGoOn(last version.Version, k int, key, value string) {
	tr.t.Helper()
	epoch := tr.status(1).Epoch
	if wrote := tr.put(k, key, value).Version; wrote.Epoch != epoch || wrote.Seq != last.Seq+1 {
		tr.t.Errorf("writes go on with %v after %v", wrote, last)
	}
	tr.awaitEqual()
	tr.want(key, value, tr.all()...)
	tr.wantOneState()

	tr.restart(1)
	tr.awaitEqual()
	tr.want(key, value, tr.all()...)
}

// Clients do not wait for the root to have asked its members: what they write
// while it does must not make a new tree of it.
func TestWritesToARootThatLostItsDiskDoNotPartItFromItsMembers(t *testing.T) {
	tr := startTree(t, 2)
	last := tr.put(3, "greeting", "hello-world").Version
	tr.awaitEqual()
	tree := tr.status(1).TreeID

	tr.stop(1)
	missed(t, tr)
	tr.empty(1)
	tr.start(1)
	var wrote *client.Answer
	tr.await("the root takes a write", func() (err error) {
		wrote, err = tr.root().Put(t.Context(), "farewell", []byte(`"bye"`))
		return err
	})
	ordered := wrote.Version
	if wrote.Pending { // it has not asked all of them yet
		ordered = tr.awaitFate(1, wrote.WriteID, client.WriteOrdered)
	}
	if !last.Before(ordered) || tr.status(1).TreeID != tree {
		t.Errorf("the root ordered %v in tree %s, and its members are at %v in tree %s",
			ordered, tr.status(1).TreeID, last, tree)
	}
	tr.awaitEqual()
	tr.want("greeting", "hello-world", tr.all()...)
	tr.want("farewell", "bye", tr.all()...)
}

// missed waits until the members have found the root away for so long that they
// ask for it as seldom as they ever do.
func missed(t *testing.T, tr *tree) {
	t.Helper()
	const liveness = 5 // several timeouts
	timer := time.NewTimer(liveness * tr.cfg.Liveness.Timeout)
	defer timer.Stop()
	<-timer.C
}

func TestTwoTreesThatBothHaveWritesStayApart(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 100ms"))
	tr.put(3, "greeting", "hello-world")
	tr.awaitEqual()
	for _, k := range []int{2, 3, 1} {
		tr.stop(k)
	}
	tr.empty(1)
	tr.start(1)
	tr.awaitReady(1)
	tr.put(1, "greeting", "hello-mars")
	rootsOwn := tr.status(1)

	tr.start(2)
	tr.start(3)
	for _, p := range tr.nodes[1:] {
		tr.await("the member says so", func() error { return p.log.says("other tree", "both have ordered writes") })
		tr.await("the root says so", func() error { return tr.nodes[0].log.says("refused", "another tree", coordinator.Name(p.k)) })
	}
	tr.queue(3, "greeting", "hello-venus") // it waits for the tree that it was written in
	tr.want("greeting", "hello-venus", 3)
	tr.want("greeting", "hello-world", 2)
	tr.want("greeting", "hello-mars", 1)
	if now := tr.status(1); now.TreeID != rootsOwn.TreeID || now.Version != rootsOwn.Version || now.Digest != rootsOwn.Digest {
		t.Errorf("the root was %+v and is %+v", rootsOwn, now)
	}

	// As the error says: the operator gives one of the two states up.
	tr.stop(2)
	tr.empty(2)
	tr.start(2)
	tr.await("NODE-2 has the root's state", func() error {
		answer, err := tr.client(2).Get(t.Context(), "greeting")
		if err == nil && string(answer.Value) != `"hello-mars"` {
			err = fmt.Errorf("it answers %s", answer.Body)
		}
		return err
	})
	tr.want("greeting", "hello-venus", 3)
}

func TestANewTreeNeedsNobodyElse(t *testing.T) {
	tr := newTree(t, 2)
	tr.start(1)
	tr.await("the root takes a write", func() error {
		_, err := tr.root().Put(t.Context(), "greeting", []byte(`1`))
		var problem *client.Problem
		if errors.As(err, &problem) && !strings.Contains("503 504", fmt.Sprint(problem.Status)) {
			t.Errorf("it answers %v", err)
		}
		return err
	})
}
