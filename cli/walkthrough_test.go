package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"xylem/client"
	"xylem/eventually"
)

// patience is how long a test waits for what is to happen.
const patience = 30 * time.Second

// forest is a real tree that `xylem up` runs in this process, and its port base.
type forest struct {
	*upRun
	t    *testing.T
	base string
	root *client.Client
}

// up runs `xylem up` with real nodes and returns when the root takes writes. It is
// stopped as by Ctrl-C when the test ends.
func up(t *testing.T, args ...string) *forest {
	t.Helper()
	base := freePorts(t, 7)
	f := &forest{
		t: t, base: fmt.Sprint(base), upRun: &upRun{out: newBuffer(), stderr: newBuffer(), status: make(chan int, 1)},
		root: client.New(fmt.Sprintf("http://127.0.0.1:%d", base+1)),
	}
	a := newApp(strings.NewReader(""), f.out, f.stderr, nil)
	signals := make(chan chan<- os.Signal, 1)
	a.notify = func(c chan<- os.Signal) { signals <- c }
	go func() {
		f.status <- a.run(append([]string{"up", "--startup-delay", "0s", "--host-port-base", f.base}, args...))
	}()
	f.signals = <-signals
	t.Cleanup(func() {
		f.signals <- syscall.SIGTERM
		if status := <-f.status; status != exitOK {
			t.Errorf("`xylem up` ended with %d:\n%s", status, f.stderr.text())
		}
		f.root.Close()
	})
	await(t, "the root is ready", func() error { return f.root.Ready(t.Context()) })
	f.out.await("try:")
	return f
}

// await returns once condition has no objection any more.
func await(t *testing.T, what string, condition func() error) {
	t.Helper()
	eventually.Await(t, patience, 10*time.Millisecond, what, condition)
}

// freePorts finds count ports in a row that are free, and returns the number
// before the first.
func freePorts(t *testing.T, count int) int {
	t.Helper()
	for try := range 200 {
		base := 30_500 + (os.Getpid()*7+try*count)%2_000
		free := 0
		for port := base + 1; port <= base+count; port++ {
			if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
				_ = listener.Close()
				free++
			}
		}
		if free == count {
			return base
		}
	}
	t.Fatalf("no %d free ports in a row", count)
	return 0
}

// xylem runs a command against the forest, wants it to succeed, and returns what
// it printed.
func (f *forest) xylem(args ...string) string {
	f.t.Helper()
	o := xylem(f.t, nil, append(args, "--host-port-base", f.base)...)
	if o.status != exitOK || o.stderr != "" {
		f.t.Fatalf("xylem %s: status %d: %s", strings.Join(args, " "), o.status, o.stderr)
	}
	return o.out
}

// says wants nodes to answer a value.
func (f *forest) says(value string, nodes ...string) {
	f.t.Helper()
	for _, node := range nodes {
		got := f.xylem("get", node, "greeting")
		if !strings.HasPrefix(got, fmt.Sprintf(`200 {"key":"greeting","value":%q,"version":`, value)) {
			f.t.Errorf("%s says %q, want %s", node, got, value)
		}
	}
}

// nextRun is when the schedule pushes next.
func (f *forest) nextRun() time.Time {
	f.t.Helper()
	said, err := f.root.Synchronization(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	next, err := time.Parse(time.RFC3339, said.NextRun)
	if err != nil {
		f.t.Fatal(err)
	}
	return next
}

// awaitEqual waits until `xylem status` says that all seven are equal.
func (f *forest) awaitEqual() {
	f.t.Helper()
	await(f.t, "all are equal", func() error {
		text := f.xylem("status", "--output", "json")
		var said struct{ Equal bool }
		if err := json.Unmarshal([]byte(text), &said); err != nil || !said.Equal {
			return fmt.Errorf("status says %s", text)
		}
		return nil
	})
}

var everyNode = []string{"NODE-1", "NODE-2", "NODE-3", "NODE-4", "NODE-5", "NODE-6", "NODE-7"}

// The first screen of the README.
func TestTheWalkThrough(t *testing.T) {
	f := up(t, "--eager=false", "--schedule", "@every 5s")
	f.awaitEqual()
	for round := 1; ; round++ {
		hello, mars := fmt.Sprint("hello-world-", round), fmt.Sprint("hello-mars-", round)
		next := f.nextRun()
		f.xylem("put", "NODE-6", "greeting", hello)
		f.xylem("PUT", "node-7", "greeting", mars)
		f.says(mars, "NODE-1", "NODE-3", "7")
		behind := f.xylem("get", "NODE-6", "greeting")
		if f.nextRun().Equal(next) { // else the schedule came in between
			if !strings.Contains(behind, hello) {
				t.Errorf("NODE-6 says %q before the schedule, want %s", behind, hello)
			}
			f.awaitEqual()
			if late := time.Since(next); late > 5*time.Second {
				t.Errorf("all were equal %v after the schedule", late)
			}
			f.says(mars, everyNode...)
			break
		}
		if round == 10 {
			t.Fatal("never got through within one schedule")
		}
	}
	if table := f.xylem("status"); strings.Count(table, "NODE-") < 7 || !strings.Contains(table, "equal") {
		t.Errorf("xylem status:\n%s", table)
	}
	if table := f.xylem("nodes"); strings.Count(table, "alive") != 7 {
		t.Errorf("xylem nodes:\n%s", table)
	}
}

func TestTheWalkThroughEagerly(t *testing.T) {
	f := up(t, "--schedule", "@every 1h")
	f.xylem("put", "NODE-6", "greeting", "hello-world")
	f.xylem("put", "NODE-7", "greeting", "hello-mars")
	f.awaitEqual()
	f.says("hello-mars", everyNode...)
	f.xylem("delete", "NODE-2", "greeting")
	f.awaitEqual()
	for _, node := range everyNode {
		if o := xylem(t, nil, "get", node, "greeting", "--host-port-base", f.base); o.status != exitFailed {
			t.Errorf("%s says %d %s%s after the delete", node, o.status, o.out, o.stderr)
		}
	}
}
