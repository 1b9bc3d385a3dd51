// Package eventually waits, in tests, for what is to happen: it looks again and again, and
// gives up in the end.
package eventually

import (
	"testing"
	"time"
)

// Await returns once condition has no objection any more. It looks at once, and then every
// so often; after patience it fails the test with what was waited for and the last
// objection. Only the test's own goroutine may call it.
func Await(t testing.TB, patience, every time.Duration, what string, condition func() error) {
	t.Helper()
	deadline, look := time.NewTimer(patience), time.NewTicker(every)
	defer deadline.Stop()
	defer look.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("waited %v for this: %s; but %v", patience, what, err)
		case <-look.C:
		}
	}
}
