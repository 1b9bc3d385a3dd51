package zookeeper

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"xylem/coordinator"
	"xylem/coordinator/zookeeper/zookeepertest"
)

// behind makes NODE-k reach ZooKeeper through a proxy only.
func (tr *tree) behind(k int) *proxy {
	tr.Helper()
	p := newProxy(tr.T, tr.servers[0])
	before := tr.change
	tr.change = func(c *Config) {
		if before != nil {
			before(c)
		}
		if c.Self.ID == k {
			c.Servers = []string{p.address()}
		}
	}
	return p
}

func TestARootThatIsCutOffStopsBeforeAnotherBegins(t *testing.T) {
	tr := newTree(t, short)
	link := tr.behind(1)
	one := tr.start(1, 5)
	first := one.reign(1, 2)
	two := tr.start(2, 5)
	two.hears(one.following(first))
	last := one.leased(time.Now())
	link.sever()
	two.hears(Leaderless{})
	gone := time.Now()
	for len(one.leases) > 0 { // given while the cut was made
		last = <-one.leases
	}
	if !last.Before(gone) {
		t.Fatalf("another may begin %v before the lease ends", last.Sub(gone))
	}
	second := two.reign(2, 1)
	one.silent() // it cannot know, and need not: its lease is over
	link.heal()
	one.hears(Leaderless{})
	one.hears(two.following(second))
	if err := one.Save(tr.ctx(), first, placed(1, 2)); !errors.Is(err, ErrDeposed) {
		t.Fatalf("a former root saves: %v", err)
	}
	if n := one.log.count("session with ZooKeeper has expired"); n != 1 {
		t.Fatalf("the end of the session was logged %d times", n)
	}
}

func TestARootGoesOnAfterAShortCut(t *testing.T) {
	tr := newTree(t, 2*time.Second)
	link := tr.behind(1)
	one := tr.start(1, 5)
	epoch := one.reign(1, 2)
	two := tr.start(2, 5)
	two.hears(one.following(epoch))
	link.sever()
	cut := time.Now()
	one.until("no lease", func() bool { // a heartbeat was missed
		for len(one.leases) > 0 {
			<-one.leases
		}
		return time.Since(cut) > 600*time.Millisecond
	})
	link.heal()
	one.leased(time.Now())
	if err := one.Save(tr.ctx(), epoch, placed(1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	one.silent()
	two.silent()
}

func TestAServerThatRestartsKeepsTheRoot(t *testing.T) {
	t.Parallel()
	e := zookeepertest.Start(t, zookeepertest.Options{})
	tr := &tree{T: t, servers: e.Servers(), namespace: "/xylem", timeout: long}
	one := tr.start(1, 5)
	epoch := one.reign(1, 2)
	two := tr.start(2, 5)
	two.hears(one.following(epoch))
	e.Kill(0)
	tr.until("both notice", func() bool {
		return one.log.count("ZooKeeper is lost") == 1 && two.log.count("ZooKeeper is lost") == 1
	})
	restarted := time.Now()
	if err := e.Restart(0); err != nil {
		t.Fatal(err)
	}
	one.leased(restarted.Add(long / 8))
	if err := one.Save(tr.ctx(), epoch, placed(1, 2)); err != nil {
		t.Fatal(err)
	}
	tr.until("both say that it is back", func() bool {
		return one.log.count("ZooKeeper is back") == 1 && two.log.count("ZooKeeper is back") == 1
	})
	one.silent()
	two.silent()
}

func TestASessionOutlivesALongOutage(t *testing.T) {
	t.Parallel()
	e := zookeepertest.Start(t, zookeepertest.Options{})
	tr := &tree{T: t, servers: e.Servers(), namespace: "/xylem", timeout: long}
	one := tr.start(1, 5)
	epoch := one.reign(1)
	e.Kill(0)
	killed := time.Now()
	tr.until("longer than a session lasts", func() bool { return time.Since(killed) > long*3/2 })
	if err := e.Restart(0); err != nil {
		t.Fatal(err)
	}
	tr.until("it is back", func() bool { return one.log.count("ZooKeeper is back, and with it the session") == 1 })
	if err := one.Save(tr.ctx(), epoch, placed(1, 2)); err != nil {
		t.Fatal(err)
	}
	one.silent()
}

func TestATreeComesBackWhenZooKeeperHasLostItsData(t *testing.T) {
	t.Parallel()
	e := zookeepertest.Start(t, zookeepertest.Options{})
	tr := &tree{T: t, servers: e.Servers(), namespace: "/xylem", timeout: short}
	one := tr.start(1, 6)
	first := one.reign(1, 2, 3)
	two, three := tr.start(2, 5), tr.start(3, 5)
	nodes := []*node{one, two, three}
	for _, n := range nodes {
		if n != one {
			n.hears(one.following(first))
		}
		n.mu.Lock()
		n.holds.Promised = first
		n.mu.Unlock()
	}
	e.Kill(0)
	if err := e.Wipe(0); err != nil {
		t.Fatal(err)
	}
	if err := e.Restart(0); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.hears(Leaderless{})
	}
	// Whoever is back first may be elected before NODE-1, which holds most, is.
	var root *node
	var second uint64
	tr.until("somebody is elected", func() bool {
		for _, n := range nodes {
			select {
			case e := <-n.events:
				if elected, ok := e.(Elected); ok {
					root, second = n, elected.Epoch
				}
			default:
			}
		}
		return root != nil
	})
	if second <= first {
		t.Fatalf("epoch %d after %d", second, first)
	}
	root.serves(second, placed(root.Self.ID))
	for _, n := range nodes {
		if n != root {
			n.hears(root.following(second))
		}
	}
}

func TestAnEnsembleLosesItsLeader(t *testing.T) {
	t.Parallel()
	e := zookeepertest.Start(t, zookeepertest.Options{Servers: 3})
	tr := &tree{T: t, servers: e.Servers(), namespace: "/xylem", timeout: long}
	one := tr.start(1, 5)
	epoch := one.reign(1, 2)
	two := tr.start(2, 5)
	two.hears(one.following(epoch))
	e.Kill(e.Leader())
	tr.until("two of three find a leader", func() bool { return e.Leader() >= 0 })
	// The session lives on at another server, or has ended if that took too long: in
	// either case there is a root, and it is one that ZooKeeper knows.
	one.leased(time.Now())
	if err := one.Save(tr.ctx(), epoch, placed(1, 2)); err != nil {
		t.Fatal(err)
	}
	one.stop()
	two.hears(Leaderless{})
	if next := two.elected(); next.Epoch <= epoch {
		t.Fatalf("epoch %d after %d", next.Epoch, epoch)
	}
}

func TestAServerThatStandsStillIsLeft(t *testing.T) {
	t.Parallel()
	e := zookeepertest.Start(t, zookeepertest.Options{Servers: 3})
	leader := e.Leader()
	followers := slices.Delete(e.Servers(), leader, leader+1)
	tr := &tree{T: t, servers: followers, namespace: "/xylem", timeout: long}
	one := tr.start(1, 5)
	epoch := one.reign(1)
	mine := slices.IndexFunc(e.Servers(), func(address string) bool { return one.log.count("begun\" server="+address) == 1 })
	if mine < 0 || mine == leader {
		t.Fatalf("connected to server %d", mine)
	}
	e.Pause(mine)
	tr.until("the session goes on at another server", func() bool { return one.log.count("ZooKeeper is back") == 1 })
	one.leased(time.Now())
	if err := one.Save(tr.ctx(), epoch, placed(1, 2)); err != nil {
		t.Fatal(err)
	}
	one.silent()
}

func TestWhatSomebodyRemovesIsMadeAgain(t *testing.T) {
	tr := newTree(t, long)
	one := tr.start(1, 5)
	first := one.reign(1)
	c := tr.plain()
	remove := func(name string) {
		t.Helper()
		if err := c.Delete(tr.namespace+name, -1); err != nil {
			t.Fatal(err)
		}
	}
	remove("/root")
	one.hears(Leaderless{})
	second := one.reign(1)
	if second <= first {
		t.Fatalf("epoch %d after %d", second, first)
	}
	remove("/placement")
	if err := one.Save(tr.ctx(), second, placed(1, 2)); err != nil {
		t.Fatal(err)
	}
	remove("/members/NODE-1")
	remove("/placement")
	remove("/root")
	one.hears(Leaderless{})
	third := one.elected().Epoch
	remove("/tree-id")
	one.serves(third, placed(1, 2))
	if _, _, err := c.Get(tr.namespace + "/members/NODE-1"); err != nil {
		t.Fatal(err)
	}
}

func TestEverythingIsRemovedWhileTheNodesRun(t *testing.T) {
	tr := newTree(t, long)
	one := tr.start(1, 5)
	first := one.reign(1)
	one.mu.Lock()
	one.holds.Promised = first
	one.mu.Unlock()
	c := tr.plain()
	var all func(name string) []any // deletions, children first
	all = func(name string) (ops []any) {
		children, _, _ := c.Children(name)
		for _, child := range children {
			ops = append(ops, all(name+"/"+child)...)
		}
		return append(ops, &zk.DeleteRequest{Path: name, Version: -1})
	}
	last := first
	for _, name := range []string{"/epoch", "/handover", "/members", "/tree", ""} {
		tr.until("it is removed", func() bool {
			ops := all(tr.namespace + name)
			if name != "" {
				ops = append(ops, &zk.DeleteRequest{Path: tr.namespace + "/root", Version: -1})
			}
			_, err := c.Multi(ops...)
			return err == nil
		})
		one.hears(Leaderless{})
		next := one.reign(1)
		if next <= first {
			t.Fatalf("without %q: epoch %d after %d", name, next, last)
		}
		last = next
	}
}

func TestAnEpochThatNobodyTookIsRefused(t *testing.T) {
	tr := newTree(t, long)
	one := tr.start(1, 5)
	first := one.reign(1)
	c := tr.plain()
	set := func(epoch string) {
		t.Helper()
		if _, err := c.Set(tr.namespace+"/epoch", []byte(epoch), -1); err != nil {
			t.Fatal(err)
		}
	}
	set("18446744073709551614")
	if err := c.Delete(tr.namespace+"/root", -1); err != nil {
		t.Fatal(err)
	}
	one.hears(Leaderless{})
	tr.until("it is said", func() bool { return one.log.count("is no epoch that was ever taken") == 1 })
	one.silent()
	set(strconv.FormatUint(first, 10))
	if next := one.reign(1); next != first+1 {
		t.Fatalf("epoch %d after %d", next, first)
	}
}

func TestZooKeeperIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	e := zookeepertest.Start(t, zookeepertest.Options{})
	e.Stop(0)
	tr := &tree{T: t, servers: append([]string{"nowhere.invalid:2181"}, e.Servers()...), namespace: "/a/b/xylem", timeout: short}
	began := time.Now()
	one := tr.start(1, 5)
	tr.until("it is said", func() bool { return one.log.count("ZooKeeper cannot be reached") == 1 })
	one.silent()
	if err := e.Restart(0); err != nil {
		t.Fatal(err)
	}
	one.reign(1)
	if n, limit := one.log.count("failed to connect"), 20*(1+int(time.Since(began).Seconds())); n > limit {
		t.Fatalf("%d attempts, want at most %d", n, limit)
	}
	if n := one.log.count("level=WARN"); n != 1 {
		t.Fatalf("%d warnings, want one", n)
	}
}

func TestANameIsTaken(t *testing.T) {
	tr := newTree(t, short)
	one := tr.start(1, 5)
	epoch := one.reign(1)
	other := tr.startAs(process(1, "other"), 5)
	e := other.next()
	if e, ok := e.(Refused); !ok || !errors.Is(e.Err, coordinator.ErrNameTaken) {
		t.Fatalf("a second NODE-1 hears %#v", e)
	}
	if err := <-other.ended; !errors.Is(err, coordinator.ErrNameTaken) {
		t.Fatalf("a second NODE-1 ends with %v", err)
	}
	if err := one.Save(tr.ctx(), epoch, placed(1)); err != nil {
		t.Fatal(err)
	}
	one.silent()
}

func TestAProcessThatDiedLeavesItsName(t *testing.T) {
	tr := newTree(t, short)
	link := tr.behind(1)
	one := tr.start(1, 5)
	first := one.reign(1)
	two := tr.start(2, 5)
	two.hears(one.following(first))
	link.sever() // for ZooKeeper it is dead from now on
	tr.change = nil
	again := tr.startAs(process(1, "second"), 5)
	two.hears(Leaderless{})
	var e Event
	select {
	case e = <-again.events:
	case e = <-two.events:
	case <-time.After(patience):
	}
	if e, ok := e.(Elected); !ok || e.Epoch <= first {
		t.Fatalf("the first to hear more hears %#v", e)
	}
	c := tr.plain()
	tr.until("it has its name", func() bool {
		data, _, err := c.Get(tr.namespace + "/members/NODE-1")
		return err == nil && strings.Contains(string(data), `"instance":"second"`)
	})
}

func TestOnlyWhoHasTheCredentialsReadsAndWrites(t *testing.T) {
	tr := newTree(t, long)
	tr.change = func(c *Config) { c.Credentials = "xylem:a secret" }
	one := tr.start(1, 5)
	epoch := one.reign(1)
	tr.until("the tree is shown", func() bool { return one.Save(tr.ctx(), epoch, placed(1)) == nil })
	stranger := tr.plain()
	for _, name := range []string{"", "/epoch", "/placement", "/handover", "/root", "/members/NODE-1", "/tree"} {
		if _, _, err := stranger.Get(tr.namespace + name); !errors.Is(err, zk.ErrNoAuth) {
			t.Errorf("a stranger reads %q: %v", name, err)
		}
		if _, err := stranger.Set(tr.namespace+name, nil, -1); !errors.Is(err, zk.ErrNoAuth) {
			t.Errorf("a stranger writes %q: %v", name, err)
		}
	}
	tr.change = func(c *Config) { c.Credentials = "xylem:another" }
	two := tr.start(2, 5)
	tr.until("it is said", func() bool { return two.log.count("credentials to those of the other nodes") == 1 })
	if log := one.log.String() + two.log.String(); strings.Contains(log, "secret") || strings.Contains(log, "another secret") {
		t.Error("the log holds the password")
	}
}

func TestAServerThatHangsIsLeft(t *testing.T) {
	tr := newTree(t, 2*time.Second)
	link := tr.behind(1)
	link.hang(3)
	one := tr.start(1, 5)
	began := time.Now()
	one.reign(1)
	if took := time.Since(began); took > patience/2 {
		t.Fatalf("it took %v to try a fourth time", took)
	}
}

func TestAConfigurationIsChecked(t *testing.T) {
	good := Config{
		Self: process(1, "a"), Depth: 3, Servers: []string{"localhost"},
		Holding: func() Holding { return Holding{} }, Deliver: func(Event) {}, Leased: func(_, _ time.Time) {},
	}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		change func(*Config)
		want   error
	}{
		{func(c *Config) { c.Depth = 17 }, coordinator.ErrDepth},
		{func(c *Config) { c.Self.ID = 8 }, coordinator.ErrOutsideTree},
		{func(c *Config) { c.Self.Instance = "" }, coordinator.ErrIncomplete},
		{func(c *Config) { c.Servers = nil }, coordinator.ErrIncomplete},
		{func(c *Config) { c.Namespace = "xylem/" }, coordinator.ErrIncomplete},
		{func(c *Config) { c.Credentials = "secret" }, coordinator.ErrIncomplete},
		{func(c *Config) { c.Leased = nil }, coordinator.ErrIncomplete},
	} {
		c := good
		test.change(&c)
		if _, err := New(c); !errors.Is(err, test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want %v", err, test.want)
		}
	}
}
