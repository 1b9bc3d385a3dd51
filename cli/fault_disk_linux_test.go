package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ownDisk in the environment, as DIRECTORY=BYTES, makes the process mount a disk of
// that size there, for itself alone.
const ownDisk = "TEST_OWN_DISK"

func init() {
	dir, bytes, found := strings.Cut(os.Getenv(ownDisk), "=")
	if !found {
		return
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+bytes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mount a disk:", err)
		os.Exit(1)
	}
}

// smallDisk has a process started with a disk of its own at dir, which nobody else
// sees.
func smallDisk(dir string, bytes int) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s=%d", ownDisk, dir, bytes))
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}
}

// skipWithoutNamespaces skips the test where a user may not mount for himself.
func skipWithoutNamespaces(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "version")
	cmd.Env = append(os.Environ(), asProgram)
	smallDisk(t.TempDir(), 1<<20)(cmd)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("this machine does not let its users mount disks of their own: %v\n%s", err, said)
	}
}

// fill takes all room that is left on a disk, with a file that it returns.
func fill(t *testing.T, dir string) (file string) {
	t.Helper()
	file = filepath.Join(dir, "filling")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 16, 1 << 12, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fill the disk: %v", err)
		}
	}
	return file
}

// TestRootsDiskIsFull fills the root's disk while all write: what would need room there
// is refused, what was queued elsewhere waits, reads go on; and nothing acknowledged is
// lost when there is room again.
func TestRootsDiskIsFull(t *testing.T) {
	skipWithoutNamespaces(t)
	tree := newBrokenTree(t, 2, faultSettings()...)
	dir := filepath.Join(tree.dir, "NODE-1")
	tree.node(1).alter = smallDisk(dir, 16<<20)
	tree.plant()
	l := startLoad(tree, seeded())
	defer l.finish()
	for range 2 {
		l.awaitMore("writes ordered", 300)
		l.full.Store(true)
		file := fill(t, fmt.Sprintf("/proc/%d/root%s", tree.node(1).cmd.Process.Pid, dir))
		l.awaitMore("writes refused", 100)
		l.awaitMore("writes asked to wait pending", 20)
		l.awaitMore("reads back", 100)
		for k := range tree.nodes {
			tree.awaitReady(k + 1)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		l.awaitMore("writes ordered", 100)
		l.full.Store(false)
	}
	l.wantNothingLost()
}
