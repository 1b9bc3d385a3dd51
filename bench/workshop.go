package main

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

// workshop is what the measurements share: the binary under test, a directory
// that is removed at the end, and the processes that were started. One goroutine
// uses it.
type workshop struct {
	settings
	module  string // the repository
	dir     string
	binary  string // xylem
	running []*process
	started int // processes so far, for the names of their files
}

// openWorkshop builds xylem as `make build` does, but to a place of its own, so
// that a build beside it does not change what is measured.
func openWorkshop(ctx context.Context, set settings) (*workshop, error) {
	module, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, fmt.Errorf("bench runs inside the repository, for it builds what it measures: %w", err)
	}
	dir, err := os.MkdirTemp("", "xylem-bench-")
	if err != nil {
		return nil, err
	}
	shop := &workshop{settings: set, module: strings.TrimSpace(module), dir: dir, binary: filepath.Join(dir, "xylem")}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", shop.binary, "./cli")
	build.Dir = shop.module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		shop.close()
		return nil, fmt.Errorf("building xylem: %w", err)
	}
	return shop, nil
}

// close stops what still runs and removes what was written.
func (shop *workshop) close() {
	shop.stopAll()
	if err := os.RemoveAll(shop.dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// stopAll stops the processes, the last started first.
func (shop *workshop) stopAll() {
	for _, p := range slices.Backward(shop.running) {
		p.stop()
	}
	shop.running = nil
}

// output runs a command to its end and returns what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, exit.Stderr)
	}
	return string(out), err
}
