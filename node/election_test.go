package node

import (
	"errors"
	"net"
	"testing"
	"time"

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
