//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

// cpuTime is known on Linux only.
func (p *process) cpuTime() (time.Duration, error) {
	return 0, errors.New("the CPU time of another process is read on Linux only")
}

func dieWithParent() *syscall.SysProcAttr { return nil }

func loadAverage() string { return "unknown" }
