package zookeeper

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-zookeeper/zk"

	"xylem/coordinator"
)

func TestAnyClientSeesTheTree(t *testing.T) {
	tr := newTree(t, long)
	one := tr.start(1, 5)
	epoch := one.reign(1)
	tr.start(3, 5)
	c := tr.plain()
	shows := func(p coordinator.Placement, want string) {
		t.Helper()
		if err := one.Save(tr.ctx(), epoch, p); err != nil {
			t.Fatal(err)
		}
		got := ""
		defer func() {
			if t.Failed() {
				t.Logf("ZooKeeper shows\n%s", got)
			}
		}()
		tr.until("the tree to be\n"+want, func() bool {
			got = list(t, c, tr.namespace+"/tree")
			return got == want
		})
	}
	line := func(name string, position, k int) string {
		address := ""
		if k != 0 {
			address = fmt.Sprintf(`,"address":"http://node-%d:5000"`, k)
		}
		return fmt.Sprintf("%s/tree%s {\"position\":%d%s}\n", tr.namespace, name, position, address)
	}
	shows(placed(1, 3, 0, 5), line("/NODE-1", 1, 1)+line("/NODE-1/NODE-3", 2, 3)+line("/NODE-1/NODE-3/NODE-5", 4, 0))
	// Places are exchanged, and NODE-5 comes to life.
	want := line("/NODE-5", 1, 5) + line("/NODE-5/NODE-3", 2, 3) + line("/NODE-5/NODE-3/NODE-1", 4, 1)
	tr.start(5, 5)
	shows(placed(5, 3, 0, 1), want)
	if data, _, err := c.Get(tr.namespace + "/placement"); err != nil || string(data) != "[5,3,0,1,0,0,0]" {
		t.Fatalf("the placement is %s, %v", data, err)
	}
	if data, _, err := c.Get(tr.namespace + "/root"); err != nil || string(data) != `{"id":1,"address":"http://node-1:5000","instance":"first-1","epoch":2,"serving":true}` {
		t.Fatalf("the root is %s, %v", data, err)
	}
}

func TestAnOldRootWritesNothing(t *testing.T) {
	tr := newTree(t, long)
	one := tr.start(1, 5)
	epoch := one.reign(1, 2)
	// Another has taken an epoch, as when this one was asleep for a session time-out.
	c := tr.plain()
	if _, err := c.Set(tr.namespace+"/epoch", []byte("70"), -1); err != nil {
		t.Fatal(err)
	}
	if err := one.Save(tr.ctx(), epoch, placed(1, 2, 3)); !errors.Is(err, ErrDeposed) {
		t.Fatalf("an old root saves: %v", err)
	}
	if data, _, err := c.Get(tr.namespace + "/placement"); err != nil || string(data) != "[1,2,0,0,0,0,0]" {
		t.Fatalf("the placement is %s, %v", data, err)
	}
	one.hears(Leaderless{})
	if next := one.elected(); next.Epoch != 71 {
		t.Fatalf("epoch %d after 70", next.Epoch)
	}
	if err := one.Serve(tr.ctx(), epoch, placed(1, 2)); !errors.Is(err, ErrDeposed) {
		t.Fatalf("it serves an epoch of long ago: %v", err)
	}
	if err := one.Save(tr.ctx(), 71, placed(1)); !errors.Is(err, ErrDeposed) {
		t.Fatalf("a candidate saves before it serves: %v", err)
	}
	if err := one.Serve(tr.ctx(), 71, placed(1, 1)); !errors.Is(err, coordinator.ErrPlacement) {
		t.Fatalf("it serves with what is no placement: %v", err)
	}
	one.serves(71, placed(1, 2))
	one.stop()
	<-one.ended
	if err := one.Save(tr.ctx(), 71, placed(1)); !errors.Is(err, ErrDeposed) {
		t.Fatalf("it saves after its end: %v", err)
	}
}

func TestAHeartbeatIsAWriteAndWakesNobody(t *testing.T) {
	tr := newTree(t, 2*long)
	one := tr.start(1, 5)
	one.reign(1)
	c := tr.plain()
	_, before, watch, err := c.GetW(tr.namespace + "/root")
	if err != nil {
		t.Fatal(err)
	}
	zxid := func() int64 {
		name, err := c.Create(tr.namespace+"/probe-", nil, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
		if err != nil {
			t.Fatal(err)
		}
		_, stat, err := c.Exists(name)
		if err != nil {
			t.Fatal(err)
		}
		return stat.Czxid
	}
	first := zxid()
	for len(one.leases) > 0 {
		<-one.leases
	}
	<-one.leases
	if after := zxid(); after < first+2 {
		t.Fatalf("no transaction between %d and %d, so no agreement", first, after)
	}
	if _, stat, err := c.Get(tr.namespace + "/root"); err != nil || stat.Version != before.Version || len(watch) != 0 {
		t.Fatalf("a heartbeat changed the root's node: %+v, %v", stat, err)
	}
	if n := one.log.count("another session time-out"); n != 1 {
		t.Fatalf("that the server grants less was logged %d times", n)
	}
}

// A root that is lost before it has told anybody of its tree comes back to the same
// tree: all candidates are told one id, until a root that had another serves.
func TestAllCandidatesAreToldOneTree(t *testing.T) {
	tr := newTree(t, short)
	first := tr.start(1, 0)
	told := first.elected()
	if want := fmt.Sprintf("%032x", 1); told.Tree != want {
		t.Fatalf("the first candidate is told tree %s, want its own, %s", told.Tree, want)
	}
	second := tr.start(2, 5)
	first.stop()
	<-first.ended
	again := second.elected()
	if again.Tree != told.Tree {
		t.Fatalf("the second candidate is told tree %s, want %s", again.Tree, told.Tree)
	}
	second.serves(again.Epoch, placed(2, 1))
	c := tr.plain()
	if data, _, err := c.Get(tr.namespace + "/tree-id"); err != nil || string(data) != fmt.Sprintf("%032x", 2) {
		t.Fatalf("once a root serves that had a tree, the id is %s, %v", data, err)
	}
}
