package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/client"
	"xylem/sync/version"
)

// wantNothingLost ends the clients, waits until all nodes are equal, and holds that
// state against what the clients were told.
func (l *load) wantNothingLost() {
	t := l.tree.t
	t.Helper()
	l.finish()
	l.tree.awaitSettled()
	l.judge()
	t.Logf("the clients were told:\n%s", l.history.summary())
	if found := l.history.violations; len(found) > 0 {
		t.Errorf("%d violations:\n%s", len(found), strings.Join(found[:min(len(found), 20)], "\n"))
	}
}

// awaitMore waits until the clients were told something so many more times.
func (l *load) awaitMore(what string, more int) {
	l.tree.t.Helper()
	told := func() int {
		l.history.mu.Lock()
		defer l.history.mu.Unlock()
		return l.history.counts[what]
	}
	began := told()
	await(l.tree.t, fmt.Sprint(more, " more ", what), func() error {
		if fresh := told() - began; fresh < more {
			return fmt.Errorf("it was %d", fresh)
		}
		return nil
	})
}

// seeded is for scenarios, which draw nothing that matters.
func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// TestRootKilledUnderLoadComesBack kills the root while all write: the others go on
// reading and queue their writes, and when it is back all of them are ordered.
func TestRootKilledUnderLoadComesBack(t *testing.T) {
	tree := newBrokenTree(t, 3, faultSettings()...)
	tree.plant()
	l := startLoad(tree, seeded())
	defer l.finish()
	for range 3 {
		l.awaitMore("writes ordered", 300)
		tree.kill(1)
		l.awaitMore("writes pending", 200)
		l.awaitMore("reads back", 200)
		tree.start(1)
		tree.awaitReady(1)
	}
	l.awaitMore("writes ordered", 300)
	l.wantNothingLost()
}

// put writes a value at NODE-k and returns the answer; it must be acknowledged with
// this status.
func (b *brokenTree) put(k int, key, value string, status int) *client.Answer {
	b.t.Helper()
	answer, err := b.client(k).Put(b.t.Context(), key, json.RawMessage(value))
	if err != nil || answer.Status != status {
		b.t.Fatalf("PUT %s = %s at NODE-%d: %+v, %v; want %d", key, value, k, answer, err, status)
	}
	return answer
}

// wantAll wants every node to say the same of a key; an empty value is one that is
// not there.
func (b *brokenTree) wantAll(key, value string) {
	b.t.Helper()
	for k := range b.nodes {
		got := ""
		answer, err := b.client(k+1).Get(b.t.Context(), key)
		if err == nil {
			got = string(answer.Value)
		}
		if err != nil && !errors.Is(err, client.ErrNotFound) || got != value {
			b.t.Errorf("NODE-%d says that %s is %q, %v; want %q", k+1, key, got, err, value)
		}
	}
}

// floor is the version before which tombstones are gone.
func (b *brokenTree) floor(k int) version.Version {
	b.t.Helper()
	doc, err := b.client(k).Synchronization(b.t.Context())
	var said struct {
		Floor version.Version `json:"floor"`
	}
	if err == nil {
		err = json.Unmarshal(doc.Body, &said)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return said.Floor
}

// TestLeafCutForLongerThanDeltasAreKept cuts a leaf off until the deletes that it
// missed have left no mark. What was deleted must not be there afterwards, at any
// node, and the leaf's own queued writes must.
func TestLeafCutForLongerThanDeltasAreKept(t *testing.T) {
	tree := newBrokenTree(t, 2, append(faultSettings(), "XYLEM_STORE_TOMBSTONE_RETENTION=200ms", "XYLEM_SYNC_SCHEDULE=@every 1h")...)
	tree.plant()
	for i := range 20 {
		tree.put(1, fmt.Sprint("doomed-", i), "1", http.StatusOK)
	}
	tree.awaitSettled()
	before, err := tree.client(3).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	heal := tree.links.cut(silent, around([]int{3}))
	for i := range 20 {
		if _, err := tree.client(1).Delete(t.Context(), fmt.Sprint("doomed-", i)); err != nil {
			t.Fatal(err)
		}
	}
	tree.put(1, "later", "1", http.StatusOK)
	cutAt, err := version.Parse(before.Version)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the floor passes the leaf", func() error {
		if floor := tree.floor(1); !cutAt.Before(floor) {
			return fmt.Errorf("the floor is %v, the leaf at %v", floor, cutAt)
		}
		return nil
	})
	if answer, err := tree.client(3).Get(t.Context(), "doomed-7"); err != nil || string(answer.Value) != "1" {
		t.Errorf("the leaf that is cut off reads %+v, %v", answer, err)
	}
	heal()
	await(t, "the leaf takes a snapshot", func() error {
		doc, err := tree.client(3).Synchronization(t.Context())
		if err == nil && (doc.LastPush == nil || doc.LastPush.Kind != "snapshot") {
			err = fmt.Errorf("its last push is %+v", doc.LastPush)
		}
		return err
	})
	tree.awaitSettled()
	tree.wantAll("doomed-7", "")
	tree.wantAll("later", "1")
}

// TestSubtreeCutWhileBothSidesWriteTheSameKeys cuts NODE-2 and all below it off from
// the root. Both sides write the same keys, far enough apart in time for the later
// to be the later on every clock.
func TestSubtreeCutWhileBothSidesWriteTheSameKeys(t *testing.T) {
	for _, how := range []cutting{silent, resetting} {
		t.Run(how.String(), func(t *testing.T) { cutSubtree(t, how) })
	}
}

func cutSubtree(t *testing.T, how cutting) {
	const keys = 20
	inside, outside := []int{2, 4, 5}, []int{1, 3, 6, 7}
	tree := newBrokenTree(t, 3, faultSettings()...)
	tree.plant()
	tree.put(1, "known", "1", http.StatusOK)
	tree.awaitSettled()
	whole := tree.readTime(5)
	heal := tree.links.cut(how, around(inside))
	tree.wantQuickPending(5)
	if cut := tree.readTime(5); cut > 3*whole+2*time.Millisecond {
		t.Errorf("half of the reads at NODE-5 took %v, and %v now that it is cut off", whole, cut)
	}

	pending := map[string]*client.Answer{}
	write := func(nodes []int, prefix, value string, status int) {
		for i := range keys {
			key := fmt.Sprint(prefix, i)
			if answer := tree.put(nodes[i%len(nodes)], key, value, status); answer.Pending {
				pending[key] = answer
			}
		}
	}
	write(inside, "outside-last-", `"inside"`, http.StatusAccepted)
	write(outside, "inside-last-", `"outside"`, http.StatusOK)
	<-time.After(slack)
	write(outside, "outside-last-", `"outside"`, http.StatusOK)
	write(inside, "inside-last-", `"inside"`, http.StatusAccepted)
	for _, k := range inside {
		answer, err := tree.client(k).Get(t.Context(), "known")
		if err != nil || string(answer.Value) != "1" {
			t.Errorf("NODE-%d, cut off, reads %+v, %v", k, answer, err)
		}
		if _, err := tree.client(k).Get(t.Context(), "nobody wrote this"); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("NODE-%d, cut off, answers a miss with %v", k, err)
		}
	}
	heal()
	tree.awaitSettled()
	for i := range keys {
		tree.wantAll(fmt.Sprint("outside-last-", i), `"outside"`)
		tree.wantAll(fmt.Sprint("inside-last-", i), `"inside"`)
	}
	for key, answer := range pending {
		want := toldOrdered
		if strings.HasPrefix(key, "outside-last-") {
			want = toldSuperseded
		}
		if got := tree.fate(answer); got != want {
			t.Errorf("the pending write of %s was %s, want %s", key, got, want)
		}
	}
}

// readTime is how long half of many reads of a known key take at most, at NODE-k.
func (b *brokenTree) readTime(k int) time.Duration {
	b.t.Helper()
	took := make([]time.Duration, 200)
	for i := range took {
		began := time.Now()
		if _, err := b.client(k).Get(b.t.Context(), "known"); err != nil {
			b.t.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// fate is what the node that answered 202 says became of the write.
func (b *brokenTree) fate(answer *client.Answer) told {
	b.t.Helper()
	k := slices.IndexFunc(b.nodes, func(p *process) bool { return fmt.Sprintf("NODE-%d", p.k) == answer.Node }) + 1
	l := &load{tree: b, history: newHistory()}
	a := l.history.try(answer.Key, string(answer.Value), k)
	a.told, a.id = toldPending, answer.WriteID
	l.fateOf(a)
	for _, violation := range l.history.violations {
		b.t.Error(violation)
	}
	return a.fate
}

// wantQuickPending wants a node that has just been cut off to answer 202 within
// writes.timeout, and within a few milliseconds once it knows.
func (b *brokenTree) wantQuickPending(k int) {
	b.t.Helper()
	const most, quick = 500 * time.Millisecond, 20 * time.Millisecond
	var took []time.Duration
	for i := range 30 {
		began := time.Now()
		b.put(k, fmt.Sprint("quick-", i), "1", http.StatusAccepted)
		took = append(took, time.Since(began))
	}
	slow := slices.MaxFunc(took, func(a, b time.Duration) int { return int(a - b) })
	slices.Sort(took[15:])
	b.t.Logf("writes at NODE-%d, cut off, answer 202 within %v, half of the later ones within %v", k, slow, took[22])
	if slow > 2*most || took[22] > quick {
		b.t.Errorf("writes at NODE-%d, cut off, took up to %v, and then %v", k, slow, took[22:])
	}
}

// TestPendingWriteShowsWhereItWasTaken kills a node whose queued write has been ordered
// and not pushed yet, and cuts it off: what it promised to have made durable still shows
// there.
func TestPendingWriteShowsWhereItWasTaken(t *testing.T) {
	tree := newBrokenTree(t, 2, append(faultSettings(), "XYLEM_SYNC_EAGER=false", "XYLEM_SYNC_SCHEDULE=@every 1h")...)
	tree.plant()
	answer, err := tree.client(3).Put(t.Context(), "promised", json.RawMessage("1"), client.RespondAsync())
	if err != nil || !answer.Pending {
		t.Fatalf("%+v, %v", answer, err)
	}
	await(t, "the write is ordered", func() error {
		doc, err := tree.client(3).Synchronization(t.Context())
		if err == nil && doc.Pending > 0 {
			err = errors.New("it is pending")
		}
		return err
	})
	tree.links.cut(resetting, around([]int{3}))
	tree.kill(3)
	tree.start(3)
	tree.awaitReady(3)
	if got, err := tree.client(3).Get(t.Context(), "promised"); err != nil || string(got.Value) != "1" {
		t.Errorf("%+v, %v", got, err)
	}
}
