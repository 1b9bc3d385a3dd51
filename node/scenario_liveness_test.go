package node

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"xylem/client"
	"xylem/configs"
	"xylem/coordinator"
)

// awaitParent waits until a node says that another is its parent.
func (tr *tree) awaitParent(k int, parent string) {
	tr.t.Helper()
	tr.await(coordinator.Name(k)+" has the parent "+parent, func() error {
		status, err := tr.client(k).Status(tr.t.Context())
		if err == nil && status.Parent != parent {
			err = errors.New("it is " + status.Parent)
		}
		return err
	})
}

// seen is what the root says of a node at GET /nodes.
func (tr *tree) seen(k int) client.Node {
	tr.t.Helper()
	nodes, _, err := tr.root().Nodes(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Node == coordinator.Name(k) {
			return n
		}
	}
	tr.t.Fatalf("the root does not list NODE-%d", k)
	return client.Node{}
}

func writesTimeout(d time.Duration) option {
	return func(c *configs.Config) { c.Writes.Timeout = d }
}

// wantThrough wants writes and misses of nodes to get to the root.
func (tr *tree) wantThrough(round string, nodes ...int) {
	tr.t.Helper()
	for _, k := range nodes {
		key := fmt.Sprintf("%s-%d", round, k)
		if answer := tr.put(k, key, round); answer.Version.IsZero() {
			tr.t.Errorf("a write at NODE-%d: %+v", k, answer)
		}
		tr.want(key, round, 1, k)
		tr.put(1, key+"-miss", round) // with eager off the others cannot know it
		tr.want(key+"-miss", round, k)
	}
}

func TestChildrenOfADeadNodeTurnToItsParent(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	before := tr.seen(3)
	tr.stop(3) // a kill looks the same to the others, but for the leave
	tr.wantThrough("alone", 6, 7)
	tr.awaitParent(6, "NODE-1")
	tr.awaitParent(7, "NODE-1")
	down := tr.seen(3)
	if down.State != "down" || down.StandIn != "NODE-1" || down.Since <= before.Since || down.Position != 3 || len(down.Children) != 2 {
		t.Errorf("the root says %+v, before %+v", down, before)
	}
	if other := tr.seen(6); other.Parent != "NODE-3" || other.StandIn != "" {
		t.Errorf("the position's children wait for it; the root says %+v", other)
	}
	tr.start(3)
	tr.awaitReady(3)
	tr.awaitParent(6, "NODE-3")
	tr.awaitParent(7, "NODE-3")
	if back := tr.seen(3); back.State != "alive" || back.StandIn != "" || back.Since <= down.Since {
		t.Errorf("the root says %+v", back)
	}
	tr.wantThrough("back", 6, 7)
	if up := tr.status(3).Uplink; up.Writes != 2 || up.Lookups == 0 {
		t.Errorf("NODE-3 is back, and forwarded %+v", up)
	}
	tr.tick()
	tr.awaitEqual()
	tr.wantOneState()
}

// ice freezes what comes to a node: it still accepts, and never answers, but goes on
// giving signs of life.
type ice struct {
	mu     sync.Mutex
	frozen bool
	stuck  []net.Conn
	heard  strings.Builder // while frozen
}

func (i *ice) before(conn net.Conn) net.Conn { return iceConn{Conn: conn, ice: i} }

type iceConn struct {
	net.Conn
	ice *ice
}

// Read implements net.Conn.
func (c iceConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.ice.swallows(c.Conn, p[:n]) {
			return n, err
		}
	}
}

func (i *ice) swallows(conn net.Conn, p []byte) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.frozen {
		i.heard.Write(p)
		i.stuck = append(i.stuck, conn)
	}
	return i.frozen
}

func (i *ice) freeze() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.frozen = true
}

// thaw lets the node hear again, on new connections.
func (i *ice) thaw() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.frozen = false
	for _, conn := range i.stuck {
		_ = conn.Close()
	}
}

// requests counts those of some paths that came while it was frozen.
func (i *ice) requests(paths ...string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	count := 0
	for _, path := range paths {
		count += strings.Count(i.heard.String(), "POST "+path+" ")
	}
	return count
}

func TestAHangingParentCostsItsChildrenOneTimeOut(t *testing.T) {
	tr := newTree(t, 3, schedule("@every 100ms"), writesTimeout(3*time.Second))
	hanging := &ice{}
	tr.nodes[2].before = hanging.before
	tr.startAll()
	hanging.freeze()
	atOnce(2, func(i int) { // what becomes of the first write, nobody knows
		_, _ = tr.client(6+i).Put(t.Context(), "first", []byte(`"x"`))
	})
	if waited := hanging.requests(pathWrite); waited != 2 {
		t.Errorf("%d writes waited for the node that hangs, want one of each child", waited)
	}
	tr.awaitParent(6, "NODE-1")
	tr.awaitParent(7, "NODE-1")
	for i := range 20 {
		tr.put(7, "greeting", fmt.Sprint("seven ", i))
		tr.put(6, "welcome", fmt.Sprint("six ", i))
		if _, err := tr.client(7).Get(t.Context(), fmt.Sprint("nowhere-", i)); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("a miss is answered with %v", err)
		}
	}
	if waited := hanging.requests(pathWrite, pathLookup); waited != 2 {
		t.Errorf("%d requests waited for the node that hangs, want none after the first of each child", waited)
	}
	tr.await("the children ping it", func() error {
		if hanging.requests(pathPing) < 2 {
			return errors.New("they do not")
		}
		return nil
	})
	tr.await("pushes go on to all others", func() error {
		for _, k := range []int{2, 4, 5, 6, 7} {
			if got := tr.value(k, "greeting") + ", " + tr.value(k, "welcome"); got != "seven 19, six 19" {
				return fmt.Errorf("%s answers %q", coordinator.Name(k), got)
			}
		}
		return nil
	})
	hanging.thaw()
	tr.awaitParent(6, "NODE-3")
	tr.awaitParent(7, "NODE-3")
	tr.wantThrough("back", 6, 7)
	tr.awaitEqual()
	tr.wantOneState()
}

// slowWrites lets batches of writes wait, and nothing else.
type slowWrites struct {
	release chan struct{} // closed when they may go on
	came    atomic.Int64
	pings   atomic.Int64
}

func (s *slowWrites) before(conn net.Conn) net.Conn { return slowConn{Conn: conn, slow: s} }

type slowConn struct {
	net.Conn
	slow *slowWrites
}

// Read implements net.Conn.
func (c slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	switch text := string(p[:n]); {
	case strings.HasPrefix(text, "POST "+pathPing+" "):
		c.slow.pings.Add(1)
	case strings.HasPrefix(text, "POST "+pathWrite+" "):
		c.slow.came.Add(1)
		<-c.slow.release
	}
	return n, err
}

func TestASlowAncestorThatAnswersPingsIsNotGivenUp(t *testing.T) {
	tr := newTree(t, 3, onlyTicks(), unhurried(), writesTimeout(patience))
	slow := &slowWrites{release: make(chan struct{})}
	tr.nodes[2].before = slow.before
	tr.startAll()
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		if answer := tr.put(7, "greeting", "hello-world"); answer.Version.IsZero() {
			t.Errorf("the write is answered with %+v", answer)
		}
	}()
	var since time.Time
	tr.await("NODE-3 has the write", func() error {
		if slow.came.Load() == 0 {
			return errors.New("it has not")
		}
		since = time.Now()
		return nil
	})
	tr.await("time enough to give up a node that hangs", func() error {
		if time.Since(since) < 2*writeSilence(tr.cfg.Liveness.Timeout) {
			return errors.New("not yet")
		}
		return nil
	})
	if slow.pings.Load() == 0 {
		t.Error("NODE-3 was not pinged")
	}
	if above := tr.nodes[6].node.lineage.candidates(); len(above) == 0 || above[0].ID != 3 {
		t.Errorf("NODE-7 would turn to %v", above)
	}
	close(slow.release)
	<-writing
}

// Only the node below one that hangs finds that out: those further down, which wait for
// it, are told in time, and do not take their own parents for silent, nor turn to the one that hangs.
func TestAHangingNodeCostsOnlyThoseNextToItATimeOut(t *testing.T) {
	tr := newTree(t, 4, schedule("@every 100ms"))
	hanging := &ice{}
	tr.nodes[2].before = hanging.before
	tr.startAll()
	hanging.freeze()
	began := time.Now()
	if _, err := tr.client(14).Put(t.Context(), "greeting", []byte(`"hello-world"`)); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > tr.cfg.Writes.Timeout/2 {
		t.Errorf("the write was answered after %v", took)
	}
	tr.await("the write is ordered", func() error {
		if got := tr.value(1, "greeting"); got != "hello-world" {
			return fmt.Errorf("the root answers %q", got)
		}
		return nil
	})
	if waited := hanging.requests(pathWrite); waited != 1 {
		t.Errorf("%d batches waited for the node that hangs, want that of NODE-7", waited)
	}
	hanging.thaw()
	tr.awaitEqual()
	tr.wantOneState()
}

// A miss waits for the node that hangs for half of its time, and then goes on.
func TestAMissGoesRoundAHangingParent(t *testing.T) {
	tr := newTree(t, 3, onlyTicks(), writesTimeout(4*time.Second))
	hanging := &ice{}
	tr.nodes[2].before = hanging.before
	tr.startAll()
	tr.put(4, "greeting", "hello-world")
	hanging.freeze()
	tr.want("greeting", "hello-world", 7)
	if waited := hanging.requests(pathLookup); waited != 1 {
		t.Errorf("%d lookups waited for the node that hangs, want 1", waited)
	}
	hanging.thaw()
}

// The children know by themselves that nobody above answers: at once, without a
// request, and for every write until the root is back.
func TestWithoutTheRootNobodyWaits(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	tr.put(7, "before", "x")
	tr.stop(1)
	tr.await("NODE-3 and NODE-7 know that nobody gets through", func() error {
		_, _ = tr.client(7).Put(t.Context(), "greeting", []byte(`"lost?"`))
		for _, k := range []int{3, 7} {
			if left := tr.nodes[k-1].node.lineage.candidates(); len(left) > 0 {
				return fmt.Errorf("NODE-%d would turn to %v", k, left)
			}
		}
		return nil
	})
	sent := tr.status(7).Uplink.Requests
	for range 20 {
		_, _ = tr.client(7).Put(t.Context(), "greeting", []byte(`"lost?"`))
	}
	if more := tr.status(7).Uplink.Requests - sent; more > 5 { // a ping may have let it try once more
		t.Errorf("NODE-7 asked %d times for 20 writes", more)
	}
	tr.want("before", "x", 7)
	tr.want("nowhere", "", 7)
	tr.start(1)
	tr.awaitReady(1)
	tr.await("writes get through again", func() error {
		if left := tr.nodes[6].node.lineage.candidates(); len(left) != 2 {
			return fmt.Errorf("NODE-7 would turn to %v", left)
		}
		return nil
	})
	tr.put(7, "greeting", "hello-world")
	tr.await("the last write is the root's", func() error {
		if got := tr.value(1, "greeting"); got != "hello-world" {
			return fmt.Errorf("it answers %q", got)
		}
		return nil
	})
	tr.tick()
	tr.awaitEqual()
	tr.wantOneState()
}

// Whatever listens at the address of a dead node by now is not taken for it.
func TestAStrangerInPlaceOfTheParentIsNoParent(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	tr.stop(3)
	var pinged atomic.Int64
	listener, err := net.Listen("tcp", tr.nodes[2].address)
	if err != nil {
		t.Fatal(err)
	}
	stranger := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pathPing {
			pinged.Add(1)
		}
		_, _ = io.WriteString(w, `{"linked":true}`)
	})}
	go func() { _ = stranger.Serve(listener) }()
	defer func() { _ = stranger.Close() }()
	three := tr.nodes[6].node.view.Load().Ancestors[0]
	tr.nodes[6].node.lineage.silent(three, true, errors.New("as if it had not answered"))
	tr.await("NODE-7 pings it twice", func() error {
		if pinged.Load() < 2 {
			return errors.New("it does not")
		}
		return nil
	})
	if slices.Contains(tr.nodes[6].node.lineage.answering(), three) {
		t.Error("NODE-7 takes the stranger for NODE-3")
	}
	tr.wantThrough("alone", 7)
}
