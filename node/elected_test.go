package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
	if same, err := tr.client(3).MoveRoot(t.Context(), "3"); err != nil || same.Root != "NODE-3" || same.Epoch != moved.Epoch {
		t.Errorf("moving to itself is answered %+v, %v", same, err)
	}
	tr.stop(2)
	for _, c := range []struct {
		node, slug string
		at         int
	}{{"NODE-2", "not-alive", 3}, {"NODE-9", "no-such-node", 3}, {"nine", "node", 3}, {"NODE-1", "ask-the-root", 1}} {
		var p *client.Problem
		if _, err := tr.client(c.at).MoveRoot(t.Context(), c.node); !errors.As(err, &p) || p.Type != problemType+c.slug {
			t.Errorf("moving to %s at NODE-%d: %v, want %s", c.node, c.at, err, c.slug)
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

// What the core tells of an epoch that this node has lost meanwhile does nothing.
func TestWhatIsOfAnotherEpochDoesNothing(t *testing.T) {
	tr := startElected(t, 2)
	n := tr.nodes[0].node
	root := n.root.Load()
	epoch := root.reign.epoch
	for _, other := range []uint64{epoch - 1, epoch + 1} {
		n.election.stepAside(replica.StepAside{Epoch: other, Why: "it is late"})
		n.election.handedOver(replica.HandedOver{Node: 2, Epoch: other})
		if r := n.election.serving(replica.Serving{Epoch: other}); r.holds() {
			t.Errorf("a reign of epoch %d holds", other)
		}
	}
	if n.root.Load() != root || !root.reign.holds() {
		t.Error("NODE-1 is not the root any more")
	}
	stale := &attending{stop: func() {}}
	view := *n.view.Load()
	view.Position = 99
	n.election.deliver(stale, view)
	if n.view.Load().Position == 99 {
		t.Error("a view of a membership that has ended was taken")
	}
}

// What a root decided is not told once another may be the root.
func TestWhatWasDecidedIsNotToldAfterTheLease(t *testing.T) {
	l := &lease{began: time.Now()}
	now := &reign{epoch: 7, lease: l}
	loop := &loop{reign: now}
	for epoch, want := range map[uint64]*reign{0: nil, 6: ended, 7: now, 8: nil} {
		if made := loop.decided(replica.Reply{Epoch: epoch}); made.reign != want {
			t.Errorf("what was decided in epoch %d rests on %+v", epoch, made.reign)
		}
	}
	if now.holds() || ended.holds() {
		t.Error("a lease holds that was never given")
	}
	l.extend(time.Now(), time.Now().Add(time.Hour))
	if !now.holds() {
		t.Error("a lease of an hour is over")
	}
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	conn := &coarseConn{Conn: here, reign: now}
	now.over.Store(true)
	if _, err := conn.Write([]byte("HTTP/1.1 200 OK")); !errors.Is(err, errLapsed) {
		t.Errorf("the answer is written: %v", err)
	}
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

// tickAll is what the schedules of all nodes do when their time has come.
func (tr *tree) tickAll() {
	for _, p := range tr.nodes {
		if p.stop != nil {
			p.node.loop.post(replica.Tick{})
		}
	}
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

// Whatever happens to the root, clients that write at nodes that live are answered 200
// or 202, and nothing of that is lost.
func TestTheRootChangesUnderLoad(t *testing.T) {
	tr := startElected(t, 2)
	ended, failures := make(chan struct{}), make(chan error, 3)
	var written [4]int
	var writers sync.WaitGroup
	for k := 1; k <= 3; k++ {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-ended:
					written[k] = i
					return
				default:
				}
				if _, err := tr.client(k).Put(t.Context(), fmt.Sprintf("%d-%d", k, i), json.RawMessage(`"x"`)); err != nil {
					failures <- fmt.Errorf("write %d at NODE-%d: %w", i, k, err)
					<-ended
					return
				}
			}
		})
	}
	for round := range 3 {
		root := tr.awaitRole("root", 1, 2, 3)
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
		others := slices.DeleteFunc(tr.all(), func(k int) bool { return k == to })
		tr.awaitRole("root", others...)
		tr.council.find(lost)
	}
	close(ended)
	writers.Wait()
	select {
	case err := <-failures:
		t.Error(err)
	default:
	}
	tr.awaitElected()
	for k := 1; k <= 3; k++ {
		for i := range written[k] {
			tr.want(fmt.Sprintf("%d-%d", k, i), "x", 1+(k+i)%3)
		}
	}
	t.Logf("%v writes", written[1:])
}
