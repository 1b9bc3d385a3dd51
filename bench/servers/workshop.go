// Package servers starts the nodes of Xylem and what they are compared with, as
// processes of their own, and ends them all.
package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Workshop is what the measurements share: the binary under test, a directory
// that is removed at the end, and the processes that were started. One goroutine
// uses it.
type Workshop struct {
	// Module is the folder of the repository.
	Module string
	// Dir is the directory that is removed at the end.
	Dir     string
	binary  string // xylem
	running []*Process
	started int // processes so far, for the names of their files
}

// Open builds xylem as `make build` does, but to a place of its own, so
// that a build beside it does not change what is measured.
func Open(ctx context.Context) (*Workshop, error) {
	module, err := Output(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, fmt.Errorf("bench runs inside the repository, for it builds what it measures: %w", err)
	}
	dir, err := os.MkdirTemp("", "xylem-bench-")
	if err != nil {
		return nil, err
	}
	shop := &Workshop{Module: strings.TrimSpace(module), Dir: dir, binary: filepath.Join(dir, "xylem")}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", shop.binary, "./cli")
	build.Dir = shop.Module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		shop.Close()
		return nil, fmt.Errorf("building xylem: %w", err)
	}
	return shop, nil
}

// Close stops what still runs and removes what was written.
func (shop *Workshop) Close() {
	shop.StopAll()
	if err := os.RemoveAll(shop.Dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// StopAll stops the processes, the last started first.
func (shop *Workshop) StopAll() {
	for _, p := range slices.Backward(shop.running) {
		p.Stop()
	}
	shop.running = nil
}

// Output runs a command to its end and returns what it printed.
func Output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, exit.Stderr)
	}
	return string(out), err
}
