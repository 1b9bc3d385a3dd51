package node

import (
	"errors"
	"net"
	"testing"
	"time"

	"xylem/coordinator"
	"xylem/coordinator/zookeeper"
	"xylem/sync/replica"
)

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

// A node that is refused as a member ceases to be the root at once.
func TestWhoIsRefusedIsNoRoot(t *testing.T) {
	tr := startElected(t, 1)
	n := tr.nodes[0].node
	root := n.root.Load()
	n.election.take(zookeeper.Refused{Err: coordinator.ErrNameTaken})
	if n.isRoot() || n.election.candidate() || root.reign.holds() {
		t.Error("it goes on as the root")
	}
}

// Since when nobody but the root was the root is what the coordinator says, not what
// the configured session time-out would make of it.
func TestALeaseSaysSinceWhenItIsHeard(t *testing.T) {
	tr := startElected(t, 1)
	n := tr.nodes[0].node
	e := &election{node: n, lease: lease{began: n.began}}
	heard := time.Now()
	e.leased(heard, heard.Add(time.Minute))
	if got := n.began.Add(time.Duration(e.lease.heard.Load())); !got.Equal(heard) {
		t.Errorf("heard %v from when it was", got.Sub(heard))
	}
}

// A root that may not order says so.
func TestARootWithoutALeaseIsPaused(t *testing.T) {
	tr := startElected(t, 1)
	tr.council.lose(1)
	tr.await("NODE-1 is paused", func() error {
		if s := tr.status(1); s.State != "paused" || *s.LeaseMs != 0 {
			return errors.New("it is " + s.State)
		}
		return nil
	})
}

// There is one move at a time, and the failure of one is that one's alone.
func TestTwoMovesAtOnce(t *testing.T) {
	tr := startElected(t, 2)
	n := tr.nodes[0].node
	root := n.root.Load()
	first, err := n.election.beginMove(root, 3)
	if err != nil {
		t.Fatal(err)
	}
	var p *problem
	if _, err := n.election.beginMove(root, 3); !errors.As(err, &p) || p.slug != "moving" {
		t.Errorf("a second move is answered %v", err)
	}
	n.election.handedOver(replica.HandedOver{Node: 3, Epoch: root.reign.epoch, Failed: true})
	if _, _, why := n.election.moved(root.reign.epoch, first); why == "" {
		t.Error("the first move goes on although it has failed")
	}
	again, err := n.election.beginMove(root, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, moved, why := n.election.moved(root.reign.epoch, again); moved != nil || why != "" {
		t.Errorf("a move that has begun ends with %v, %q", moved, why)
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
