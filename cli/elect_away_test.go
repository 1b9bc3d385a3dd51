package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

var electRestarts = flag.Int("elect.restarts", 2, "how often TestAllNodesAreKilledAndStartAgain kills all")

// TestCandidateThatReachesNobodyStepsAside cuts the node off from all others that goes
// first when a root is elected: it is the candidate, but never the root.
func TestCandidateThatReachesNobodyStepsAside(t *testing.T) {
	const alone = 7
	tree := newElectedTree(t, 3, 1, fmt.Sprint("XYLEM_TREE_ROOT=", alone))
	tree.plant()
	tree.put(1, "known", "1", http.StatusOK)
	tree.awaitSettled() // so that all hold as much, and the configured root goes first
	root, epoch := tree.awaitLeader(0)
	if root == alone {
		t.Fatalf("NODE-%d is the root already", alone)
	}
	heal := tree.links.cut(silent, around([]int{alone}))
	tree.kill(root)
	await(t, fmt.Sprintf("NODE-%d is the candidate", alone), func() error {
		status, err := tree.client(alone).Status(t.Context())
		if err == nil && status.Role != "candidate" {
			err = fmt.Errorf("it is %s", status.Role)
		}
		return err
	})
	began := time.Now()
	next, _ := tree.awaitLeader(epoch)
	t.Logf("NODE-%d serves %v after NODE-%d was the candidate", next, time.Since(began).Round(time.Millisecond), alone)
	if next == alone {
		t.Errorf("NODE-%d is the root and reaches nobody", alone)
	}
	tree.put(next, "ordered", "1", http.StatusOK)
	tree.put(alone, "waits", "1", http.StatusAccepted)
	if _, err := tree.client(alone).Get(t.Context(), "known"); err != nil {
		t.Error(err)
	}
	heal()
	tree.start(root)
	tree.awaitReady(root)
	tree.awaitSettled()
	tree.wantAll("ordered", "1")
	tree.wantAll("waits", "1")
	if k, _ := tree.leader(); k != next {
		t.Errorf("the root is NODE-%d, not NODE-%d any more", k, next)
	}
}

// TestAllNodesAreKilledAndStartAgain kills all nodes while all write, and starts them in
// any order; every other time some of them only when the first have a root, which may
// not hold what the others do.
func TestAllNodesAreKilledAndStartAgain(t *testing.T) {
	rng := drawn()
	tree := newElectedTree(t, 3, 1)
	tree.plant()
	l := tree.load(rng)
	defer l.finish()
	for i := range *electRestarts {
		l.awaitMore("writes ordered", 300)
		_, epoch := tree.awaitLeader(0)
		for _, at := range rng.Perm(len(tree.nodes)) {
			tree.kill(at + 1)
		}
		order, first := rng.Perm(len(tree.nodes)), len(tree.nodes)
		if i%2 == 1 {
			first = 3
		}
		for _, at := range order[:first] {
			tree.start(at + 1)
		}
		k, began := tree.awaitLeader(epoch)
		l.history.heard(began)
		t.Logf("NODE-%d is the root of epoch %d, of %d nodes", k, began, len(tree.living()))
		for _, at := range order[first:] {
			tree.start(at + 1)
		}
	}
	tree.wantAllBack(l)
}

// TestZooKeeperIsAway ends the only server for longer than a session: reads go on and
// writes are queued, but nobody orders any; nodes that start meanwhile serve what they
// have. When it is back all of them are ordered.
func TestZooKeeperIsAway(t *testing.T) {
	tree := newElectedTree(t, 2, 1)
	tree.plant()
	l := tree.load(drawn())
	defer l.finish()
	l.write(plain, "known", "1", 1)
	l.awaitMore("writes ordered", 200)

	l.lapses.Store(true)
	tree.zookeeper.Kill(0)
	<-time.After(*electSession)
	quiet := l.history.now()
	l.awaitMore("writes pending", 100)
	l.awaitMore("reads back", 100)
	for k := range tree.nodes {
		tree.kill(k + 1)
		tree.start(k + 1)
		tree.awaitReady(k + 1)
		if answer, err := tree.client(k+1).Get(t.Context(), "known"); err != nil || string(answer.Value) != "1" {
			t.Errorf("NODE-%d, started without ZooKeeper, reads %+v, %v", k+1, answer, err)
		}
		if a := l.write(plain, fmt.Sprint("waits-", k+1), "1", k+1); a.told != toldPending {
			t.Errorf("NODE-%d, started without ZooKeeper, takes a write: %v", k+1, a)
		}
	}
	l.awaitMore("writes pending", 100)
	l.awaitMore("reads back", 100)
	back := l.history.now()
	if found, over := l.history.gapSince(quiet); over || found.longest > 0 {
		t.Errorf("without ZooKeeper a write was ordered: %+v", found)
	}

	if err := tree.zookeeper.Restart(0); err != nil {
		t.Fatal(err)
	}
	var found gaps
	found.await(l, "ZooKeeper was started again", back)
	l.lapses.Store(false)
	tree.wantAllBack(l)
	found.report(t, *electSession)
}

// TestLeaderOfThreeZooKeeperServersIsKilled ends the server that leads an ensemble: at
// most writes wait for a moment.
func TestLeaderOfThreeZooKeeperServersIsKilled(t *testing.T) {
	tree := newElectedTree(t, 2, 3)
	tree.plant()
	l := tree.load(drawn())
	defer l.finish()
	l.awaitMore("writes ordered", 200)
	l.lapses.Store(true)
	leader := tree.zookeeper.Leader()
	if leader < 0 {
		t.Fatal("no server leads")
	}
	var found gaps
	when := l.history.now()
	tree.zookeeper.Kill(leader)
	await(t, "another server leads", func() error {
		if k := tree.zookeeper.Leader(); k < 0 || k == leader {
			return errors.New("none does")
		}
		return nil
	})
	<-time.After(*electSession) // the root has its lease from another server by then, or has none
	found.await(l, "the leader of ZooKeeper was killed", when)
	found.await(l, "a session later", l.history.now())
	if err := tree.zookeeper.Restart(leader); err != nil {
		t.Fatal(err)
	}
	l.awaitMore("writes ordered", 100)
	l.lapses.Store(false)
	tree.wantAllBack(l)
	found.report(t, *electSession)
}

// TestTreeIsListed has ZooKeeper's own client list the tree, before and after the root
// was replaced.
func TestTreeIsListed(t *testing.T) {
	tree := newElectedTree(t, 2, 1)
	tree.plant()
	root, epoch := tree.awaitLeader(0)
	tree.wantListed(root)
	tree.kill(root)
	next, _ := tree.awaitLeader(epoch)
	tree.start(root)
	tree.awaitReady(root)
	tree.wantListed(next)
}

// wantListed waits until ZooKeeper shows the places that the root tells, nested.
func (e *electedTree) wantListed(root int) {
	e.t.Helper()
	await(e.t, "ZooKeeper lists the tree", func() error {
		places, err := e.client(root).Structure(e.t.Context())
		if err != nil {
			return err
		}
		want := []string{"/xylem/tree"}
		paths := map[int]string{0: "/xylem/tree"} // by position
		for i, name := range places {
			if position := i + 1; name != "" {
				paths[position] = paths[position/2] + "/" + name
				want = append(want, paths[position])
			}
		}
		slices.Sort(want)
		if got := e.list("/xylem/tree"); !slices.Equal(got, want) {
			return fmt.Errorf("it lists %q, and the root says %q", got, want)
		}
		return nil
	})
}

// list asks ZooKeeper's own command line for all paths from one on.
func (e *electedTree) list(path string) []string {
	e.t.Helper()
	cmd := exec.Command("java", "-cp", "/usr/share/java/zookeeper.jar", "org.apache.zookeeper.ZooKeeperMain",
		"-server", e.zookeeper.Servers()[0], "ls", "-R", path)
	out, err := cmd.Output()
	if err != nil {
		e.t.Fatalf("%v: %v", cmd, err)
	}
	var paths []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, path) {
			paths = append(paths, line)
		}
	}
	slices.Sort(paths)
	return paths
}
