package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/client"
	"xylem/configs"
	"xylem/eventually"
)

// deepLevels is the depth of the trees of these tests: 63 nodes, which the race detector bears.
const deepLevels = 6

// deepPatience is how long they may take to start. That takes seconds; but they are many, and a busy machine is slow.
const deepPatience = 4 * patience

// deep is `xylem up` with a deep tree, as a process of its own, so that it can be killed.
type deep struct {
	t           *testing.T
	base        int
	args        []string
	process     *exec.Cmd
	out, stderr *buffer
}

// startDeep starts it and returns when all its nodes are ready.
func startDeep(t *testing.T, args ...string) *deep {
	d := &deep{t: t, base: freePorts(t, 1<<deepLevels-1)}
	d.args = append([]string{
		"up", "--depth", fmt.Sprint(deepLevels), "--startup-delay", "0s", "--host-port-base", fmt.Sprint(d.base), "--data-dir", t.TempDir(),
	}, args...)
	t.Cleanup(func() {
		d.kill()
		if t.Failed() || strings.Contains(d.stderr.text(), "DATA RACE") {
			t.Errorf("the nodes say:\n%.20000s", d.stderr.text())
		}
	})
	d.start()
	return d
}

func (d *deep) start() {
	d.t.Helper()
	d.out, d.stderr = newBuffer(), newBuffer()
	d.process = exec.Command(os.Args[0], d.args...)
	// The race detector makes a busy machine slow: nobody is to be taken for dead for that. A kill is survived without
	// flushing.
	d.process.Env = append(os.Environ(), asProgram, "XYLEM_LIVENESS_TIMEOUT=5s", "XYLEM_WRITES_TIMEOUT=20s", "XYLEM_DATA_FSYNC=never")
	d.process.Stdout, d.process.Stderr = struct{ io.Writer }{d.out}, struct{ io.Writer }{d.stderr} // their Write alone is safe
	if err := d.process.Start(); err != nil {
		d.t.Fatal(err)
	}
	eventually.Await(d.t, deepPatience, 100*time.Millisecond, "all nodes are ready", func() error {
		if out := d.out.text(); !strings.Contains(out, "try:") {
			return fmt.Errorf("so far: %s%s", out, d.stderr.text())
		}
		return nil
	})
}

// kill ends it as kill -9 does.
func (d *deep) kill() {
	_ = d.process.Process.Kill()
	_ = d.process.Wait()
}

func (d *deep) at(k int) *client.Client {
	c := client.New(fmt.Sprintf("http://127.0.0.1:%d", d.base+k), client.WithTimeout(patience))
	d.t.Cleanup(c.Close)
	return c
}

// wantEverywhere wants every node to have these keys, each with its own name for a value.
func (d *deep) wantEverywhere(keys []string) {
	d.t.Helper()
	for k := 1; k < 1<<deepLevels; k++ {
		node := d.at(k)
		for _, key := range keys {
			await(d.t, fmt.Sprintf("NODE-%d has %s", k, key), func() error {
				answer, err := node.Get(d.t.Context(), key)
				if err == nil && string(answer.Value) != fmt.Sprintf("%q", key) {
					err = errors.New(string(answer.Value))
				}
				return err
			})
		}
	}
}

// write writes a key at each of some nodes. All must be acknowledged: ordered, or on a busy machine queued.
func (d *deep) write(prefix string, nodes ...int) (keys []string) {
	d.t.Helper()
	for _, k := range nodes {
		key := fmt.Sprintf("%s-%d", prefix, k)
		value, _ := json.Marshal(key)
		if answer, err := d.at(k).Put(d.t.Context(), key, value); err != nil || answer.Status != 200 && answer.Status != 202 {
			d.t.Fatalf("PUT %s at NODE-%d: %+v, %v", key, k, answer, err)
		}
		keys = append(keys, key)
	}
	return keys
}

func TestADeepTreeInOneProcess(t *testing.T) {
	for _, fanout := range []string{configs.FanoutDirect, configs.FanoutTree} {
		t.Run(fanout, func(t *testing.T) {
			d := startDeep(t, "--fanout", fanout)
			if want := fmt.Sprintf("and 48 more below: NODE-k is at port %d+k", d.base); !strings.Contains(d.out.text(), want) {
				t.Errorf("the picture is\n%s", d.out.text())
			}
			await(t, "all are alive", func() error {
				nodes, _, err := d.at(1).Nodes(t.Context())
				if err == nil && (len(nodes) != 63 || slices.ContainsFunc(nodes, func(n client.Node) bool { return n.State != "alive" })) {
					err = fmt.Errorf("%d nodes: %+v", len(nodes), nodes)
				}
				return err
			})
			places, err := d.at(1).Structure(t.Context())
			for i, name := range places {
				if name != fmt.Sprintf("NODE-%d", i+1) {
					t.Errorf("position %d is %s's", i+1, name)
				}
			}
			if err != nil {
				t.Error(err)
			}
			keys := d.write("before", 1, 6, 32, 47, 63)
			d.wantEverywhere(keys)

			keys = append(keys, d.write("just-before", 1, 63)...)
			d.kill()
			d.start()
			d.wantEverywhere(append(keys, d.write("after", 1, 2, 40)...))
		})
	}
}

func TestPausesOfADeepTree(t *testing.T) {
	cfg := configs.Default()
	for _, c := range []struct {
		depth int
		delay time.Duration
		asked bool
		want  time.Duration
	}{
		{3, time.Second, false, time.Second},
		{10, time.Second, false, 10 * time.Second / 1023},
		{10, time.Second, true, time.Second},
		{10, 0, false, 0},
		{10, 2 * time.Second, false, 2 * time.Second},
	} {
		cfg.Tree.Depth, cfg.Tree.StartupDelay = c.depth, c.delay
		if got := pause(cfg, c.asked); got != c.want {
			t.Errorf("depth %d, startup_delay %v (asked for: %v): pauses of %v, want %v", c.depth, c.delay, c.asked, got, c.want)
		}
	}
}

func TestUpNeedsFiles(t *testing.T) {
	if err := filesWithin(7, 256); err != nil {
		t.Errorf("seven nodes: %v", err)
	}
	err := filesWithin(1023, 4096)
	if err == nil || !strings.Contains(err.Error(), "1023 nodes") || !strings.Contains(err.Error(), "ulimit -n 9271") {
		t.Errorf("1,023 nodes with 4,096 files: %v", err)
	}
}
