package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"xylem/client"
)

// asProgram in the environment makes the test binary be the program, so that a
// test can kill it.
const asProgram = "TEST_RUN_AS_XYLEM=yes"

func TestMain(m *testing.M) {
	name, value, _ := strings.Cut(asProgram, "=")
	if os.Getenv(name) == value {
		main()
	}
	os.Exit(m.Run())
}

// stand is a tree of two levels, each node a process of its own.
type stand struct {
	t       *testing.T
	base    int
	dir     string
	running map[int]*exec.Cmd
	stderr  *buffer // of all
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, base: freePorts(t, 3), dir: t.TempDir(), running: map[int]*exec.Cmd{}, stderr: newBuffer()}
	t.Cleanup(func() {
		for k := range s.running {
			s.kill(k)
		}
		if strings.Contains(s.stderr.text(), "DATA RACE") || t.Failed() {
			t.Errorf("the nodes say:\n%.20000s", s.stderr.text())
		}
	})
	for k := 1; k <= 3; k++ {
		s.start(k)
	}
	for k := 1; k <= 3; k++ {
		s.awaitReady(k)
	}
	return s
}

func (s *stand) url(k int) string { return fmt.Sprintf("http://127.0.0.1:%d", s.base+k) }

// nodeProcess is `xylem node --id k` with its data in dir, as a process of its own that
// is not started yet.
func nodeProcess(k int, dir string, env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"node", "--id", fmt.Sprint(k), "--data-dir", dir}, args...)...)
	cmd.Env = append(append(os.Environ(), asProgram, "XYLEM_AUTH_CLUSTER_SECRET=only for this test"), env...)
	cmd.Dir = dir
	return cmd
}

// start starts NODE-k with what its directory holds.
func (s *stand) start(k int) {
	s.t.Helper()
	cmd := nodeProcess(k, s.dir, []string{"XYLEM_LIVENESS_TIMEOUT=300ms"}, "--depth", "2",
		"--listen", strings.TrimPrefix(s.url(k), "http://"), "--advertise", s.url(k), "--root-url", s.url(1))
	cmd.Stderr = struct{ io.Writer }{s.stderr} // its Write alone is safe
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.running[k] = cmd
}

// kill ends a process as kill -9 does.
func (s *stand) kill(k int) {
	s.t.Helper()
	if err := s.running[k].Process.Kill(); err != nil {
		s.t.Errorf("NODE-%d had ended by itself: %v", k, err)
	}
	_ = s.running[k].Wait()
	delete(s.running, k)
}

func (s *stand) awaitReady(k int) {
	s.t.Helper()
	c := client.New(s.url(k))
	defer c.Close()
	await(s.t, fmt.Sprintf("NODE-%d is ready", k), func() error { return c.Ready(s.t.Context()) })
}

// awaitEqual waits until the root knows all three to be where it is.
func (s *stand) awaitEqual() *client.Synchronization {
	s.t.Helper()
	c := client.New(s.url(1))
	defer c.Close()
	var root *client.Synchronization
	await(s.t, "all are equal", func() (err error) {
		if root, err = c.Synchronization(s.t.Context()); err != nil {
			return err
		}
		for _, n := range root.Nodes {
			if n.Confirmed != root.Version || n.Digest != "match" {
				err = fmt.Errorf("%s: %s", n.Node, root.Body)
			}
		}
		return err
	})
	return root
}

// pen writes ever greater numbers to keys of its own, at one node.
type pen struct {
	name  string
	mu    sync.Mutex
	acked int            // writes that were acknowledged
	least map[string]int // by key: the last number that was acknowledged
	most  map[string]int // by key: the last number that was tried
}

func newPen(name string) *pen {
	return &pen{name: name, least: map[string]int{}, most: map[string]int{}}
}

// write goes on until ctx ends. A write that failed is not repeated.
func (p *pen) write(ctx context.Context, url string) {
	c := client.New(url)
	defer c.Close()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for i := 1; ctx.Err() == nil; i++ {
		key := fmt.Sprint(p.name, "-", i%20)
		p.mu.Lock()
		p.most[key] = i
		p.mu.Unlock()
		answer, err := c.Put(context.WithoutCancel(ctx), key, fmt.Append(nil, i))
		if err == nil && answer.Status == 200 {
			p.mu.Lock()
			p.least[key] = i
			p.acked++
			p.mu.Unlock()
			continue
		}
		<-pause.C
	}
}

// count is how many of a pen's writes were acknowledged.
func (p *pen) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked
}

// awaitMore waits until so many more writes of every pen were acknowledged.
func awaitMore(t *testing.T, pens []*pen, more int) {
	t.Helper()
	began := make([]int, len(pens))
	for i, p := range pens {
		began[i] = p.count()
	}
	for i, p := range pens {
		await(t, "writes of "+p.name+" are acknowledged", func() error {
			if fresh := p.count() - began[i]; fresh < more {
				return fmt.Errorf("%d are, of %d", fresh, more)
			}
			return nil
		})
	}
}

// want wants what a node says of a pen's keys to be what was acknowledged last, or
// what was tried after that.
func (p *pen) want(t *testing.T, url string) {
	t.Helper()
	c := client.New(url)
	defer c.Close()
	for key, most := range p.most {
		number := 0
		answer, err := c.Get(t.Context(), key)
		if err == nil {
			err = json.Unmarshal(answer.Value, &number)
		}
		if err != nil && (!errors.Is(err, client.ErrNotFound) || p.least[key] > 0) || number < p.least[key] || number > most {
			t.Errorf("%s at %s is %d, %v; acknowledged was %d, tried %d", key, url, number, err, p.least[key], most)
		}
	}
}

func TestWhatWasAcknowledgedSurvivesKill9(t *testing.T) {
	s := newStand(t)
	before := s.awaitEqual()
	ctx, stop := context.WithCancel(t.Context())
	var pens []*pen
	var writing sync.WaitGroup
	for k := 1; k <= 3; k++ {
		for i := range 4 {
			p := newPen(fmt.Sprintf("pen-%d-%d", k, i))
			pens = append(pens, p)
			writing.Go(func() { p.write(ctx, s.url(k)) })
		}
	}
	defer writing.Wait()
	defer stop()

	kills := [][]int{{1}, {3}, {1}, {2, 1}, {1, 2, 3}}
	for _, killed := range kills {
		awaitMore(t, pens, 30)
		for _, k := range killed {
			s.kill(k)
		}
		for _, k := range killed {
			s.start(k)
		}
	}
	awaitMore(t, pens, 30)
	stop()
	writing.Wait()

	root := s.awaitEqual()
	starts := 4 // of the root, after the first
	if root.TreeID != before.TreeID || len(root.History) != starts || !strings.HasPrefix(root.Version, fmt.Sprint(1+starts, ".")) {
		t.Errorf("the root was in tree %s, and after %d restarts is in %s at %s with history %v",
			before.TreeID, starts, root.TreeID, root.Version, root.History)
	}
	for k := 1; k <= 3; k++ {
		for _, p := range pens {
			p.want(t, s.url(k))
		}
	}
	if left, err := filepath.Glob(filepath.Join(s.dir, "NODE-*")); err != nil || len(left) != 3 {
		t.Errorf("the data is in %v, %v", left, err)
	}
}
