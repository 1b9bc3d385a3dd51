package servers

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"xylem/bench/load"
)

// ErrMissing is wrapped when a program is not installed: who needs it is skipped.
var ErrMissing = errors.New("not installed")

// find is where a program is, in the PATH or where Debian has servers.
func find(program string) (string, error) {
	for _, place := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, ErrMissing)
}

// Group is processes whose costs are told together.
type Group []*Process

// CPUTime is what all of them have used of the processors.
func (g Group) CPUTime() (time.Duration, error) {
	var sum time.Duration
	for _, p := range g {
		used, err := p.CPUTime()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// Target is the process as clients see it, with its own CPU time.
func (p *Process) Target(protocol *load.Protocol) load.Target {
	return load.Target{Address: p.Address, Protocol: protocol, CPU: p.CPUTime}
}
