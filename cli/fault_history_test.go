package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"xylem/sync/version"
)

// told is what a client knows of its write.
type told string

const (
	toldOrdered    told = "ordered"    // 200
	toldPending    told = "pending"    // 202
	toldSuperseded told = "superseded" // 200, but a later write had won
	toldRefused    told = "refused"    // certainly not ordered: 412, 503, 507, or never sent
	toldUnknown    told = "unknown"    // 504, or no answer
)

// acknowledged says that the write must not get lost.
func (t told) acknowledged() bool {
	return t == toldOrdered || t == toldPending || t == toldSuperseded
}

// attempt is one write that a client tried. No two of one key have the same value.
type attempt struct {
	key, value   string // a delete has no value
	node         int
	began, ended time.Duration
	told         told
	fate         told            // what became of a pending write: ordered or superseded, once known
	version      version.Version // of the write; of the winner when superseded
	epoch        uint64          // the highest that anybody had heard of by the end
	id           string          // of a pending write
	detail       string          // what came instead of an acknowledgement
}

func (a *attempt) String() string {
	return fmt.Sprintf("%s %s = %s at NODE-%d from %.3fs to %.3fs (%s %v %s%s)",
		a.key, a.told, a.value, a.node, a.began.Seconds(), a.ended.Seconds(), a.fate, a.version, a.id, a.detail)
}

// superseded says that a later write won.
func (a *attempt) superseded() bool { return a.told == toldSuperseded || a.fate == toldSuperseded }

// slack is how far apart two writes at different nodes must be for their order to be
// certain, where one of them waited in a queue or its end is not known: a forwarded
// write counts as fresh for writes.timeout.
const slack = time.Second

// certainlyBefore says that a must not win over later: it had ended when later began.
func (h *history) certainlyBefore(a, later *attempt) bool {
	margin := slack
	known := a.told != toldUnknown
	if known && (a.node == later.node || h.stands(a) && h.stands(later)) {
		margin = 0
	}
	return later.began > a.ended+margin
}

// history is the checker's memory: all that clients were told and saw.
type history struct {
	began time.Time

	mu         sync.Mutex
	attempts   map[string][]*attempt // by key
	contents   map[version.Version]content
	counts     map[string]int
	slowest    map[string]time.Duration
	violations []string
	ordered    []span // of all writes that were answered 200, by their end

	parts bool            // histories may part: the root is replaced
	end   *branch         // that in which all ended; nil until then, and where none part
	epoch uint64          // the highest that anybody has heard of
	doubt []retrogression // reads that are wrong unless histories parted
}

// content is what a version gave to a key.
type content struct{ key, value string }

func newHistory() *history {
	return &history{
		began: time.Now(), attempts: map[string][]*attempt{}, contents: map[version.Version]content{},
		counts: map[string]int{}, slowest: map[string]time.Duration{},
	}
}

func (h *history) now() time.Duration { return time.Since(h.began) }

// try notes that a write begins.
func (h *history) try(key, value string, node int) *attempt {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := &attempt{key: key, value: value, node: node, began: h.now(), told: toldUnknown}
	h.attempts[key] = append(h.attempts[key], a)
	return a
}

// violate notes what must not be.
func (h *history) violate(format string, args ...any) {
	text := fmt.Sprintf("at %.3fs: ", h.now().Seconds()) + fmt.Sprintf(format, args...)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.violations = append(h.violations, text)
}

// count counts something that the run shall have seen enough of; took is zero where
// it says nothing.
func (h *history) count(what string, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[what]++
	h.slowest[what] = max(h.slowest[what], took)
}

// saw notes that a version gave a value to a key: never another one to another.
func (h *history) saw(at version.Version, key, value string) {
	if at.IsZero() {
		return
	}
	h.mu.Lock()
	known, found := h.contents[at]
	h.contents[at] = content{key, value}
	h.epoch = max(h.epoch, at.Epoch)
	h.mu.Unlock()
	if found && known != (content{key, value}) {
		h.violate("version %v is %s = %s, and %s = %s", at, known.key, known.value, key, value)
	}
}

// final is a key at the end, at every node.
type final struct {
	value   string
	version version.Version
}

// check holds the state in which all nodes ended against all that was told.
func (h *history) check(end map[string]final) {
	for key, f := range end {
		h.saw(f.version, key, f.value)
	}
	keys := make([]string, 0, len(h.attempts))
	for key := range h.attempts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		f, found := end[key]
		h.checkKey(key, f, found)
	}
	for at, c := range h.contents {
		written := slices.ContainsFunc(h.attempts[c.key], func(a *attempt) bool { return a.value == c.value && a.told != toldRefused })
		if !written {
			h.violate("%s = %s at %v was never written, or refused", c.key, c.value, at)
		}
	}
	h.checkBranch(end)
}

// checkKey wants the last value of a key to be explained by an attempt that no
// acknowledged one must have won over.
func (h *history) checkKey(key string, f final, found bool) {
	attempts := h.attempts[key]
	winners := slices.DeleteFunc(slices.Clone(attempts), func(a *attempt) bool {
		return a.value != f.value || a.told == toldRefused || a.superseded()
	})
	var lost []string
	explained := !found && !slices.ContainsFunc(attempts, func(a *attempt) bool { return a.told.acknowledged() && a.value != "" })
	for _, w := range winners {
		i := slices.IndexFunc(attempts, func(a *attempt) bool {
			return a.told.acknowledged() && a != w && (h.certainlyBefore(w, a) && !a.superseded() || found && !h.abandoned(a.version) && f.version.Before(a.version))
		})
		if i < 0 {
			explained = true
			break
		}
		lost = append(lost, fmt.Sprintf("%v, which is later than %v", attempts[i], w))
	}
	if !explained {
		h.violate("%s ends as %q at %v (there: %v): lost is %v; all attempts %v", key, f.value, f.version, found, lost, last(attempts, 6))
	}
	for _, a := range attempts {
		if a.superseded() {
			h.checkWinner(a)
		}
	}
}

// checkWinner wants what superseded a write to be another write of the same key, and
// not one that was certainly before.
func (h *history) checkWinner(a *attempt) {
	c, known := h.contents[a.version]
	if !known {
		return
	}
	for _, w := range h.attempts[a.key] {
		if c.key == a.key && c.value == w.value && w != a && !h.certainlyBefore(w, a) {
			return
		}
	}
	h.violate("%v is superseded by %v, which is %s = %s", a, a.version, c.key, c.value)
}

// checkCounter wants increments that were made on condition to be atomic.
func (h *history) checkCounter(key string, end final) {
	var acknowledged, unknown int // what an abandoned increment came to is not known
	by := map[int]*attempt{}
	for _, a := range h.attempts[key] {
		switch n := numberOf(a.value); a.told {
		case toldOrdered:
			if h.abandoned(a.version) {
				unknown++
				continue
			}
			acknowledged++
			if other := by[n]; other != nil {
				h.violate("two increments made the same number: %v, %v", a, other)
			}
			by[n] = a
		case toldUnknown:
			unknown++
		case toldPending, toldSuperseded:
			h.violate("a conditional write was queued: %v", a)
		}
	}
	if n := numberOf(end.value); n < acknowledged || n > acknowledged+unknown {
		h.violate("%s ends at %d after %d increments and %d of unknown outcome", key, n, acknowledged, unknown)
	}
}

// numbered is the value of a counter: By makes it the only one of its kind.
type numbered struct {
	N  int    `json:"n"`
	By string `json:"by"`
}

func numberOf(value string) int {
	var v numbered
	if json.Unmarshal([]byte(value), &v) != nil {
		return 0
	}
	return v.N
}

func last[T any](all []T, most int) []T { return all[max(0, len(all)-most):] }
