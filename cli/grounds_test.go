package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"xylem/coordinator"
	"xylem/node"
)

// buffer is a bytes.Buffer that several goroutines may use, and that tells when a text has come.
type buffer struct {
	mu      sync.Mutex
	changed *sync.Cond
	bytes.Buffer
}

func newBuffer() *buffer {
	b := &buffer{}
	b.changed = sync.NewCond(&b.mu)
	return b
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed.Broadcast()
	return b.Buffer.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// await returns when text has been written.
func (b *buffer) await(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !strings.Contains(b.String(), text) {
		b.changed.Wait()
	}
}

// grounds is where nodes that only say where they are run.
type grounds struct {
	mu      sync.Mutex
	options []node.Options // of those that ran, in that order
	stopped []int
	fail    int           // the k of a node that fails once it was asked whether it is ready
	hang    chan struct{} // when not nil, nodes end only when it is closed
}

// plant is a node of these grounds; its position is its place in the order of running.
type plant struct {
	*grounds
	opts   node.Options
	joined chan coordinator.View
}

func (g *grounds) newNode(opts node.Options) (runner, error) {
	return &plant{grounds: g, opts: opts, joined: make(chan coordinator.View, 1)}, nil
}

func (p *plant) Joined() <-chan coordinator.View { return p.joined }

// join takes the next position.
func (p *plant) join() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.options = append(p.options, p.opts)
	view := coordinator.View{Position: len(p.options)}
	if view.Position > 1 {
		view.Parent = &coordinator.Member{ID: p.options[view.Position/2-1].ID}
	}
	p.joined <- view
}

func (p *plant) Run(ctx context.Context) error {
	p.join()
	asked := make(chan struct{}, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"status":"ready"}`)
		select {
		case asked <- struct{}{}:
		default:
		}
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(p.opts.Listener) })
	defer serving.Wait()
	defer server.Close()
	if p.fail == p.opts.ID {
		<-asked
		return errors.New("the disk is full")
	}
	<-ctx.Done()
	if p.hang != nil {
		<-p.hang
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = append(p.stopped, p.opts.ID)
	return nil
}

// upRun is a run of `xylem up` or `xylem node` that is under way.
type upRun struct {
	out, stderr *buffer
	signals     chan<- os.Signal
	status      chan int
}

func startUp(t *testing.T, g *grounds, env []string, args ...string) *upRun {
	t.Helper()
	r := &upRun{out: newBuffer(), stderr: newBuffer(), status: make(chan int, 1)}
	a := newApp(strings.NewReader(""), r.out, r.stderr, env)
	ready := make(chan chan<- os.Signal, 1)
	a.newNode = g.newNode
	a.notify = func(c chan<- os.Signal) { ready <- c }
	go func() { r.status <- a.run(args) }()
	select {
	case r.signals = <-ready:
	case status := <-r.status:
		t.Fatalf("ended with %d before it started: %s", status, r.stderr.text())
	}
	return r
}

// freeBase finds three ports in a row that are free, below those that the system hands out, and returns the number
// before the first.
func freeBase(t *testing.T) int {
	t.Helper()
	for try := range 1000 {
		base := 20_000 + (os.Getpid()*16+try*4)%10_000
		free := 0
		for port := base + 1; port <= base+3; port++ {
			if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
				listener.Close()
				free++
			}
		}
		if free == 3 {
			return base
		}
	}
	t.Fatal("no three free ports in a row")
	return 0
}

func upArgs(base int, more ...string) []string {
	return append([]string{"up", "--depth", "2", "--startup-delay", "0s", "--host-port-base", fmt.Sprint(base)}, more...)
}
