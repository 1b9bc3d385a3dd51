// Package zookeepertest runs real ZooKeeper servers for tests, as
// net/http/httptest runs HTTP servers: on free loopback ports, from temporary
// directories, ready when Start returns, gone when the test ends or its process
// dies. It needs Java and Debian's ZooKeeper, and fails without them, saying so;
// it never skips.
package zookeepertest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options says what ensemble to run.
type Options struct {
	// Servers is how many there are. Default: 1; of 3 one may fail.
	Servers int
	// TickTime is the server's unit of time, 2 to 20 of which a session time-out
	// may be. Default: 200ms, so sessions of 400ms to 4s.
	TickTime time.Duration
}

// Ensemble is the running servers, counted from 0. Its methods are for one
// goroutine at a time.
type Ensemble struct {
	folder  string
	servers []*server
}

// Start runs an ensemble until the test and its subtests end.
func Start(t testing.TB, o Options) *Ensemble {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// New runs an ensemble until Close: for who has no testing.TB, as TestMain.
func New(o Options) (*Ensemble, error) {
	if err := installed(); err != nil {
		return nil, err
	}
	o.Servers = max(o.Servers, 1)
	if o.TickTime <= 0 {
		o.TickTime = 200 * time.Millisecond
	}
	folder, err := os.MkdirTemp("", "zookeeper")
	if err != nil {
		return nil, err
	}
	e := &Ensemble{folder: folder}
	if err := e.begin(o); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// begin configures all servers, starts them and waits until they serve.
func (e *Ensemble) begin(o Options) error {
	const each = 3 // ports of a server: clients, followers, election
	ports, err := freePorts(o.Servers * each)
	if err != nil {
		return err
	}
	var peers strings.Builder
	for i := 0; o.Servers > 1 && i < o.Servers; i++ {
		fmt.Fprintf(&peers, "server.%d=127.0.0.1:%d:%d\n", i+1, ports[i*each+1], ports[i*each+2])
	}
	for i := range o.Servers {
		s := &server{folder: filepath.Join(e.folder, strconv.Itoa(i+1)), address: net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i*each]))}
		if err := s.configure(i+1, ports[i*each], o.TickTime, peers.String()); err != nil {
			return err
		}
		e.servers = append(e.servers, s)
	}
	for _, s := range e.servers {
		if err := s.start(); err != nil {
			return err
		}
	}
	for _, s := range e.servers {
		if err := s.ready(); err != nil {
			return err
		}
	}
	return nil
}

// freePorts finds n ports of loopback that nobody listens at. Somebody else may
// take one before a server does; then the server ends, and says so.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all at the end, so that no port is found twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Servers are the addresses for clients, host:port, in the order in which the
// servers are counted.
func (e *Ensemble) Servers() []string {
	var addresses []string
	for _, s := range e.servers {
		addresses = append(addresses, s.address)
	}
	return addresses
}

// Leader is the number of the server that leads the ensemble, 0 when there is
// only one, -1 when none says that it leads.
func (e *Ensemble) Leader() int {
	for i, s := range e.servers {
		if mode, err := s.mode(); err == nil && (mode == "leader" || mode == "standalone") {
			return i
		}
	}
	return -1
}

// Stop ends a server as an operator does (SIGTERM), and waits for its end.
func (e *Ensemble) Stop(i int) { e.servers[i].end(syscall.SIGTERM) }

// Kill ends a server at once (SIGKILL), and waits for its end.
func (e *Ensemble) Kill(i int) { e.servers[i].end(syscall.SIGKILL) }

// Restart starts a server that was ended, with the data that it had, and waits
// until it serves. Without a majority none does: then it is an error after a while.
func (e *Ensemble) Restart(i int) error {
	if err := e.servers[i].start(); err != nil {
		return err
	}
	return e.servers[i].ready()
}

// Wipe removes the data of a server that was ended, as if its disk were lost.
func (e *Ensemble) Wipe(i int) error { return e.servers[i].wipe() }

// Pause freezes a server (SIGSTOP), a moment later: its connections stay, and
// nothing answers.
func (e *Ensemble) Pause(i int) { e.servers[i].signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (e *Ensemble) Resume(i int) { e.servers[i].signal(syscall.SIGCONT) }

// Close ends all servers and removes what they wrote.
func (e *Ensemble) Close() {
	var ends sync.WaitGroup
	for _, s := range e.servers {
		ends.Go(func() { s.end(syscall.SIGKILL) })
	}
	ends.Wait()
	_ = os.RemoveAll(e.folder)
}
