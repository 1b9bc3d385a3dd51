//go:build !linux

package servers

import (
	"errors"
	"syscall"
	"time"
)

// CPUTime is known on Linux only.
func (p *Process) CPUTime() (time.Duration, error) {
	return 0, errors.New("the CPU time of another process is read on Linux only")
}

// Resident is known on Linux only.
func (p *Process) Resident() (int64, error) {
	return 0, errors.New("the memory of another process is read on Linux only")
}

func dieWithParent() *syscall.SysProcAttr { return nil }

// LoadAverage is known on Linux only.
func LoadAverage() string { return "unknown" }
