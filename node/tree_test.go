package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"xylem/client"
	"xylem/configs"
	"xylem/coordinator"
	"xylem/eventually"
	"xylem/sync/replica"
)

// patience is how long a test waits for what is to happen: so long that only what
// never happens is missed.
const patience = 30 * time.Second

// tree is a whole tree of real nodes in this process, on loopback.
type tree struct {
	t       *testing.T
	cfg     configs.Config
	secret  []byte
	nodes   []*process // NODE-k at k-1
	council *council   // nil with the embedded coordinator

	connections *Connections // nil for some of each node's own
}

// process is one node of a tree; its address and directory outlive a stop.
type process struct {
	k       int
	address string
	dir     string
	log     *logbook
	client  *client.Client
	// before, if not nil, is put before each connection that the node accepts.
	before func(net.Conn) net.Conn
	node   *Node              // of the last start
	stop   context.CancelFunc // nil while it does not run
	ended  chan error         // what Run returned
}

// fronted is a listener that puts something before each connection.
type fronted struct {
	net.Listener
	before func(net.Conn) net.Conn
}

// Accept implements net.Listener.
func (l fronted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.before(conn), nil
}

// option changes the configuration that a tree is started with.
type option func(*configs.Config)

func eager(on bool) option { return func(c *configs.Config) { c.Sync.Eager = on } }

func schedule(expression string) option {
	return func(c *configs.Config) { c.Sync.Schedule = expression }
}

func liveness(timeout time.Duration) option {
	return func(c *configs.Config) { c.Liveness.Timeout = timeout }
}

func minInterval(d time.Duration) option {
	return func(c *configs.Config) { c.Sync.MinInterval = d }
}

// onlyTicks leaves all pushes of changes to tree.tick.
func onlyTicks() option {
	return func(c *configs.Config) { c.Sync.Eager, c.Sync.Schedule = false, "@every 1h" }
}

// startTree starts a tree of so many levels and returns when all its nodes have
// joined, NODE-k at position k, and hold a state. When the test ends they are
// stopped, and each must stop gracefully.
func startTree(t *testing.T, depth int, options ...option) *tree {
	t.Helper()
	tr := newTree(t, depth, options...)
	tr.startAll()
	return tr
}

// startAll starts all nodes of a new tree, as startTree does.
func (tr *tree) startAll() {
	tr.t.Helper()
	for _, p := range tr.nodes {
		tr.start(p.k)
		tr.awaitReady(p.k)
	}
	tr.awaitEqual()
}

// fanout is how the trees of all tests push, but of those that say it themselves.
var fanout = flag.String("fanout", configs.FanoutDirect, "sync.fanout of the tests' trees: direct or tree")

// newTree is a tree of which nothing runs yet.
func newTree(t *testing.T, depth int, options ...option) *tree {
	tr := &tree{t: t, cfg: configs.Default(), secret: []byte(rand.Text())}
	tr.cfg.Tree.Depth, tr.cfg.Sync.Fanout = depth, *fanout
	tr.cfg.Liveness.Timeout = 300 * time.Millisecond
	tr.cfg.Writes.Timeout = 10 * time.Second // the race detector is slow
	for _, option := range options {
		option(&tr.cfg)
	}
	for k := 1; k < 1<<depth; k++ {
		tr.nodes = append(tr.nodes, newProcess(t, k))
	}
	t.Cleanup(tr.shutDown)
	return tr
}

func newProcess(t *testing.T, k int) *process {
	p := &process{k: k, address: freeAddress(t), dir: t.TempDir(), log: &logbook{}}
	// A thousand may dial at once.
	transport := &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}
	p.client = client.New("http://"+p.address, client.WithHTTPClient(&http.Client{Transport: transport, Timeout: patience}))
	return p
}

// lastPort is the last port that was given to a test. They lie below those that
// the system hands out, so that a node finds its own again after a restart.
var lastPort atomic.Int64

func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+(int64(os.Getpid())*97+lastPort.Add(1))%9_000)
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start starts a node that does not run, with what its directory holds.
func (tr *tree) start(k int) {
	tr.t.Helper()
	tr.run(tr.nodes[k-1])
}

// run starts a process, which need not be one of the tree's own.
func (tr *tree) run(p *process) {
	tr.t.Helper()
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		tr.t.Fatal(err)
	}
	if p.before != nil {
		listener = fronted{listener, p.before}
	}
	options := Options{
		ID: p.k, Config: tr.cfg, Listener: listener, Advertise: "http://" + p.address,
		RootURL: "http://" + tr.nodes[tr.cfg.Tree.Root-1].address, DataDir: p.dir, Secret: tr.secret,
		Connections: tr.connections,
		Logger:      slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if tr.council != nil {
		options.ensemble = tr.council.open
	}
	p.node, err = New(options)
	if err != nil {
		_ = listener.Close()
		tr.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.ended = stop, make(chan error, 1)
	go func(n *Node, ended chan<- error) { ended <- n.Run(ctx) }(p.node, p.ended)
}

// stop stops a node gracefully.
func (tr *tree) stop(k int) {
	tr.t.Helper()
	tr.nodes[k-1].end(tr.t)
}

// end stops a process that runs, and wants it to end well.
func (p *process) end(t *testing.T) {
	t.Helper()
	if p.stop == nil {
		return
	}
	p.client.Close() // a connection that was made and never used holds the stop up
	p.stop()
	p.stop = nil
	if err := <-p.ended; err != nil {
		t.Errorf("%s did not stop gracefully: %v", coordinator.Name(p.k), err)
	}
	p.client.Close()
}

// restart stops a node and starts it again with its data.
func (tr *tree) restart(k int) {
	tr.t.Helper()
	tr.stop(k)
	tr.start(k)
}

// empty gives a stopped node a new directory, as if its disk had been replaced.
func (tr *tree) empty(k int) {
	tr.nodes[k-1].dir = tr.t.TempDir()
}

// shutDown ends all nodes, leaves first. What they logged is shown when the test
// failed.
func (tr *tree) shutDown() {
	for first := 1 << (tr.cfg.Tree.Depth - 1); first >= 1; first /= 2 {
		var level sync.WaitGroup
		for k := first; k < 2*first; k++ {
			level.Go(func() { tr.stop(k) })
		}
		level.Wait()
	}
	if tr.t.Failed() {
		for _, p := range tr.nodes {
			tr.t.Logf("the log of %s:\n%s", coordinator.Name(p.k), p.log.end())
		}
	}
}

// await returns once condition has no objection any more.
func (tr *tree) await(what string, condition func() error) {
	tr.t.Helper()
	await(tr.t, what, condition)
}

func await(t *testing.T, what string, condition func() error) {
	t.Helper()
	eventually.Await(t, patience, 5*time.Millisecond, what, condition)
}

// awaitReady waits until a node has a position and a state.
func (tr *tree) awaitReady(k int) {
	tr.t.Helper()
	tr.await(coordinator.Name(k)+" is ready", func() error {
		status, err := tr.client(k).Status(tr.t.Context())
		if err == nil && status.Position == 0 {
			err = errors.New("it has no position")
		}
		return errors.Join(err, tr.client(k).Ready(tr.t.Context()))
	})
}

// awaitEqual waits until the root knows of every node that it is where the root
// is, with the same digest. A node that was started again has to have joined first:
// before, the root may go by what its last run confirmed.
func (tr *tree) awaitEqual() {
	tr.t.Helper()
	tr.await("all nodes are equal", func() error {
		for _, p := range tr.nodes {
			if p.stop == nil {
				continue
			}
			if status, err := p.client.Status(tr.t.Context()); err != nil || status.Position == 0 {
				return fmt.Errorf("%s has not joined: %w", coordinator.Name(p.k), err)
			}
		}
		return tr.unequal(tr.status(1))
	})
}

// unequal says who is not equal in the root's status.
func (tr *tree) unequal(root statusDocument) error {
	if root.State != "ordering" || len(root.Nodes) != len(tr.nodes) {
		return fmt.Errorf("the root says %+v", root)
	}
	for _, m := range root.Nodes {
		switch {
		case m.Confirmed == nil || *m.Confirmed != root.Version:
			return fmt.Errorf("%s has confirmed %v, the root is at %v", m.Node, m.Confirmed, root.Version)
		case *m.Digest != digestEqual || *m.Behind != 0:
			return fmt.Errorf("%s: digest %s, %d behind", m.Node, *m.Digest, *m.Behind)
		}
	}
	return nil
}

// tick is what the root's schedule does when its time has come.
func (tr *tree) tick() { tr.nodes[tr.cfg.Tree.Root-1].node.loop.post(replica.Tick{}) }

func (tr *tree) client(k int) *client.Client { return tr.nodes[k-1].client }

func (tr *tree) root() *client.Client { return tr.client(tr.cfg.Tree.Root) }

// status is what a node says of itself at GET /synchronize.
func (tr *tree) status(k int) statusDocument {
	tr.t.Helper()
	said, err := tr.client(k).Synchronization(tr.t.Context())
	document := statusDocument{rootDocument: &rootDocument{}}
	if err == nil {
		err = json.Unmarshal(said.Body, &document)
	}
	if err != nil {
		tr.t.Fatalf("the status of %s: %v", coordinator.Name(k), err)
	}
	return document
}

// put writes a string at a node.
func (tr *tree) put(k int, key, value string) *client.Answer {
	tr.t.Helper()
	quoted, _ := json.Marshal(value)
	answer, err := tr.client(k).Put(tr.t.Context(), key, quoted)
	if err != nil {
		tr.t.Fatalf("put %q at %s: %v", key, coordinator.Name(k), err)
	}
	return answer
}

// value is what a node answers for a key as a string, and "" when it has none.
func (tr *tree) value(k int, key string) string {
	tr.t.Helper()
	answer, err := tr.client(k).Get(tr.t.Context(), key)
	if errors.Is(err, client.ErrNotFound) {
		return ""
	}
	var text string
	if err == nil {
		err = json.Unmarshal(answer.Value, &text)
	}
	if err != nil {
		tr.t.Fatalf("get %q at %s: %v", key, coordinator.Name(k), err)
	}
	return text
}

// want holds what nodes answer for a key against a value.
func (tr *tree) want(key, value string, nodes ...int) {
	tr.t.Helper()
	for _, k := range nodes {
		if got := tr.value(k, key); got != value {
			tr.t.Errorf("%s answers %q for %s, want %q", coordinator.Name(k), got, key, value)
		}
	}
}

// all are the nodes of the tree.
func (tr *tree) all() []int {
	var all []int
	for _, p := range tr.nodes {
		all = append(all, p.k)
	}
	return all
}

// logbook keeps what a process logs.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// says reports, for await, whether all parts were logged in one line.
func (l *logbook) says(parts ...string) error {
lines:
	for line := range strings.Lines(l.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		return nil
	}
	return fmt.Errorf("no line of its log has %q", parts)
}

// end is the last of what was logged.
func (l *logbook) end() string {
	text := l.String()
	return text[max(0, len(text)-4000):]
}
