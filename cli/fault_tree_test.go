package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"xylem/client"
)

// clientTimeout bounds one request of a test's client. It is longer than any node is
// paused, so that a request that timed out is not taken afterwards.
const clientTimeout = 5 * time.Second

// brokenTree is a tree whose nodes are processes that a test may kill, pause and cut
// off from each other. NODE-k stands in position k. One goroutine breaks it; any may
// send requests.
type brokenTree struct {
	t     *testing.T
	dir   string
	depth int
	base  int // NODE-k listens at base + k
	env   []string
	links *links
	nodes []*process // NODE-k is at k-1

	patience time.Duration // of one request of a client
	root     func() int    // k of the root; 0 for nobody
	elected  bool          // the root is replaced when it is lost
}

// process is one node of a broken tree.
type process struct {
	k      int
	url    string // of the node itself; the proxy stands before it for the other nodes
	proxy  *proxy
	log    *os.File
	cmd    *exec.Cmd // nil while it is dead
	paused bool
	life   atomic.Pointer[life]
	wait   func()          // for the goroutine that watches the life begin
	alter  func(*exec.Cmd) // changes how it is started
}

// life is that of a process from its start to its end, for those who ask it.
type life struct {
	client *client.Client
	ready  atomic.Bool
	breaks atomic.Int64 // grows with every pause and resumption: odd while it is paused, -1 once it is dead
	ended  context.Context
	end    context.CancelFunc
}

// newBrokenTree starts a tree node after node. Settings are NAME=value.
func newBrokenTree(t *testing.T, depth int, settings ...string) *brokenTree {
	t.Helper()
	tree := &brokenTree{
		t: t, dir: t.TempDir(), depth: depth, env: settings, links: newLinks(),
		patience: clientTimeout, root: func() int { return 1 },
	}
	count := 1<<depth - 1
	base := freePorts(t, 2*count)
	tree.base = base
	t.Cleanup(tree.clear)
	for k := 1; k <= count; k++ {
		log, err := os.Create(filepath.Join(tree.dir, fmt.Sprintf("NODE-%d.log", k)))
		if err != nil {
			t.Fatal(err)
		}
		tree.nodes = append(tree.nodes, &process{
			k: k, url: fmt.Sprintf("http://127.0.0.1:%d", base+k), log: log, wait: func() {}, alter: func(*exec.Cmd) {},
			proxy: &proxy{
				k: k, links: tree.links,
				address: fmt.Sprintf("127.0.0.1:%d", base+count+k), target: fmt.Sprintf("127.0.0.1:%d", base+k),
			},
		})
	}
	return tree
}

// plant starts all nodes, each when the one before has its place.
func (b *brokenTree) plant() {
	b.t.Helper()
	for k := 1; k <= len(b.nodes); k++ {
		b.start(k)
		await(b.t, fmt.Sprintf("NODE-%d stands in position %d", k, k), func() error {
			status, err := b.client(k).Status(b.t.Context())
			if err == nil && status.Position != k {
				err = fmt.Errorf("it stands in %d", status.Position)
			}
			return err
		})
	}
	for k := 1; k <= len(b.nodes); k++ {
		b.awaitReady(k)
	}
}

func (b *brokenTree) node(k int) *process { return b.nodes[k-1] }

// client asks NODE-k itself, not through its proxy.
func (b *brokenTree) client(k int) *client.Client { return b.node(k).life.Load().client }

func (b *brokenTree) awaitReady(k int) {
	b.t.Helper()
	await(b.t, fmt.Sprintf("NODE-%d is ready", k), func() error { return b.client(k).Ready(b.t.Context()) })
}

// start starts a node, with what its directory holds.
func (b *brokenTree) start(k int) {
	b.t.Helper()
	p := b.node(k)
	if err := p.proxy.open(); err != nil {
		b.t.Fatal(err)
	}
	p.cmd = nodeProcess(k, b.dir, b.env, "--depth", fmt.Sprint(b.depth), "--listen", strings.TrimPrefix(p.url, "http://"),
		"--advertise", "http://"+p.proxy.address, "--root-url", "http://"+b.node(1).proxy.address)
	p.cmd.Stderr = p.log
	p.alter(p.cmd)
	if err := p.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	r := &life{client: client.New(p.url, client.WithTimeout(b.patience))}
	r.ended, r.end = context.WithCancel(context.Background())
	p.life.Store(r)
	var watching sync.WaitGroup
	watching.Go(func() {
		look := time.NewTicker(20 * time.Millisecond)
		defer look.Stop()
		for r.client.Ready(r.ended) != nil {
			select {
			case <-look.C:
			case <-r.ended.Done():
				return
			}
		}
		r.ready.Store(true)
	})
	p.wait = watching.Wait
}

// kill ends a node as kill -9 does.
func (b *brokenTree) kill(k int) {
	b.t.Helper()
	p := b.node(k)
	r := p.life.Load()
	r.breaks.Store(-1) // before anything breaks
	if err := p.cmd.Process.Kill(); err != nil {
		b.t.Errorf("NODE-%d had ended by itself: %v", k, err)
	}
	err := p.cmd.Wait()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		b.t.Errorf("NODE-%d had ended by itself: %v", k, err)
	}
	p.cmd, p.paused = nil, false
	p.proxy.close()
	r.end()
	p.wait()
	r.client.Close()
}

// pause stops a node where it stands, until resume.
func (b *brokenTree) pause(k int) {
	p := b.node(k)
	p.life.Load().breaks.Add(1)
	b.signal(p, syscall.SIGSTOP)
	p.paused = true
}

func (b *brokenTree) resume(k int) {
	p := b.node(k)
	b.signal(p, syscall.SIGCONT)
	p.paused = false
	p.life.Load().breaks.Add(1)
}

func (b *brokenTree) signal(p *process, s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil {
		b.t.Errorf("NODE-%d had ended by itself: %v", p.k, err)
	}
}

// calm says whether the process lives, ready and not paused. It was so all the time
// between two calls if both say so with the same number.
func (r *life) calm() (since int64, calm bool) {
	since = r.breaks.Load()
	return since, since&1 == 0 && r.ready.Load()
}

// mend ends every fault of the processes.
func (b *brokenTree) mend() {
	b.t.Helper()
	for k, p := range b.nodes {
		switch {
		case p.cmd == nil:
			b.start(k + 1)
		case p.paused:
			b.resume(k + 1)
		}
	}
}

// clear ends all processes, and prints their last words if the test failed.
func (b *brokenTree) clear() {
	for k, p := range b.nodes {
		if p.cmd != nil {
			b.kill(k + 1)
		}
		_ = p.log.Close()
	}
	b.links.mu.Lock()
	if len(b.links.strangers) > 0 {
		b.t.Errorf("%d requests between nodes did not say who sent them, as %s", len(b.links.strangers), b.links.strangers[0])
	}
	b.links.mu.Unlock()
	for _, p := range b.nodes {
		said, err := os.ReadFile(p.log.Name())
		if err != nil {
			b.t.Error(err)
		}
		if *faultLogs != "" {
			name := strings.ReplaceAll(b.t.Name(), "/", "-") + "-" + filepath.Base(p.log.Name())
			if err := os.WriteFile(filepath.Join(*faultLogs, name), said, 0o600); err != nil {
				b.t.Error(err)
			}
		}
		text := string(said)
		if race := strings.Index(text, "DATA RACE"); race >= 0 {
			b.t.Errorf("NODE-%d has a data race:\n%.5000s", p.k, text[race:])
		}
		if at := strings.Index(text, "panic"); at >= 0 {
			b.t.Errorf("NODE-%d panicked:\n%.5000s", p.k, text[at:])
		}
		if b.t.Failed() {
			b.t.Logf("the last that NODE-%d says:\n%s", p.k, text[max(0, len(text)-4000):])
		}
	}
}

// awaitSettled waits until nothing is pending at any node and all are equal, and
// returns how long that took.
func (b *brokenTree) awaitSettled() time.Duration {
	b.t.Helper()
	began := time.Now()
	await(b.t, "all nodes are equal and nothing is pending", func() error {
		k := b.root()
		if k == 0 {
			return errors.New("there is no root")
		}
		root, err := b.client(k).Synchronization(b.t.Context())
		if err != nil {
			return err
		}
		if len(root.Nodes) != len(b.nodes) {
			return fmt.Errorf("the root knows %d nodes", len(root.Nodes))
		}
		for _, n := range root.Nodes {
			if n.Confirmed != root.Version || n.Digest != "match" || n.State != "alive" {
				return fmt.Errorf("the root at %s says of %s: %s, at %s, digest %s", root.Version, n.Node, n.State, n.Confirmed, n.Digest)
			}
		}
		for k := 1; k <= len(b.nodes); k++ {
			doc, err := b.client(k).Synchronization(b.t.Context())
			switch {
			case err != nil:
				return err
			case doc.Pending != 0:
				return fmt.Errorf("NODE-%d has %d writes pending", k, doc.Pending)
			case doc.Version != root.Version || doc.Digest != root.Digest:
				return fmt.Errorf("NODE-%d is at %s, the root at %s; digests %s, %s", k, doc.Version, root.Version, doc.Digest, root.Digest)
			}
		}
		return nil
	})
	return time.Since(began)
}

// awaitHome waits until every node asks its own parent again, not who stood in for it.
func (b *brokenTree) awaitHome() {
	b.t.Helper()
	for k := 2; k <= len(b.nodes); k++ {
		home := fmt.Sprintf("NODE-%d", k/2)
		await(b.t, fmt.Sprintf("NODE-%d is back under %s", k, home), func() error {
			status, err := b.client(k).Status(b.t.Context())
			if err == nil && status.Parent != home {
				err = fmt.Errorf("it is under %s", status.Parent)
			}
			return err
		})
	}
}
