package servers

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime is what a process has used of the processors, in user and in system
// mode, with that of threads that have ended. The kernel keeps a clock for every
// process that counts nanoseconds (clock_getcpuclockid); /proc counts hundredths
// of a second.
func (p *Process) CPUTime() (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|scheduled), &t); err != nil {
		return 0, fmt.Errorf("the CPU time of %s: %w", p.Name, err)
	}
	return time.Duration(t.Nano()), nil
}

// Resident is how many bytes of a process are in memory.
func (p *Process) Resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kilobytes int64
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		return 0, fmt.Errorf("the memory of %s: %w", p.Name, err)
	}
	return kilobytes << 10, nil
}

func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// LoadAverage is how busy the machine was just before, for the reader of the figures.
func LoadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
