package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"xylem/client"
	"xylem/configs"
	"xylem/coordinator"
	"xylem/sync/version"
)

func offline(kind string) option { return func(c *configs.Config) { c.Writes.Offline = kind } }

// queueRoom bounds what a node queues, in bytes.
func queueRoom(bytes int64) option { return func(c *configs.Config) { c.Writes.QueueMaxBytes = bytes } }

// queue writes a string at a node, and wants it to be queued there.
func (tr *tree) queue(k int, key, value string, options ...client.RequestOption) *client.Answer {
	tr.t.Helper()
	quoted, _ := json.Marshal(value)
	return tr.wantQueued(tr.client(k).Put(tr.t.Context(), key, quoted, options...))
}

func (tr *tree) wantQueued(answer *client.Answer, err error) *client.Answer {
	tr.t.Helper()
	if err != nil || answer.Status != 202 || !answer.Pending || answer.Location != pathWrites+answer.WriteID || !answer.Version.IsZero() || answer.ETag != "" {
		tr.t.Fatalf("answered %+v, %v; want 202", answer, err)
	}
	return answer
}

// fate is what a node says became of a write.
func (tr *tree) fate(k int, id string) *client.Write {
	tr.t.Helper()
	write, err := tr.client(k).Write(tr.t.Context(), id)
	if err != nil || write.ID != id {
		tr.t.Fatalf("%s says of %s: %+v, %v", coordinator.Name(k), id, write, err)
	}
	return write
}

// awaitFate waits until a node says that a write is pending no more, and wants it to
// have come to state; it returns the version.
func (tr *tree) awaitFate(k int, id, state string) version.Version {
	tr.t.Helper()
	var last *client.Write
	tr.await(coordinator.Name(k)+" knows what became of "+id, func() error {
		if last = tr.fate(k, id); last.State == client.WritePending {
			return errors.New("it is pending")
		}
		return nil
	})
	if last.State != state {
		tr.t.Errorf("%s is %s, want %s", id, last.Body, state)
	}
	return last.Version
}

// wantEntry wants a node to answer with a value that was ordered at a version.
func (tr *tree) wantEntry(k int, key, value string, v version.Version) {
	tr.t.Helper()
	answer, err := tr.client(k).Get(tr.t.Context(), key)
	if err != nil || string(answer.Value) != value || answer.Version != v || answer.Pending {
		tr.t.Errorf("%s answers %+v, %v for %s; want %s at %v", coordinator.Name(k), answer, err, key, value, v)
	}
}

// listed is a node's listing, as "key=value" with an id where it is pending.
func (tr *tree) listed(k int) string {
	tr.t.Helper()
	page, err := tr.client(k).List(tr.t.Context(), "", "", 0)
	if err != nil {
		tr.t.Fatal(err)
	}
	var text []string
	for _, e := range page.Entries {
		text = append(text, strings.TrimSpace(fmt.Sprintf("%s=%s %s", e.Key, e.Value, e.WriteID)))
		if e.Pending != e.Version.IsZero() || e.Pending != (e.WriteID != "") {
			tr.t.Errorf("%s lists %+v", coordinator.Name(k), e)
		}
	}
	return strings.Join(text, ", ")
}

func TestALeafThatIsCutOffTakesWritesAndHandsThemInLater(t *testing.T) {
	tr := startTree(t, 3)
	ctx, leaf := t.Context(), tr.client(7)
	tr.put(7, "gone", "before")
	before := tr.put(7, "stays", "before")
	tr.awaitEqual()
	tr.stop(1)

	first := tr.queue(7, "greeting", "one")
	second := tr.queue(7, "greeting", "two")
	deleted := tr.wantQueued(leaf.Delete(ctx, "gone"))
	wantPending := func() {
		t.Helper()
		if read, err := leaf.Get(ctx, "greeting"); err != nil || string(read.Value) != `"two"` || !read.Pending || read.WriteID != second.WriteID || read.ETag != "" {
			t.Errorf("answered %+v, %v", read, err)
		}
		if problem := wantRefusal(t, 404, "not-found")(leaf.Get(ctx, "gone")); !strings.Contains(problem.Detail, "queue") {
			t.Errorf("a key whose delete waits is not found because %s", problem.Detail)
		}
		if got, want := tr.listed(7), `greeting="two" `+second.WriteID+`, stays="before"`; got != want {
			t.Errorf("NODE-7 lists %s, want %s", got, want)
		}
		for _, answer := range []*client.Answer{first, second, deleted} {
			if fate := tr.fate(7, answer.WriteID); fate.State != client.WritePending || !fate.Version.IsZero() {
				t.Errorf("NODE-7 says %s", fate.Body)
			}
		}
		if status := tr.status(7); status.Pending != 3 || status.PendingBytes == 0 {
			t.Errorf("NODE-7 has %d pending, %d bytes", status.Pending, status.PendingBytes)
		}
	}
	wantPending()
	for _, k := range []int{2, 3, 6} {
		if got := tr.listed(k); got != `gone="before", stays="before"` {
			t.Errorf("NODE-%d lists %s", k, got)
		}
		tr.want("greeting", "", k)
	}
	wantRefusal(t, 503, "root-unreachable")(leaf.Put(ctx, "greeting", []byte(`1`), client.IfAbsent()))
	wantRefusal(t, 503, "root-unreachable")(leaf.Delete(ctx, "stays", client.IfMatch(before.Version)))
	_, err := tr.client(3).Write(ctx, first.WriteID)
	wantRefusal(t, 404, "no-such-write")(nil, err)

	tr.restart(7) // the root is still away
	wantPending()

	tr.start(1)
	one := tr.awaitFate(7, first.WriteID, client.WriteOrdered)
	two := tr.awaitFate(7, second.WriteID, client.WriteOrdered)
	third := tr.awaitFate(7, deleted.WriteID, client.WriteOrdered)
	if one.Seq+1 != two.Seq || two.Seq+1 != third.Seq {
		t.Errorf("they were ordered as %v, %v, %v", one, two, third)
	}
	tr.awaitEqual()
	for _, k := range tr.all() {
		tr.wantEntry(k, "greeting", `"two"`, two)
		tr.want("gone", "", k)
	}
	if status := tr.status(7); status.Pending != 0 || status.PendingBytes != 0 || status.Resubmitted != 3 || status.Superseded != 0 {
		t.Errorf("NODE-7 says %+v", status)
	}
	tr.wantOneState()

	tr.restart(7) // what became of them is remembered
	if fate := tr.fate(7, second.WriteID); fate.State != client.WriteOrdered || fate.Version != two {
		t.Errorf("NODE-7 says %s", fate.Body)
	}
}

func TestAQueuedWriteDoesNotOverwriteALaterOne(t *testing.T) {
	tr := startTree(t, 2)
	tr.put(3, "greeting", "old")
	tr.put(3, "gone", "old")
	tr.awaitEqual()
	tr.stop(1)
	queued := tr.queue(3, "greeting", "queued")
	deleted := tr.wantQueued(tr.client(3).Delete(t.Context(), "gone"))
	tr.want("greeting", "queued", 3)
	tr.stop(3)
	tr.start(1)
	tr.awaitReady(1)
	winner := tr.put(1, "greeting", "later").Version
	back := tr.put(1, "gone", "back").Version

	tr.start(3)
	if v := tr.awaitFate(3, queued.WriteID, client.WriteSuperseded); v != winner {
		t.Errorf("it was superseded by %v, want %v", v, winner)
	}
	if v := tr.awaitFate(3, deleted.WriteID, client.WriteSuperseded); v != back {
		t.Errorf("it was superseded by %v, want %v", v, back)
	}
	tr.awaitEqual()
	for _, k := range tr.all() {
		tr.wantEntry(k, "greeting", `"later"`, winner)
		tr.wantEntry(k, "gone", `"back"`, back)
	}
	if status := tr.status(3); status.Superseded != 2 || status.Resubmitted != 0 || status.Pending != 0 || status.Version != back {
		t.Errorf("NODE-3 says %+v", status)
	}
	tr.wantOneState()
}

func TestAClientThatPrefersNotToWaitIsAnsweredAtOnce(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	queued := tr.queue(7, "greeting", "hello-world", client.RespondAsync())
	v := tr.awaitFate(7, queued.WriteID, client.WriteOrdered)
	tr.wantEntry(7, "greeting", `"hello-world"`, v)
	tr.wantEntry(1, "greeting", `"hello-world"`, v)
	deleted := tr.wantQueued(tr.client(7).Delete(t.Context(), "greeting", client.RespondAsync()))
	tr.awaitFate(7, deleted.WriteID, client.WriteOrdered)
	tr.want("greeting", "", 1, 7)

	for k, options := range map[int][]client.RequestOption{
		1: {client.RespondAsync()},                    // the root has nothing to wait for
		7: {client.RespondAsync(), client.IfAbsent()}, // a conditional write is never queued
	} {
		if answer, err := tr.client(k).Put(t.Context(), fmt.Sprint("at-", k), []byte(`1`), options...); err != nil || answer.Status != 200 || answer.Version.IsZero() {
			t.Errorf("NODE-%d answers %+v, %v", k, answer, err)
		}
	}
	tr.tick()
	tr.awaitEqual()
	tr.wantOneState()
}

func TestWritesAreRefusedWhereQueueingIsOff(t *testing.T) {
	tr := startTree(t, 2, offline(configs.OfflineReject))
	ctx, leaf := t.Context(), tr.client(3)
	if answer, err := leaf.Put(ctx, "greeting", []byte(`1`), client.RespondAsync()); err != nil || answer.Status != 200 {
		t.Errorf("answered %+v, %v", answer, err)
	}
	tr.stop(1)
	tr.restart(3) // so that no connection is left on which a request could be lost
	wantRefusal(t, 503, "root-unreachable")(leaf.Put(ctx, "greeting", []byte(`2`)))
	wantRefusal(t, 503, "root-unreachable")(leaf.Put(ctx, "greeting", []byte(`2`), client.RespondAsync()))
	wantRefusal(t, 503, "root-unreachable")(leaf.Delete(ctx, "greeting"))
	if answer, err := leaf.Get(ctx, "greeting"); err != nil || string(answer.Value) != `1` {
		t.Errorf("answered %+v, %v", answer, err)
	}
}

// A queue that was filled before queueing was turned off is still handed in.
func TestAQueueDrainsWhereQueueingIsOffByNow(t *testing.T) {
	tr := startTree(t, 2)
	tr.stop(1)
	queued := tr.queue(3, "greeting", "hello-world")
	tr.stop(3)
	tr.cfg.Writes.Offline = configs.OfflineReject
	tr.start(3)
	tr.want("greeting", "hello-world", 3)
	wantRefusal(t, 503, "root-unreachable")(tr.client(3).Put(t.Context(), "greeting", []byte(`1`)))
	tr.start(1)
	v := tr.awaitFate(3, queued.WriteID, client.WriteOrdered)
	tr.awaitEqual()
	for _, k := range tr.all() {
		tr.wantEntry(k, "greeting", `"hello-world"`, v)
	}
}

func TestAFullQueueRefusesUntilItHasDrained(t *testing.T) {
	tr := startTree(t, 2, queueRoom(1<<10))
	for round := range 2 {
		tr.stop(1)
		var queued []*client.Answer
		for {
			key := fmt.Sprintf("%d-%d", round, len(queued))
			answer, err := tr.client(3).Put(t.Context(), key, []byte(`"hello-world"`))
			if err != nil {
				wantRefusal(t, 507, "queue-full")(answer, err)
				tr.want(key, "", 3)
				break
			}
			queued = append(queued, tr.wantQueued(answer, err))
		}
		wantRefusal(t, 507, "queue-full")(tr.client(3).Delete(t.Context(), strings.Repeat("k", 1000)))
		status := tr.status(3)
		if len(queued) == 0 || status.Pending != len(queued) || status.PendingBytes == 0 || status.PendingBytes > 1<<10 {
			t.Errorf("%d were queued; NODE-3 says %d, %d bytes", len(queued), status.Pending, status.PendingBytes)
		}
		tr.start(1)
		for _, answer := range queued {
			tr.awaitFate(3, answer.WriteID, client.WriteOrdered)
			tr.want(answer.Key, "hello-world", 1)
		}
		tr.awaitEqual()
	}
}

// The first write finds out that the root hangs; those after it wait for nothing.
func TestARootThatHangsIsAskedOnce(t *testing.T) {
	tr := newTree(t, 2, writesTimeout(time.Second))
	hanging := &ice{}
	tr.nodes[0].before = hanging.before
	tr.startAll()
	hanging.freeze()
	tr.queue(3, "greeting", "first")
	asked := hanging.requests(pathWrite)
	if asked > 1 {
		t.Errorf("the root was asked %d times for one write", asked)
	}
	for i := range 50 {
		tr.queue(3, "greeting", fmt.Sprint(i))
	}
	if more := hanging.requests(pathWrite) - asked; more > 0 {
		t.Errorf("the root was asked %d times more for the writes after the first", more)
	}
	tr.want("greeting", "49", 3)
	hanging.thaw()
	tr.await("the queue has drained", func() error {
		if left := tr.status(3).Pending; left > 0 {
			return fmt.Errorf("%d writes wait", left)
		}
		return nil
	})
	tr.awaitEqual()
	tr.want("greeting", "49", tr.all()...)
	tr.wantOneState()
}
