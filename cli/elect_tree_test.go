package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/client"
	"xylem/coordinator/zookeeper/zookeepertest"
	"xylem/sync/version"
)

var (
	electSession = flag.Duration("elect.session", 1500*time.Millisecond, "ZooKeeper's session time-out in the tests of roots that are replaced")
	electPace    = flag.Duration("elect.pace", 2*defaultPace, "time between two requests of one client there")
	electSeed    = flag.Uint64("elect.seed", 1, "what the tests there draw from")
)

// electedTree is a broken tree whose root is elected, and the ZooKeeper servers that it
// needs. Which node is the root is asked wherever it matters.
type electedTree struct {
	*brokenTree
	zookeeper *zookeepertest.Ensemble
}

// newElectedTree starts servers, and prepares a tree. Settings are NAME=value.
func newElectedTree(t *testing.T, depth, servers int, settings ...string) *electedTree {
	t.Helper()
	ensemble := zookeepertest.Start(t, zookeepertest.Options{Servers: servers})
	tree := &electedTree{zookeeper: ensemble, brokenTree: newBrokenTree(t, depth, append(append(faultSettings(),
		"XYLEM_COORDINATOR_KIND=zookeeper",
		"XYLEM_COORDINATOR_ZOOKEEPER_SERVERS="+strings.Join(ensemble.Servers(), ","),
		"XYLEM_COORDINATOR_ZOOKEEPER_SESSION_TIMEOUT="+electSession.String()), settings...)...)}
	tree.elected = true
	tree.patience = clientTimeout + 4*(*electSession) // longer than any node is frozen
	tree.root = func() int { k, _ := tree.leader(); return k }
	return tree
}

// living are the nodes that are neither dead nor paused.
func (b *brokenTree) living() []int {
	var all []int
	for _, p := range b.nodes {
		if p.cmd != nil && !p.paused {
			all = append(all, p.k)
		}
	}
	return all
}

// leader is the living node that calls itself root, in the highest epoch where several
// do; 0 for nobody.
func (b *brokenTree) leader() (k int, epoch uint64) {
	for _, k := range b.living() {
		if status, err := b.client(k).Status(b.t.Context()); err == nil && status.Role == "root" && status.Epoch > epoch {
			return k, status.Epoch
		}
	}
	return 0, 0
}

// awaitLeader waits until a node serves as the root of an epoch above one.
func (b *brokenTree) awaitLeader(above uint64) (k int, epoch uint64) {
	b.t.Helper()
	await(b.t, fmt.Sprint("a root serves in an epoch above ", above), func() error {
		if k, epoch = b.leader(); k == 0 || epoch <= above {
			return fmt.Errorf("it is NODE-%d in %d", k, epoch)
		}
		return nil
	})
	return k, epoch
}

// branch is the history that the root ends with; nil where the root is not replaced.
func (b *brokenTree) branch() *branch {
	b.t.Helper()
	if !b.elected {
		return nil
	}
	k, _ := b.awaitLeader(0)
	doc, err := b.client(k).Synchronization(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var said struct {
		Epoch uint64 `json:"epoch"`
	}
	err = json.Unmarshal(doc.Body, &said)
	end := &branch{epoch: said.Epoch}
	for _, text := range doc.History {
		cut, wrong := version.Parse(text)
		end.cuts, err = append(end.cuts, cut), errors.Join(err, wrong)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return end
}

// queue is what a node says of the writes in its queue, since its process began.
type queue struct {
	Pending     int64 `json:"pending"`
	Superseded  int64 `json:"superseded"`
	Resubmitted int64 `json:"resubmitted"`
	Rescued     int64 `json:"rescued"` // that lay beyond the root's history
}

func (b *brokenTree) queue(k int) (q queue) {
	b.t.Helper()
	doc, err := b.client(k).Synchronization(b.t.Context())
	if err == nil {
		err = json.Unmarshal(doc.Body, &q)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return q
}

// drawn is the chance of a test.
func drawn() *rand.Rand { return rand.New(rand.NewPCG(*electSeed, 4)) }

// load lets clients write and read at every node.
func (e *electedTree) load(rng *rand.Rand) *load { return startLoadAt(e.brokenTree, rng, *electPace) }

// wantAllBack starts and resumes what is dead or paused, and holds the state in which
// all agree against everything that the clients were told.
func (e *electedTree) wantAllBack(l *load) {
	e.t.Helper()
	e.mend()
	for k := range e.nodes {
		e.awaitReady(k + 1)
	}
	l.wantNothingLost()
	e.awaitHome()
}

// awaitHome waits until every node asks its own parent, not who stood in for it.
func (e *electedTree) awaitHome() {
	e.t.Helper()
	root, _ := e.awaitLeader(0)
	await(e.t, "every node asks its own parent", func() error {
		places, err := e.client(root).Structure(e.t.Context())
		for i := 1; err == nil && i < len(places); i++ {
			var k int
			if _, err = fmt.Sscanf(places[i], "NODE-%d", &k); err != nil {
				return fmt.Errorf("the places are %q: %w", places, err)
			}
			var status *client.Status
			home := places[(i-1)/2]
			if status, err = e.client(k).Status(e.t.Context()); err == nil && (status.Parent != home || status.Position != i+1) {
				err = fmt.Errorf("%s is under %q in position %d, not under %s in %d", places[i], status.Parent, status.Position, home, i+1)
			}
		}
		return err
	})
}

// acknowledged lists, of the keys that are written once, the writes that were answered
// 200 between two times.
func (h *history) acknowledged(from, to time.Duration) []*attempt {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*attempt
	for key, attempts := range h.attempts {
		if a := attempts[0]; strings.HasPrefix(key, "once-") && a.told == toldOrdered && a.ended >= from && a.ended < to {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *attempt) int { return int(a.ended - b.ended) })
	return all
}

// wantSeen reads, at the root that has replaced another, what was answered 200 in the
// last moments of that. What a living node had seen must be there; what only those who
// died have seen is missing until they are back, and counted.
func (l *load) wantSeen(root int, died []int, from, to time.Duration) {
	for _, a := range l.history.acknowledged(from, to) {
		_, err := l.tree.client(root).Get(l.tree.t.Context(), a.key)
		switch {
		case err == nil:
			l.history.count("ordered writes of an epoch's end, read at the next root", 0)
		case !errors.Is(err, client.ErrNotFound):
			l.history.violate("the root NODE-%d answers a read of %s with %v", root, a.key, err)
		case slices.Contains(died, a.node):
			l.history.count("ordered writes missing from reads until the former root is back", 0)
		default:
			l.history.violate("a node that lives had seen this, and the new root NODE-%d has not: %v", root, a)
		}
	}
}
