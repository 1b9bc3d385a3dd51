package replica

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"xylem/store"
	"xylem/sync/wire"
)

// heard tells the lag of a heartbeat: when it was sent and when it came, both in
// the node's time, and how far the root's clock is ahead.
func heard(l *Lag, sent, came, ahead time.Duration, epoch uint64) {
	l.heard(Now{Mono: came}, &wire.Header{Sent: (sent + ahead).Milliseconds(), Meta: store.Meta{Epoch: epoch}})
}

func expectSince(t *testing.T, l *Lag, want time.Duration) {
	t.Helper()
	if got, known := l.Since(); !known || got != want {
		t.Errorf("the state is known to be of %v (%v), want %v", got, known, want)
	}
}

func TestLagIsUnknownAtFirst(t *testing.T) {
	var l Lag
	if _, known := l.Since(); known {
		t.Error("it is known before anything was heard")
	}
}

func TestLagLeavesOutTheSmallestTransit(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour, 50 * 365 * 24 * time.Hour} {
		var l Lag
		heard(&l, 10*time.Second, 10*time.Second+30*time.Millisecond, ahead, 1)
		expectSince(t, &l, 10*time.Second+30*time.Millisecond) // nothing better is known
		heard(&l, 20*time.Second, 20*time.Second+20*time.Millisecond, ahead, 1)
		expectSince(t, &l, 20*time.Second+20*time.Millisecond)
		heard(&l, 30*time.Second, 31*time.Second, ahead, 1) // it was slow: the state is older than it looks
		expectSince(t, &l, 30*time.Second+20*time.Millisecond)
	}
}

func TestALateHeartbeatDoesNotRefresh(t *testing.T) {
	var l Lag
	heard(&l, 10*time.Second, 10*time.Second, time.Hour, 1)
	heard(&l, 20*time.Second, 20*time.Second, time.Hour, 1)
	heard(&l, 15*time.Second, 40*time.Second, time.Hour, 1)
	heard(&l, 20*time.Second, 50*time.Second, time.Hour, 1)
	expectSince(t, &l, 20*time.Second)
}

func TestLagForgetsTransitsOfLongAgo(t *testing.T) {
	var l Lag
	heard(&l, 0, 5*time.Millisecond, time.Hour, 1)
	minute := 1
	for ; minute <= 10; minute++ { // the clocks drift apart, or the way got longer
		at := time.Duration(minute) * time.Minute
		heard(&l, at, at+50*time.Millisecond, time.Hour, 1)
		expectSince(t, &l, at+5*time.Millisecond)
	}
	for ; minute <= 25; minute++ {
		at := time.Duration(minute) * time.Minute
		heard(&l, at, at+50*time.Millisecond, time.Hour, 1)
	}
	expectSince(t, &l, 25*time.Minute+50*time.Millisecond)
}

func TestAnotherEpochIsAnotherClock(t *testing.T) {
	var l Lag
	heard(&l, 10*time.Second, 10*time.Second, time.Hour, 1)
	heard(&l, 20*time.Second, 20*time.Second, -time.Hour, 2)
	expectSince(t, &l, 20*time.Second)
	heard(&l, 30*time.Second, 30*time.Second+time.Millisecond, -time.Hour, 2)
	expectSince(t, &l, 30*time.Second)
}

// Whatever the clocks and the network do, a state is not said to be of a moment
// that has not come, nor of one before it was sent.
func TestLagIsWithinTheTransit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		millis := func(label string, most int) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(t, label)) * time.Millisecond
		}
		var l Lag
		ahead := millis("ahead", 7_200_000) - time.Hour
		came, latest := time.Duration(0), time.Duration(0)
		for range rapid.IntRange(1, 50).Draw(t, "heartbeats") {
			came += millis("pause", 400_000)
			sent := max(0, came-millis("transit", 5_000))
			latest = max(latest, sent)
			heard(&l, sent, came, ahead, 1)
			if since, _ := l.Since(); since > came || since < latest {
				t.Fatalf("at %v, after one that was sent at %v: since %v", came, latest, since)
			}
		}
	})
}

// The root's wall clock may be set back; what it sends after that is as fresh as
// what it sent before.
func TestTheRootsWallClockIsSetBack(t *testing.T) {
	root, member := openRoot(t, "a=1"), memberScript(t)
	root.members("2a")
	deliver := func(kind wire.Kind) {
		t.Helper()
		push := root.under[2]
		if push.Header.Kind != kind {
			t.Fatalf("the root sends a %v", push.Header.Kind)
		}
		push.Header.Last = true
		var block []byte
		if push.Cut != nil {
			block = blockOf(push.Cut)
		}
		var a Assembly
		in, err := a.Add(1, &push.Header, block)
		if err != nil {
			t.Fatal(err)
		}
		effects := member.push(in)
		ack, answered := effects[0].(Acknowledge)
		for !answered {
			ack, answered = member.persisted()[0].(Acknowledge)
		}
		root.step(Confirmed{Node: 2, Number: push.Header.Number, Ack: ack.Ack})
	}
	deliver(wire.Heartbeat)
	deliver(wire.Snapshot)
	for _, jump := range []time.Duration{0, time.Hour, -2 * time.Hour} {
		root.after(time.Minute)
		member.after(time.Minute)
		root.now.Unix += jump.Milliseconds()
		root.step(Tick{})
		deliver(wire.Heartbeat)
		lag := member.core.Lag()
		if since, known := lag.Since(); !known || since != member.now.Mono {
			t.Errorf("after a jump of %v the state is of %v, at %v", jump, since, member.now.Mono)
		}
	}
}
