package node

import (
	"sync"

	"xylem/sync/version"
)

// news wakes the readers that wait for a fresher state of their node. The zero
// value is ready.
type news struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next change; nil while nobody waits
	last edition
}

// edition is what readers wait for changes of.
type edition struct {
	applied version.Version
	fresh   int64 // since when the state is known to be current
}

// wait returns a channel that the next change closes. Whoever takes it before it
// looks at the state misses no change.
func (w *news) wait() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = make(chan struct{})
	}
	return w.next
}

// tell wakes all that wait, if now is another edition than the last.
func (w *news) tell(now edition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now == w.last {
		return
	}
	w.last = now
	if w.next != nil {
		close(w.next)
		w.next = nil
	}
}
