package node

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"xylem/client"
	"xylem/coordinator"
	"xylem/sync/replica"
)

// awaitElected waits until one of the nodes that run serves, and all are equal to it,
// with nothing queued; it returns k of that one.
func (tr *tree) awaitElected() int {
	tr.t.Helper()
	root := 0
	tr.await("one node is the root, and all are equal to it", func() (err error) {
		root, err = tr.electedRoot()
		return err
	})
	return root
}

// electedRoot finds the root, and says what is not yet as it is to be.
func (tr *tree) electedRoot() (int, error) {
	root := 0
	var digest string
	running := 0
	for _, p := range tr.nodes {
		if p.stop == nil {
			continue
		}
		running++
		status, err := p.client.Status(tr.t.Context())
		if err != nil {
			return 0, err
		}
		if status.Position == 0 {
			return 0, fmt.Errorf("NODE-%d has no position", p.k)
		}
		own := tr.status(p.k)
		if status.Role == "root" {
			root = p.k
		}
		if own.Pending > 0 || own.Epoch == 0 {
			return 0, fmt.Errorf("NODE-%d has %d writes queued, and is at epoch %d", p.k, own.Pending, own.Epoch)
		}
		at := fmt.Sprintf("%v %v", own.Version, own.Digest)
		if digest == "" {
			digest = at
		}
		if at != digest {
			return 0, fmt.Errorf("NODE-%d is at %s, another at %s", p.k, at, digest)
		}
	}
	if root == 0 {
		return 0, errors.New("nobody is the root")
	}
	alive := 0
	nodes, _, err := tr.client(root).Nodes(tr.t.Context())
	for _, m := range nodes {
		if m.State == "alive" {
			alive++
		}
	}
	if err == nil && alive != running {
		err = fmt.Errorf("the root knows of %d living nodes, and %d run", alive, running)
	}
	return root, err
}

// awaitRole waits until one of some nodes has a role.
func (tr *tree) awaitRole(role string, nodes ...int) (found int) {
	tr.t.Helper()
	tr.await("one of them is "+role, func() error {
		for _, k := range nodes {
			if status, err := tr.client(k).Status(tr.t.Context()); err == nil && status.Role == role {
				found = k
				return nil
			}
		}
		return fmt.Errorf("none of %v is", nodes)
	})
	return found
}

// tickAll is what the schedules of all nodes do when their time has come.
func (tr *tree) tickAll() {
	for _, p := range tr.nodes {
		if p.stop != nil {
			p.node.loop.post(replica.Tick{})
		}
	}
}

func TestAnElectedRootOrdersAndPushes(t *testing.T) {
	tr := startElected(t, 3)
	root := tr.awaitElected()
	if root != 1 {
		t.Errorf("NODE-%d was elected, where the configured root holds as much as the others", root)
	}
	for _, k := range tr.all() {
		tr.put(k, fmt.Sprint("key-", k), fmt.Sprint(k))
	}
	tr.awaitElected()
	for _, k := range tr.all() {
		tr.want(fmt.Sprint("key-", k), fmt.Sprint(k), tr.all()...)
	}
	own := tr.status(1)
	if own.LeaseMs == nil || *own.LeaseMs == 0 || own.Promised != own.Epoch || own.Role != "root" || own.State != "ordering" {
		t.Errorf("the root says %+v", own)
	}
	if other := tr.status(4); other.Role != "node" || other.Promised != own.Epoch || other.Rescued != 0 {
		t.Errorf("NODE-4 says %+v", other)
	}
	resp, body := ask(t, asking(tr.nodes[3]).get("/nodes"))
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), `"root":"NODE-1"`) || !strings.Contains(string(body), tr.nodes[0].address) {
		t.Errorf("NODE-4 answers %d %s", resp.StatusCode, body)
	}
}

func TestTheRootIsReplaced(t *testing.T) {
	tr := startElected(t, 3)
	before := tr.status(1)
	tr.put(6, "before", "x")
	tr.awaitElected()
	tr.stop(1)
	for _, k := range []int{2, 5, 7} { // ordered by the next root, at once or from a queue
		tr.put(k, fmt.Sprint("between-", k), "y")
	}
	root := tr.awaitElected()
	after := tr.status(root)
	if root == 1 || after.Epoch <= before.Epoch || len(after.History) == 0 {
		t.Errorf("NODE-%d is the root: %+v", root, after)
	}
	structure, err := tr.client(root).Structure(t.Context())
	if err != nil || structure[0] != coordinator.Name(root) || structure[root-1] != "NODE-1" {
		t.Errorf("the root swaps positions with the one before: %v, %v", structure, err)
	}
	tr.start(1)
	if still := tr.awaitElected(); still != root {
		t.Errorf("NODE-%d is the root, though NODE-%d lives", still, root)
	}
	tr.want("before", "x", tr.all()...)
	for _, k := range []int{2, 5, 7} {
		tr.want(fmt.Sprint("between-", k), "y", tr.all()...)
	}
}

func TestACutOffRootGivesUp(t *testing.T) {
	tr := startElected(t, 2)
	tr.put(3, "before", "x")
	tr.awaitElected()
	lost := tr.council.lose(1)
	tr.await("another serves", func() error {
		for _, k := range []int{2, 3} {
			if status, err := tr.client(k).Status(t.Context()); err == nil && status.Role == "root" {
				return nil
			}
		}
		return errors.New("nobody does")
	})
	// It goes on believing that it is the root, but its lease is over: nothing that it
	// is told is ordered, and it says how old its state is.
	answer := tr.queue(1, "late", "y")
	tr.want("before", "x", 1)
	read, err := tr.client(1).Get(t.Context(), "before")
	if err != nil || !read.LagKnown || read.Lag == 0 {
		t.Errorf("it reads %+v, %v", read, err)
	}
	tr.put(2, "new", "z")
	tr.council.find(lost)
	root := tr.awaitElected()
	if root == 1 {
		t.Error("NODE-1 is the root again")
	}
	tr.awaitFate(1, answer.WriteID, client.WriteOrdered)
	tr.awaitElected()
	tr.want("late", "y", tr.all()...)
	tr.want("new", "z", tr.all()...)
}

// What a root had ordered and nobody else had seen is not lost when another takes
// over: it comes back with that root's disk.
func TestWhatOnlyAFormerRootHadSeenComesBack(t *testing.T) {
	tr := startElected(t, 2, onlyTicks())
	if answer := tr.put(1, "alone", "x"); answer.Pending {
		t.Fatalf("answered %+v", answer)
	}
	tr.stop(1)
	tr.put(3, "meanwhile", "y")
	tr.awaitRole("root", 2, 3)
	tr.start(1)
	tr.await("it is ordered again", func() error {
		tr.tickAll()
		_, err := tr.electedRoot()
		return err
	})
	tr.want("alone", "x", tr.all()...)
	tr.want("meanwhile", "y", tr.all()...)
	if own := tr.status(1); own.Rescued != 1 {
		t.Errorf("NODE-1 has rescued %d writes", own.Rescued)
	}
}

func TestACandidateThatReachesNobodyStepsAside(t *testing.T) {
	tr := newElectedTree(t, 2, 1)
	nobody := func(k int) coordinator.Member {
		return coordinator.Member{ID: k, Address: "http://" + freeAddress(t), Instance: "ghost"}
	}
	tr.council.ghosts = []coordinator.Member{nobody(2), nobody(3)}
	tr.start(1)
	tr.await("it steps aside", func() error {
		tr.council.mu.Lock()
		defer tr.council.mu.Unlock()
		for _, why := range tr.council.whys {
			if strings.Contains(why, "1 of 3 living members") {
				return nil
			}
		}
		return fmt.Errorf("it did so because of %q", tr.council.whys)
	})
	if status, err := tr.client(1).Status(t.Context()); err != nil || status.Role == "root" {
		t.Errorf("it says %+v, %v", status, err)
	}
	_, body := ask(t, asking(tr.nodes[0]).get("/nodes"))
	if slugOf(body) != "no-root" {
		t.Errorf("it answers %s", body)
	}
	tr.council.change(func() { tr.council.ghosts = nil })
	tr.start(2)
	tr.start(3)
	tr.awaitElected()
}

// A place is told only once the coordinator has it.
func TestAPlaceIsDurableBeforeItIsTold(t *testing.T) {
	tr := newElectedTree(t, 2, 2)
	tr.start(1)
	tr.start(2)
	tr.awaitElected()
	tr.council.change(func() { tr.council.refusing = errors.New("no ZooKeeper today") })
	tr.start(3)
	tr.await("NODE-3 hears why it cannot join", func() error { return tr.nodes[2].log.says("make the new place durable", "no ZooKeeper today") })
	if status, err := tr.client(3).Status(t.Context()); err != nil || status.Position != 0 {
		t.Errorf("NODE-3 says %+v, %v", status, err)
	}
	tr.council.change(func() { tr.council.refusing = nil })
	root := tr.awaitElected()
	tr.council.mu.Lock()
	defer tr.council.mu.Unlock()
	if structure := tr.council.placement; structure.PositionOf(3) != 3 || structure.PositionOf(root) != 1 {
		t.Errorf("the coordinator has %v", structure)
	}
}

func TestAllNodesComeBack(t *testing.T) {
	tr := startElected(t, 2)
	for i := range 20 {
		tr.put(1+i%3, fmt.Sprint("key-", i), "x")
	}
	tr.awaitElected()
	for _, k := range tr.all() {
		tr.stop(k)
	}
	for _, k := range []int{3, 2, 1} {
		tr.start(k)
	}
	tr.awaitElected()
	for i := range 20 {
		tr.want(fmt.Sprint("key-", i), "x", tr.all()...)
	}
}

// A tree of another depth begins where the last one ended: without the nodes that it has
// no place for, however high they were.
func TestATreeOfAnotherDepthGoesOn(t *testing.T) {
	tr := startElected(t, 3)
	if moved, err := tr.client(1).MoveRoot(t.Context(), "NODE-7"); err != nil || moved.Root != "NODE-7" {
		t.Fatalf("%+v, %v", moved, err)
	}
	tr.put(5, "k", "x")
	tr.awaitElected()
	for _, depth := range []int{2, 3} {
		tr.stopAll()
		tr.cfg.Tree.Depth = depth
		for k := range tr.cfg.Nodes() {
			tr.start(k + 1)
		}
		if root := tr.awaitElected(); root > tr.cfg.Nodes() {
			t.Errorf("NODE-%d is the root of a tree of %d nodes", root, tr.cfg.Nodes())
		}
		tr.put(2, fmt.Sprintf("at-depth-%d", depth), "y")
		tr.awaitElected()
	}
	tr.want("k", "x", tr.all()...)
	tr.want("at-depth-2", "y", tr.all()...)
}
