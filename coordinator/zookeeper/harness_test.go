package zookeeper

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"xylem/coordinator"
	"xylem/coordinator/zookeeper/zookeepertest"
)

const (
	// short is a session that the tests wait for to expire; long is one that is not to.
	short = 800 * time.Millisecond
	long  = 4 * time.Second
	// patience is when a test gives up.
	patience = 30 * time.Second
)

// shared is one server for all tests that do it no harm, each in a namespace of its own.
var shared struct {
	sync.Once
	*zookeepertest.Ensemble
	err   error
	trees atomic.Int32
}

func TestMain(m *testing.M) {
	status := m.Run()
	if shared.Ensemble != nil {
		shared.Close()
	}
	os.Exit(status)
}

// servers are the addresses of the shared server.
func servers(t *testing.T) []string {
	t.Helper()
	shared.Do(func() { shared.Ensemble, shared.err = zookeepertest.New(zookeepertest.Options{}) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.Servers()
}

// tree is what the nodes of a test have in common.
type tree struct {
	*testing.T
	servers   []string
	namespace string
	timeout   time.Duration
	change    func(*Config) // the test's own wishes; may be nil
}

// newTree is a tree of the shared server.
func newTree(t *testing.T, timeout time.Duration) *tree {
	t.Helper()
	t.Parallel()
	return &tree{T: t, servers: servers(t), namespace: fmt.Sprintf("/tests/%d/%s", shared.trees.Add(1), t.Name()), timeout: timeout}
}

// node is a running Coordinator, and what it said.
type node struct {
	*tree
	*Coordinator
	log    *journal
	events chan Event
	leases chan time.Time
	stop   context.CancelFunc
	ended  chan error // what Run returned, once

	mu    sync.Mutex
	holds Holding
}

// journal is a log that many goroutines write.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) count(words string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), words)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// process is NODE-k, as one process of that name.
func process(k int, instance string) coordinator.Member {
	return coordinator.Member{ID: k, Address: fmt.Sprintf("http://node-%d:5000", k), Instance: instance}
}

// start runs NODE-k of a tree of three levels, whose configured root is NODE-1. It
// is fit and holds version 1.seq.
func (tr *tree) start(k int, seq uint64) *node {
	tr.Helper()
	return tr.startAs(process(k, fmt.Sprint("first-", k)), seq)
}

func (tr *tree) startAs(self coordinator.Member, seq uint64) *node {
	tr.Helper()
	n := &node{
		tree: tr, log: &journal{}, events: make(chan Event, 1000), leases: make(chan time.Time, 100000),
		ended: make(chan error, 1), holds: Holding{Epoch: 1, Seq: seq, Fit: true, Tree: fmt.Sprintf("%032x", self.ID)},
	}
	config := Config{
		Self: self, Depth: 3, ConfiguredRoot: 1, Servers: tr.servers, Namespace: tr.namespace, SessionTimeout: tr.timeout,
		Holding: func() Holding { n.mu.Lock(); defer n.mu.Unlock(); return n.holds },
		Deliver: func(e Event) { n.events <- e },
		Leased:  func(_, until time.Time) { n.leases <- until },
		Logger:  slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if tr.change != nil {
		tr.change(&config)
	}
	var err error
	if n.Coordinator, err = New(config); err != nil {
		tr.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	ended := make(chan struct{})
	go func() {
		n.ended <- n.Run(ctx)
		close(ended)
	}()
	tr.Cleanup(func() {
		stop()
		<-ended
		if tr.Failed() {
			tr.Logf("%s said:\n%s", self.Name(), n.log)
		}
	})
	return n
}

// next is the node's next event.
func (n *node) next() Event {
	n.Helper()
	select {
	case e := <-n.events:
		return e
	case <-time.After(patience):
		n.Fatalf("%s hears nothing", n.Self.Name())
		return nil
	}
}

// elected fails the test unless the next event says that the node is the candidate.
func (n *node) elected() Elected {
	n.Helper()
	e := n.next()
	if e, ok := e.(Elected); ok {
		return e
	}
	n.Fatalf("%s hears %#v, want Elected", n.Self.Name(), e)
	return Elected{}
}

// hears fails the test unless this is the next event.
func (n *node) hears(want Event) {
	n.Helper()
	if got := n.next(); got != want {
		n.Fatalf("%s hears %#v, want %#v", n.Self.Name(), got, want)
	}
}

// silent fails the test if there is an event that nobody asked for.
func (n *node) silent() {
	n.Helper()
	select {
	case e := <-n.events:
		n.Fatalf("%s hears %#v", n.Self.Name(), e)
	default:
	}
}

// following is that the node serves in that epoch.
func (n *node) following(epoch uint64) Following { return Following{Root: n.Self, Epoch: epoch} }

// ctx ends when the test has waited for long enough.
func (tr *tree) ctx() context.Context {
	ctx, cancel := context.WithTimeout(tr.Context(), patience)
	tr.Cleanup(cancel)
	return ctx
}

// serves makes the candidate of an epoch the root.
func (n *node) serves(epoch uint64, p coordinator.Placement) {
	n.Helper()
	if err := n.Serve(n.ctx(), epoch, p); err != nil {
		n.Fatal(err)
	}
}

// reign makes the node, which is to be elected next, the root, and returns its epoch.
func (n *node) reign(holders ...int) uint64 {
	n.Helper()
	e := n.elected()
	n.serves(e.Epoch, placed(holders...))
	return e.Epoch
}

// placed is a placement of three levels with those nodes first.
func placed(holders ...int) coordinator.Placement {
	p := make(coordinator.Placement, 7)
	copy(p, holders)
	return p
}

// leased waits for a lease that lasts until a time at least.
func (n *node) leased(at time.Time) time.Time {
	n.Helper()
	for {
		select {
		case until := <-n.leases:
			if !until.Before(at) {
				return until
			}
		case <-time.After(patience):
			n.Fatalf("%s gets no lease", n.Self.Name())
		}
	}
}

// until waits for a condition that something else brings about.
func (tr *tree) until(what string, holds func() bool) {
	tr.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			tr.Fatal("waited in vain for: " + what)
		}
	}
}

// plain is another client of the same ZooKeeper.
func (tr *tree) plain() *zk.Conn {
	tr.Helper()
	c, _, err := zk.Connect(tr.servers, long, zk.WithLogger(quiet{slog.New(slog.DiscardHandler)}))
	if err != nil {
		tr.Fatal(err)
	}
	tr.Cleanup(c.Close)
	return c
}

// list is all that is below a node, with the data, as a client of ZooKeeper sees it.
func list(t *testing.T, c *zk.Conn, name string) string {
	t.Helper()
	children, _, err := c.Children(name)
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, child := range children {
		below := path.Join(name, child)
		data, _, err := c.Get(below)
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&text, "%s %s\n%s", below, data, list(t, c, below))
	}
	return text.String()
}
