package replica

import (
	"fmt"
	"strings"
	"testing"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// queueScript is NODE-2 with the state a=1 at 1.1.
func queueScript(t *testing.T) *script {
	o := newOrigin(t).write("a=1")
	s := memberScript(t)
	s.push(o.snapshot())
	for len(s.asked) > 0 {
		s.persisted()
	}
	s.trace = ""
	return s
}

// drained has the batch from the queue come back with results.
func (s *script) drained(epoch uint64, results ...string) []Effect {
	in := wire.Results{Tree: version.TreeID{0xaa}, Epoch: epoch}
	for _, text := range results {
		in.Results = append(in.Results, parseResult(s.T, text))
	}
	return s.step(Forwarded{Queue: true, Results: in})
}

func TestStory_WritesWaitInTheQueue(t *testing.T) {
	s := queueScript(t)
	s.note("Of two writes that were sent together one had a condition. The root does not answer: the other is queued, once it is on the disk.")
	s.client("b=1 by 2-1")
	s.client("c=1 by 2-2 if absent")
	s.client("a=2 by 2-3")
	s.step(Forwarded{Failed: wire.Unknown})
	s.persisted()
	s.note("What had gathered meanwhile certainly was not ordered; it goes with the next record. From now on writes are queued at once.")
	s.persisted()
	s.client("a=3 by 2-4")
	s.client("-b by 2-5")
	s.persisted()
	s.note("The queue is tried again after a while, with all that waits, in the order in which it was taken.")
	s.step(Forwarded{Queue: true, Failed: wire.Unreachable})
	s.after(s.cfg.RetryMax)
	s.step(Wake{})
	s.note("A client's write that may not wait is tried beside it, and does not wait for it; nor do fresh ones once it is known that the root is there.")
	s.client("d=1 by 2-6 if absent")
	s.forwarded(1, "1.2")
	s.client("e=1 by 2-7")
	s.forwarded(1, "1.3")
	s.note("What was decided leaves the queue, and then the rest is sent.")
	s.drained(1, "1.4", "superseded 1.9", "1.5")
	s.persisted()
	s.persisted()
	s.golden("writes_wait_in_the_queue")
	s.see("b", "", "a", "3", "d", "1", "e", "1")
}

// see demands what this node's readers see of keys.
func (s *script) see(keysAndValues ...string) {
	s.Helper()
	for i := 0; i < len(keysAndValues); i += 2 {
		key, want, got := keysAndValues[i], keysAndValues[i+1], ""
		if e := s.core.store.Get(key).Entry; e != nil {
			got = e.Value
		}
		if got != want {
			s.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// cutOff has the node know that nothing gets through.
func (s *script) cutOff() {
	s.submit("x=1")
	s.step(Forwarded{Failed: wire.Unreachable})
}

func (s *script) fate(node uint32, counter uint64) string {
	res, known := s.core.Fate(version.WriteID{Node: node, Counter: counter})
	if !known {
		return "unknown"
	}
	if res.Outcome == wire.Pending {
		return "pending"
	}
	return resultsText([]wire.Result{res})
}

// A queued write is answered when it is durable, shows where it was taken, and goes
// on to wait through restarts.
func TestAQueuedWriteSurvivesARestart(t *testing.T) {
	s := queueScript(t)
	s.cutOff()
	if effects := s.client("a=2 by 2-1"); len(effects) != 1 || effectText(effects[0]) != "persist queued writes, flushed" {
		t.Fatalf("it does %s", effectText(effects[0]))
	}
	s.see("a", "1")
	if effects := s.persisted(); effectText(effects[0]) != "reply #3: pending" {
		t.Fatalf("it does %s", effectText(effects[0]))
	}
	s.see("a", "2")
	if got := s.core.store.GetOrdered("a"); got.Entry.Value != "1" || got.Pending {
		t.Errorf("children are told %+v", got)
	}
	s.client("-b by 2-2")
	s.persisted()
	s.step(CompactDue{})
	s.client("c=1 by 2-3") // has the journal written anew, and stands behind it
	s.persisted()
	s.restart()
	s.see("a", "2", "b", "", "c", "1")
	if n, _ := s.core.Pending(); n != 3 || s.fate(2, 1) != "pending" {
		t.Errorf("%d are pending, the first is %s", n, s.fate(2, 1))
	}
	s.step(RootTime{Epoch: s.core.store.Meta().Epoch, Millis: s.core.RootMillis()})
	s.drained(1, "1.2", "superseded 1.1", "1.3")
	s.persisted()
	s.restart()
	if n, bytes := s.core.Pending(); n != 0 || bytes != 0 {
		t.Errorf("%d are pending, of %d bytes", n, bytes)
	}
	for counter, want := range map[uint64]string{1: "ordered 1.2", 2: "superseded 1.1", 3: "ordered 1.3", 4: "unknown"} {
		if got := s.fate(2, counter); got != want {
			t.Errorf("write %d: %s, want %s", counter, got, want)
		}
	}
}

// What was settled but not written down is settled again after a restart.
func TestASettledWriteThatComesBackFromTheDiskIsSentAgain(t *testing.T) {
	s := queueScript(t)
	s.cutOff()
	s.client("a=2 by 2-1")
	s.persisted()
	s.drained(1, "1.2")
	s.fails(Full)
	s.see("a", "2")
	if got := s.fate(2, 1); got != "ordered 1.2" {
		t.Errorf("it is %s", got)
	}
	s.restart()
	if n, _ := s.core.Pending(); n != 1 {
		t.Errorf("%d are pending", n)
	}
}

func TestTheQueueHasABound(t *testing.T) {
	s := queueScript(t)
	s.cfg.QueueBytes = 2 * int64((&store.Entry{Key: "a", Value: "1"}).Bytes())
	s.restart()
	s.step(RootTime{Epoch: s.core.store.Meta().Epoch, Millis: s.core.RootMillis()})
	s.cutOff()
	want := []string{"pending", "pending", "the queue is full"}
	for i, outcome := range want {
		s.client(fmt.Sprintf("a=%d by 2-%d", i, i+1))
		if i < 2 {
			s.persisted()
		}
		if got := lastReply(s); got != outcome {
			t.Errorf("write %d: %s, want %s", i, got, outcome)
		}
	}
	s.step(Forwarded{Queue: true, Failed: wire.Unknown})
	s.step(Reachable{})
	s.drained(1, "1.2", "1.3")
	s.persisted()
	s.cutOff()
	s.client("a=4 by 2-4")
	s.persisted()
	if got := lastReply(s); got != "pending" {
		t.Errorf("after it drained: %s", got)
	}
}

// lastReply is the last reply in the trace.
func lastReply(s *script) string {
	_, text, _ := strings.Cut(s.trace[strings.LastIndex(s.trace, "-> reply #"):], ": ")
	text, _, _ = strings.Cut(text, "\n")
	return text
}

// What the disk refuses is refused; what it may have kept is unknown; and a write
// that was sent is never called certainly not ordered.
func TestWhatCannotBeQueued(t *testing.T) {
	for _, test := range []struct {
		sent    bool
		failure Failure
		want    string
	}{
		{false, Full, "the queue is full"},
		{false, Broken, "unknown"},
		{true, Full, "unknown"},
		{true, Broken, "unknown"},
	} {
		s := queueScript(t)
		if test.sent {
			s.client("a=2 by 2-1")
			s.step(Forwarded{Failed: wire.Unknown})
		} else {
			s.cutOff()
			s.client("a=2 by 2-1")
		}
		s.fails(test.failure)
		if got := lastReply(s); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
		s.see("a", "1")
	}
	s := queueScript(t)
	s.cfg.QueueBytes = 0 // writes.offline: reject
	s.restart()
	s.step(RootTime{Epoch: s.core.store.Meta().Epoch, Millis: s.core.RootMillis()})
	s.client("a=2 by 2-1")
	s.step(Forwarded{Failed: wire.Unknown})
	if got := lastReply(s); got != "unknown" {
		t.Errorf("without a queue: %s", got)
	}
	s.client("a=2 by 2-2")
	if got := lastReply(s); got != "unreachable" {
		t.Errorf("without a queue: %s", got)
	}
}

// A snapshot takes the place of the journal, and must not bring back what the
// journal refused to take, nor lose what it took.
func TestASnapshotWaitsForTheQueue(t *testing.T) {
	for _, failure := range []Failure{None, Full} {
		s := queueScript(t)
		o := newOrigin(t).write("a=1", "b=1")
		s.cutOff()
		s.client("c=1 by 2-1")
		s.push(o.snapshot())
		s.client("d=1 by 2-2") // comes behind the snapshot
		if len(s.asked) != 1 {
			t.Fatalf("%d requests are at the disk:\n%s", len(s.asked), s.trace)
		}
		want := "1"
		if failure == Full {
			want = ""
			s.fails(Full)
		}
		for len(s.asked) > 0 {
			s.persisted()
		}
		s.restart()
		s.see("b", "1", "c", want, "d", "1")
	}
}

// A superseded write shows until the winner has come, so that nobody sees the key
// go back in between.
func TestASupersededWriteShowsUntilTheWinnerComes(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := queueScript(t)
	s.cutOff()
	s.client("a=2 by 2-1")
	s.persisted()
	s.drained(1, "superseded 1.2")
	s.persisted()
	s.see("a", "2")
	s.push(o.write("a=3").delta("1.1"))
	s.persisted()
	s.see("a", "3")
	if got := s.core.store.Get("a"); got.Pending {
		t.Errorf("it is %+v", got)
	}
}

// A root that finds out what its members have queues what its clients write, and
// orders it first thing.
func TestARootQueuesWhileItAdopts(t *testing.T) {
	s := rootScript(t)
	s.step(Started{})
	s.client("a=1 by 1-1")
	s.persisted()
	if got := lastReply(s); got != "pending" {
		t.Errorf("it answers %s", got)
	}
	s.see("a", "1")
	s.after(s.cfg.Grace)
	s.step(Wake{})
	for len(s.asked) > 0 {
		s.persisted()
	}
	if e := s.core.store.Current("a"); e == nil || e.Version.String() != "1.1" || s.fate(1, 1) != "ordered 1.1" {
		t.Errorf("a is %+v, and the write %s", e, s.fate(1, 1))
	}
	s.client("a=2 by 1-2")
	s.persisted()
	if got := lastReply(s); got != "ordered 1.2" {
		t.Errorf("then it answers %s", got)
	}
}

// Stamps are in the root's time, whatever this node's wall clock says, and go on
// with it after a restart.
// A wall clock that was set while the node was down: what it takes before it hears
// the root gets its final stamps before it is sent, in the order in which it came.
func countForwards(s *script) int { return strings.Count(s.trace, "-> forward from the queue") }

// What was ordered, or superseded, at a version that does not count any more is in
// the queue again, at once and after a restart.
func TestWhatWasSettledAtAnAbandonedVersionIsQueuedAgain(t *testing.T) {
	for _, restart := range []bool{false, true} {
		o := newOrigin(t).write("a=1")
		s := queueScript(t)
		s.cutOff()
		s.client("b=1 by 2-1")
		s.client("a=2 by 2-2")
		s.persisted()
		s.step(Forwarded{Queue: true, Failed: wire.Unreachable})
		s.persisted()
		s.step(Reachable{})
		s.drained(1, "1.2", "superseded 1.3")
		s.persisted()
		s.see("b", "1", "a", "2")
		s.push(o.startEpoch().heartbeat()) // from a root that had 1.1 only
		s.persisted()
		if restart {
			s.restart()
		}
		s.see("b", "1", "a", "2")
		if n, bytes := s.core.Pending(); n != 2 || bytes == 0 || s.fate(2, 1) != "pending" || s.fate(2, 2) != "pending" {
			t.Errorf("restart %v: %d are pending (%d bytes), as %s and %s", restart, n, bytes, s.fate(2, 1), s.fate(2, 2))
		}
		s.step(RootTime{Epoch: s.core.store.Meta().Epoch, Millis: s.core.RootMillis()})
		s.drained(2, "2.2", "2.3")
		s.persisted()
		s.restart()
		if n, _ := s.core.Pending(); n != 0 || s.fate(2, 1) != "ordered 2.2" || s.fate(2, 2) != "ordered 2.3" {
			t.Errorf("restart %v: %d are pending, the fates are %s and %s", restart, n, s.fate(2, 1), s.fate(2, 2))
		}
		s.see("b", "1", "a", "2")
	}
}

// While the final stamps find no room on the disk, what comes is refused and not
// kept waiting.
// The first that a node hears in its run is a delta with later writes: what it took
// before those stays older than they are.
// A push that was long under way does not make the node's idea of the root's time
// worse than an answer did.
// Where answers to writes never came, that an ancestor can be reached is no news:
// clients' writes are queued at once until one gets through.
func TestAHangingRootCostsOneTimeOut(t *testing.T) {
	s := queueScript(t)
	s.client("a=2 by 2-1")
	s.step(Forwarded{Failed: wire.Unknown})
	s.persisted()
	s.step(Forwarded{Queue: true, Failed: wire.Unknown})
	s.step(Reachable{})
	s.client("a=3 by 2-2")
	s.persisted()
	if got := lastReply(s); got != "pending" {
		t.Errorf("it answers %s", got)
	}
	s.drained(1, "1.2")
	s.client("b=1 by 2-3")
	if n := strings.Count(s.trace, "-> forward in epoch"); n != 2 {
		t.Errorf("%d batches of fresh writes were sent:\n%s", n, s.trace)
	}
}
