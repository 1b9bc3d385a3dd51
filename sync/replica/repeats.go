package replica

import (
	"time"

	"xylem/sync/version"
)

// repeats is what a root remembers of the writes with kept stamps that it decided
// about in this run, so that another copy of one, still on its way, is known. Only
// for a while: an older copy is judged by its stamp, which that write's successors
// have passed.
type repeats struct {
	newer, older map[version.WriteID]struct{}
	since        time.Duration // when newer began
}

// maxRepeats bounds each half of what is remembered.
const maxRepeats = 1 << 18

func (s *repeats) has(id version.WriteID) bool {
	if len(s.newer) == 0 && len(s.older) == 0 || id.IsZero() {
		return false
	}
	_, newer := s.newer[id]
	_, older := s.older[id]
	return newer || older
}

// add remembers a write for at least the given time, unless there are too many.
func (s *repeats) add(id version.WriteID, now, atLeast time.Duration) {
	if s.newer == nil || now-s.since > atLeast || len(s.newer) >= maxRepeats {
		s.newer, s.older, s.since = make(map[version.WriteID]struct{}), s.newer, now
	}
	s.newer[id] = struct{}{}
}

func (s *repeats) remove(ids []version.WriteID) {
	for _, id := range ids {
		delete(s.newer, id)
		delete(s.older, id)
	}
}
