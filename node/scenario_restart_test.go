package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"xylem/client"
	"xylem/coordinator"
	"xylem/sync/replica"
	"xylem/sync/version"
)

// fill writes keys with the prefix at the root, with values so large that they do
// not fit into one piece of a push.
func (tr *tree) fill(prefix string, keys int) version.Version {
	tr.t.Helper()
	var last version.Version
	for i := range keys {
		last = tr.put(1, fmt.Sprint(prefix, i), strings.Repeat(prefix, 4_000)).Version
	}
	return last
}

// awaitPushed waits until the root knows that a member has come to a version, and
// wants one push of that kind, with so many entries, to have brought it there.
func (tr *tree) awaitPushed(k int, kind string, entries int, to version.Version) {
	tr.t.Helper()
	name := coordinator.Name(k)
	var sent *pushDocument
	tr.await(fmt.Sprintf("%s is at %v", name, to), func() error {
		for _, m := range tr.status(1).Nodes {
			if m.Node != name || m.Confirmed == nil || *m.Confirmed != to {
				continue
			}
			sent = m.LastPush
			return nil
		}
		return fmt.Errorf("the root says %+v", tr.status(1).Nodes)
	})
	if sent.Kind != kind || sent.Outcome != "applied" || sent.Entries != entries {
		tr.t.Errorf("the last push to %s was %+v, want a %s of %d entries", name, sent, kind, entries)
	}
	got := tr.status(k)
	if last := got.LastPush; got.Version != to || last.Kind != kind || last.Entries != entries || last.Bytes != sent.Bytes {
		tr.t.Errorf("%s is at %v by %+v; it was sent %+v", name, got.Version, last, sent)
	}
}

func TestANodeThatLostItsDiskCatchesUpBySnapshot(t *testing.T) {
	tr := startTree(t, 2, onlyTicks())
	tr.fill("before", 30)
	tr.tick()
	tr.awaitEqual()
	tr.stop(3)
	tr.empty(3)
	last := tr.fill("while", 30)

	tr.start(3)
	tr.awaitPushed(3, "snapshot", 60, last)
	if live := tr.status(3).Store.Live; live != 60 {
		t.Errorf("NODE-3 holds %d entries, want 60", live)
	}
	if s := tr.status(2); s.LastPush.Kind == "snapshot" || s.Version == last {
		t.Errorf("NODE-2, which was not restarted, is at %v by %+v", s.Version, s.LastPush)
	}
	tr.tick()
	tr.awaitEqual()
	tr.wantOneState()
}

func TestANodeThatKeptItsDiskCatchesUpByDelta(t *testing.T) {
	tr := startTree(t, 2, onlyTicks())
	before := tr.fill("before", 30)
	tr.tick()
	tr.awaitEqual()
	tr.stop(3)
	last := tr.fill("while", 30)

	tr.start(3)
	if got := tr.nodes[2].node.store.Applied(); got.Before(before) {
		t.Errorf("NODE-3 came back with %v, and had %v", got, before)
	}
	tr.awaitPushed(3, "delta", 30, last)
	tr.tick()
	tr.awaitEqual()
	tr.wantOneState()
}

func TestADeletedKeyStaysDeletedAtANodeThatWasAway(t *testing.T) {
	tr := startTree(t, 2, onlyTicks())
	tr.put(3, "greeting", "hello-world")
	tr.tick()
	tr.awaitEqual()
	tr.stop(3)
	deleted, err := tr.root().Delete(t.Context(), "greeting")
	if err != nil {
		t.Fatal(err)
	}
	tr.start(3)
	tr.awaitPushed(3, "delta", 1, deleted.Version)
	tr.want("greeting", "", 1, 3)
}

func TestARestartedRootBeginsAnEpochAndItsMembersFollow(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	tr.put(6, "greeting", "hello-world")
	tr.tick()
	tr.awaitEqual()
	last := tr.put(7, "greeting", "hello-mars").Version // which only the root has on its disk
	before := tr.status(1)

	tr.restart(1)
	tr.want("greeting", "hello-mars", 1)
	var after statusDocument
	tr.await("the epoch begins", func() error {
		if after = tr.status(1); after.Epoch == before.Epoch {
			return fmt.Errorf("it is in epoch %d", after.Epoch)
		}
		return nil
	})
	if after.Epoch != before.Epoch+1 || after.TreeID != before.TreeID || after.Version != last {
		t.Errorf("it was tree %s at %v in epoch %d, and is %s at %v in epoch %d",
			before.TreeID, last, before.Epoch, after.TreeID, after.Version, after.Epoch)
	}
	if n := len(after.History); n == 0 || after.History[n-1] != last {
		t.Errorf("the history is %v, want its last cut to be %v", after.History, last)
	}

	tr.await("a write at a leaf is ordered again", func() error {
		answer, err := tr.client(5).Put(t.Context(), "farewell", []byte(`"bye"`))
		if err == nil && answer.Pending {
			return errors.New("it waits in the queue")
		}
		if err == nil && (answer.Version.Epoch != after.Epoch || answer.Version.Seq <= last.Seq) {
			t.Errorf("it was ordered as %v after %v", answer.Version, last)
		}
		return err
	})
	tr.await("all nodes have joined again", func() error {
		for _, m := range tr.status(1).Nodes {
			if m.State != string(coordinator.Alive) || m.Confirmed == nil {
				return fmt.Errorf("%s is %s", m.Node, m.State)
			}
		}
		return nil
	})
	tr.tick()
	tr.awaitEqual()
	tr.want("greeting", "hello-mars", tr.all()...)
	tr.want("farewell", "bye", tr.all()...)
	tr.wantOneState()
	for _, k := range tr.all() {
		if s := tr.status(k); s.Epoch != after.Epoch || len(s.History) != len(after.History) {
			t.Errorf("%s is in epoch %d with history %v", coordinator.Name(k), s.Epoch, s.History)
		}
	}
}

func TestWhileTheRootIsAwayNodesAnswerReadsAndRefuseConditionalWrites(t *testing.T) {
	tr := startTree(t, 2)
	tr.put(2, "greeting", "hello-world")
	tr.awaitEqual()
	tr.stop(1)
	tr.want("greeting", "hello-world", 2, 3)
	tr.want("nothing", "", 2, 3)
	tr.queue(3, "other", "x") // so it knows
	wantRefusal(t, 503, "root-unreachable")(tr.client(3).Put(t.Context(), "greeting", []byte(`"hello-mars"`), client.IfAbsent()))
	tr.want("greeting", "hello-world", 2, 3)
	tr.start(1)
	tr.awaitEqual()
	tr.want("greeting", "hello-world", tr.all()...)
}

func TestANodeThatHasNotHeardOfTheEpochYetPassesItsAnswersOn(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	for _, k := range []int{1, 7} { // the root has begun an epoch, and NODE-7 heard of it before NODE-3
		n := tr.nodes[k-1].node
		n.loop.query(func(*replica.Replica) {
			meta := n.store.Meta()
			meta.Epoch++
			n.store.SetMeta(meta)
		})
	}
	if wrote := tr.put(7, "greeting", "hello-world"); wrote.Version.Epoch != 2 {
		t.Errorf("ordered as %v", wrote.Version)
	}
	tr.put(6, "greeting", "hello-mars")
	wantRefusal(t, 412, "condition-not-met")(tr.client(7).Put(t.Context(), "greeting", []byte(`1`), client.IfAbsent()))
	tr.want("greeting", "hello-mars", 1, 3, 6)
}
