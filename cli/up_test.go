package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestUpStartsShowsAndStopsTheTree(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	g, base := &grounds{}, freeBase(t)
	r := startUp(t, g, []string{"XYLEM_TREE_ROOT=2"}, upArgs(base)...)
	r.out.await("try:")
	dir := filepath.Dir(g.options[0].DataDir)
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the temporary directory: %v", err)
	}
	r.signals <- syscall.SIGTERM
	if status := <-r.status; status != 0 || r.stderr.text() != "" {
		t.Errorf("status %d, stderr %s", status, r.stderr.text())
	}
	want := fmt.Sprintf("3 nodes in this process; data in %s, removed at the end\n"+
		"NODE-2    http://127.0.0.1:%d  root\n"+
		"  NODE-1  http://127.0.0.1:%d  left of NODE-2\n"+
		"  NODE-3  http://127.0.0.1:%d  right of NODE-2\n"+
		"try: xylem put --depth 2 --host-port-base %d NODE-3 hello world    (API: http://127.0.0.1:%d/docs; Ctrl-C stops the tree)\n"+
		"stopping\n", dir, base+2, base+1, base+3, base, base+2)
	if r.out.text() != want {
		t.Errorf("out\n%s\nwant\n%s", r.out.text(), want)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory is still there: %v", err)
	}
	if len(g.stopped) != 3 || g.stopped[2] != 2 {
		t.Errorf("stopped in the order %v, want the root, NODE-2, last", g.stopped)
	}
	first, last := g.options[0], g.options[2]
	if first.RootURL != fmt.Sprintf("http://127.0.0.1:%d", base+2) || last.RootURL != first.RootURL || last.Advertise == first.Advertise {
		t.Errorf("URLs: root %s, %s; advertised %s, %s", first.RootURL, last.RootURL, first.Advertise, last.Advertise)
	}
	if len(first.Secret) != 32 || !bytes.Equal(first.Secret, last.Secret) || bytes.Equal(first.Secret, make([]byte, 32)) {
		t.Error("not one random secret of 32 bytes for all")
	}
}

func TestUpKeepsAConfiguredDirectory(t *testing.T) {
	g, dir := &grounds{}, t.TempDir()
	env := []string{"XYLEM_AUTH_CLUSTER_SECRET=0123456789abcdef"}
	r := startUp(t, g, env, upArgs(freeBase(t), "--data-dir", dir)...)
	r.out.await("try:")
	r.signals <- os.Interrupt
	if status := <-r.status; status != 0 {
		t.Errorf("status %d: %s", status, r.stderr.text())
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the data is gone: %v", err)
	}
	opts := g.options[0]
	if opts.DataDir != filepath.Join(dir, "NODE-1") || string(opts.Secret) != "0123456789abcdef" {
		t.Errorf("data in %s, secret %s", opts.DataDir, opts.Secret)
	}
}

func TestUpHasAFixedRoot(t *testing.T) {
	env := []string{"XYLEM_COORDINATOR_KIND=zookeeper", "XYLEM_COORDINATOR_ZOOKEEPER_SERVERS=127.0.0.1:1"}
	xylem(t, env, upArgs(freeBase(t))...).wantError(t, 2, "fixed root", "zookeeper", "xylem node", "--set coordinator.kind=embedded")
	r := startUp(t, &grounds{}, env, upArgs(freeBase(t), "--set", "coordinator.kind=embedded")...)
	r.out.await("try:")
	r.signals <- os.Interrupt
	if status := <-r.status; status != 0 {
		t.Errorf("status %d: %s", status, r.stderr.text())
	}
}

func TestUpEndsWhenANodeFails(t *testing.T) {
	g := &grounds{fail: 3}
	r := startUp(t, g, nil, upArgs(freeBase(t), "--data-dir", t.TempDir())...)
	if status := <-r.status; status != 1 || r.stderr.text() != "xylem: NODE-3 stopped: the disk is full\n" {
		t.Errorf("status %d, stderr %s", status, r.stderr.text())
	}
	slices.Sort(g.stopped)
	if !slices.Equal(g.stopped, []int{1, 2}) {
		t.Errorf("stopped %v, want the other two", g.stopped)
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	g := &grounds{hang: make(chan struct{})}
	r := startUp(t, g, nil, upArgs(freeBase(t), "--data-dir", t.TempDir())...)
	r.out.await("try:")
	r.signals <- os.Interrupt
	r.out.await("stopping")
	r.signals <- os.Interrupt
	if status := <-r.status; status != exitInterrupted {
		t.Errorf("status %d, want %d", status, exitInterrupted)
	}
	close(g.hang)
}

func TestUpFindsATakenPortBeforeItStartsAnything(t *testing.T) {
	base := freeBase(t)
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+3))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	xylem(t, nil, upArgs(base)...).wantError(t, 1, fmt.Sprintf("port %d, for NODE-3, is taken", base+3),
		"api.host_port_base", "XYLEM_API_HOST_PORT_BASE", "--host-port-base")
}

func TestNodeRunsOne(t *testing.T) {
	g := &grounds{}
	env := []string{"XYLEM_AUTH_CLUSTER_SECRET=0123456789abcdef", "XYLEM_DATA_DIR=" + t.TempDir()}
	r := startUp(t, g, env, "node", "--id", "node-4", "--listen", fmt.Sprintf("127.0.0.1:%d", freeBase(t)+1), "--advertise", "http://here:{api.port}")
	r.signals <- syscall.SIGTERM
	if status := <-r.status; status != 0 || r.stderr.text() != "" {
		t.Errorf("status %d, stderr %s", status, r.stderr.text())
	}
	opts := g.options[0]
	if opts.ID != 4 || filepath.Base(opts.DataDir) != "NODE-4" || opts.Advertise != "http://here:5000" || opts.RootURL != "http://NODE-1:5000" {
		t.Errorf("%d, %s, %s, %s", opts.ID, opts.DataDir, opts.Advertise, opts.RootURL)
	}

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r = startUp(t, g, env, "node", "--id", "4", "--listen", taken.Addr().String())
	if status := <-r.status; status != 1 || !strings.Contains(r.stderr.text(), "node.listen") {
		t.Errorf("a taken port: status %d, stderr %s", status, r.stderr.text())
	}
}
