package node

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when goroutines of a node are left after all nodes have ended.
func TestMain(m *testing.M) {
	status := m.Run()
	if left := leftOver(); status == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines were left behind:\n%s\n", left)
		status = 1
	}
	os.Exit(status)
}

// leftOver waits until no goroutine runs code of this package, or returns the
// stacks of those that still do. Connections of clients may take a moment to end.
func leftOver() string {
	deadline, look := time.NewTimer(5*time.Second), time.NewTicker(10*time.Millisecond)
	defer deadline.Stop()
	defer look.Stop()
	for {
		var left []string
		buf := make([]byte, 4<<20)
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "xylem/") && !strings.Contains(stack, "TestMain") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return ""
		}
		select {
		case <-deadline.C:
			return strings.Join(left, "\n\n")
		case <-look.C:
		}
	}
}
