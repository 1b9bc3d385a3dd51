package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"xylem/client"
)

var (
	electKills   = flag.Int("elect.kills", 2, "how often TestRootIsKilled kills the root")
	electFreezes = flag.Int("elect.freezes", 1, "how often TestRootIsFrozen freezes the root")
	electMoves   = flag.Int("elect.moves", 3, "how often TestRootIsMoved moves the root")
)

// seldomPushes leaves a root with writes that it has answered, and that no other node
// has seen, at nearly every moment.
const seldomPushes = "XYLEM_SYNC_MIN_INTERVAL=300ms"

// epochsEnd is how far before the end of a root its last answers are looked at.
const epochsEnd = 500 * time.Millisecond

// TestRootIsKilled kills the root again and again, and now and then another node with
// it, while all write and read: another takes over each time, and when all disks are
// back nothing that was acknowledged is lost.
//
//	make elections KILLS=50
func TestRootIsKilled(t *testing.T) {
	const soon, later, muchLater, ways = 0, 1, 2, 3 // when the node that was killed is started again
	rng := drawn()
	tree := newElectedTree(t, 3, 1, seldomPushes)
	tree.plant()
	l := tree.load(rng)
	defer l.finish()
	var found gaps
	absent := map[int]int{} // nodes that are dead for longer, until which kill
	for i := range *electKills {
		for k, until := range absent {
			if until <= i {
				tree.start(k)
				delete(absent, k)
			}
		}
		l.awaitMore("writes ordered", 200)
		root, epoch := tree.awaitLeader(0)
		l.history.heard(epoch)
		died := []int{root}
		if i%4 == 3 {
			others := tree.others(root)
			died = append(died, others[rng.IntN(len(others))])
		}
		tree.kill(root)
		when := l.history.now() // not before: until then it ordered
		for _, k := range died[1:] {
			tree.kill(k)
		}
		how := (i + 1) % ways
		if how == soon {
			tree.startAll(died)
		}
		next, began := tree.awaitLeader(epoch)
		l.history.heard(began)
		if how != soon {
			l.wantSeen(next, died, when-epochsEnd, when)
		}
		found.await(l, fmt.Sprintf("kill -9 of %s, root of epoch %d; NODE-%d serves in epoch %d", names(died), epoch, next, began), when)
		switch how {
		case later:
			tree.startAll(died)
		case muchLater:
			for _, k := range died {
				absent[k] = i + 3
			}
		}
	}
	tree.wantAllBack(l)
	found.report(t, *electSession)
}

// others are the living nodes but one.
func (b *brokenTree) others(than int) []int {
	var all []int
	for _, k := range b.living() {
		if k != than {
			all = append(all, k)
		}
	}
	return all
}

func (b *brokenTree) startAll(nodes []int) {
	for _, k := range nodes {
		b.start(k)
	}
}

// TestRootIsFrozen freezes the root until another has taken over, and thaws it, while
// clients speak to it as well: nothing that it decided is told as ordered when the next
// root has begun. It comes back as queued writes. Every other time nobody can tell it at
// first that it was replaced, neither the other nodes nor ZooKeeper.
//
//	make elections FREEZES=20
func TestRootIsFrozen(t *testing.T) {
	rng := drawn()
	tree := newElectedTree(t, 3, 1, seldomPushes)
	tree.plant()
	l := tree.load(rng)
	defer l.finish()
	var found gaps
	for i := range *electFreezes {
		l.awaitMore("writes ordered", 200)
		root, epoch := tree.awaitLeader(0)
		l.history.heard(epoch)
		stop := l.press(i, root)
		l.awaitMore(pressed+"ordered", 50)
		tree.pause(root)
		froze := l.history.now() // not before: until then it ordered
		heal, alone := func() {}, i%2 == 0
		if alone {
			heal = tree.links.cut(silent, around([]int{root}))
		}
		next, began := tree.awaitLeader(epoch)
		l.history.heard(began)
		found.await(l, fmt.Sprintf("NODE-%d, root of epoch %d, froze; NODE-%d serves in epoch %d", root, epoch, next, began), froze)
		l.awaitMore("writes ordered", 100)
		thawed := l.history.now()
		if alone {
			tree.zookeeper.Pause(0)
		}
		tree.resume(root)
		if alone {
			<-time.After(*electSession / 8) // less than the new root's lease lasts
			tree.zookeeper.Resume(0)
		}
		heal()
		await(t, fmt.Sprintf("NODE-%d is a member of epoch %d", root, began), func() error {
			status, err := tree.client(root).Status(t.Context())
			if err == nil && (status.Role != "node" || status.Epoch < began) {
				err = fmt.Errorf("it is %s of epoch %d", status.Role, status.Epoch)
			}
			return err
		})
		l.awaitMore("writes ordered", 100)
		stop()
		l.countThawed(root, froze, thawed)
	}
	tree.wantAllBack(l)
	found.report(t, *electSession)
	if late := l.history.counts["answers from an epoch that was over"]; late > 0 {
		t.Errorf("%d writes were answered 200 in an epoch that was over", late)
	}
	var all queue
	for k := range tree.nodes {
		q := tree.queue(k + 1)
		all.Rescued, all.Resubmitted, all.Superseded = all.Rescued+q.Rescued, all.Resubmitted+q.Resubmitted, all.Superseded+q.Superseded
	}
	t.Logf("writes that lay beyond the next root's history, at all nodes: %d; queued ones that were ordered: %d, superseded: %d",
		all.Rescued, all.Resubmitted, all.Superseded)
}

// pressed are writes at the root that is going to be frozen.
const pressed = "writes at one node "

// press has more clients write at one node, without a pause, until stop.
func (l *load) press(round, k int) (stop func()) {
	ctx, end := context.WithCancel(context.Background())
	wait := make(chan struct{}, 4)
	for c := range cap(wait) {
		go func() {
			for i := 0; ctx.Err() == nil; i++ {
				kind, opts := pressed, []client.RequestOption(nil)
				if i%5 == 0 {
					kind, opts = conditional, append(opts, client.IfAbsent())
				}
				key := fmt.Sprintf("pressed-%d-%d-%d", round, c, i)
				if a := l.write(kind, key, fmt.Sprintf("%q", key), k, opts...); a.told == toldRefused {
					<-time.After(l.pace)
				}
			}
			wait <- struct{}{}
		}()
	}
	return func() {
		end()
		for range cap(wait) {
			<-wait
		}
	}
}

// countThawed counts what became of the writes that NODE-k had not answered when it
// froze, or was sent until it thawed.
func (l *load) countThawed(k int, froze, thawed time.Duration) {
	var under []told
	l.history.mu.Lock()
	for _, attempts := range l.history.attempts {
		for _, a := range attempts {
			if a.node == k && a.ended >= froze && a.began <= thawed {
				under = append(under, a.told)
			}
		}
	}
	l.history.mu.Unlock()
	for _, told := range under {
		l.history.count("writes under way at the frozen root "+string(told), 0)
	}
}

// TestRootIsMoved hands the root over again and again while all write: no client hears
// of an error, also not who writes on a condition.
func TestRootIsMoved(t *testing.T) {
	rng := drawn()
	// No move waits for a session to end; a busy machine must not end one, nor a forward.
	tree := newElectedTree(t, 2, 1, "XYLEM_WRITES_TIMEOUT=1500ms", "XYLEM_LIVENESS_TIMEOUT=1s", "XYLEM_COORDINATOR_ZOOKEEPER_SESSION_TIMEOUT=4s")
	tree.plant()
	l := tree.load(rng)
	defer l.finish()
	var found gaps
	for range *electMoves {
		l.awaitMore("writes ordered", 200)
		root, epoch := tree.awaitLeader(0)
		others := tree.others(root)
		to := others[rng.IntN(len(others))]
		when := l.history.now()
		said := xylem(t, nil, "root", "move", fmt.Sprint("node-", to), "--host-port-base", fmt.Sprint(tree.base), "--output", "json")
		var moved client.Root
		if err := json.Unmarshal([]byte(said.out), &moved); err != nil || moved.Root != fmt.Sprint("NODE-", to) || moved.Epoch <= epoch {
			t.Fatalf("move the root of epoch %d from NODE-%d to NODE-%d: %+v, %v", epoch, root, to, said, err)
		}
		if k, began := tree.awaitLeader(epoch); k != to || began != moved.Epoch {
			t.Errorf("the root is NODE-%d in epoch %d, not NODE-%d in %d", k, began, to, moved.Epoch)
		}
		found.await(l, fmt.Sprintf("NODE-%d gave the root of epoch %d to NODE-%d", root, epoch, to), when)
	}
	tree.wantAllBack(l)
	found.report(t, *electSession)
	l.wantNoErrors()
}

// wantNoErrors wants every write to have been answered 200, 202, or 412.
func (l *load) wantNoErrors() {
	unmet := fmt.Sprint(http.StatusPreconditionFailed, " ")
	for _, attempts := range l.history.attempts {
		for _, a := range attempts {
			if !a.told.acknowledged() && !strings.HasPrefix(a.detail, unmet) {
				l.tree.t.Errorf("a client heard of an error: %v", a)
			}
		}
	}
}
