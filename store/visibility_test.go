package store

import (
	"strconv"
	"sync"
	"testing"

	"xylem/sync/version"
)

// pushes makes n deltas; the one with number i sets every key to i, and deletes
// every key called "gone" that it does not set.
func pushes(n, keys int) []*Cut {
	root := newRoot()
	var cuts []*Cut
	for i := 1; i <= n; i++ {
		from := root.Applied()
		var pairs []string
		for k := range keys {
			pairs = append(pairs, keyOf(k), strconv.Itoa(i))
		}
		gone := ""
		if i%2 == 0 {
			gone = strconv.Itoa(i)
		}
		root.write(append(pairs, "gone", gone)...)
		cuts = append(cuts, root.Cut(from))
	}
	return cuts
}

// watcher is one reader and the latest push of which it has seen an entry.
type watcher struct {
	store *Store
	seen  int
	asOf  version.Version
}

// saw fails when what was seen is from before an earlier sight.
func (w *watcher) saw(t *testing.T, key, value string, asOf version.Version) {
	n, err := strconv.Atoi(value)
	if err != nil || n < w.seen || asOf.Before(w.asOf) {
		t.Errorf("%s=%q as of %v was read after push %d as of %v", key, value, asOf, w.seen, w.asOf)
	}
	w.seen, w.asOf = max(w.seen, n), asOf
}

func (w *watcher) look(t *testing.T, key string) {
	if a := w.store.Get(key); a.Entry != nil {
		w.saw(t, key, a.Entry.Value, a.AsOf)
	}
}

// list looks at a whole page, which shows one push only.
func (w *watcher) list(t *testing.T) {
	page := w.store.List("", "", MaxPage)
	for _, e := range page.Entries {
		w.saw(t, e.Key, e.Value, page.AsOf)
		if e.Value != page.Entries[0].Value {
			t.Errorf("one page shows %v", texts(page.Entries))
			return
		}
	}
}

// Whoever has seen one entry of a push never again sees the state from before.
func TestAPushBecomesVisibleAsAWhole(t *testing.T) {
	const keys, rounds = 40, 300
	cuts := pushes(rounds, keys)
	s := New()
	var readers sync.WaitGroup
	for r := range 3 {
		readers.Go(func() {
			w := &watcher{store: s}
			for i := 0; s.Applied() != cuts[rounds-1].To && !t.Failed(); i++ {
				w.look(t, keyOf(i*7%keys))
				w.look(t, "gone")
				if r == 0 && i%16 == 0 {
					w.list(t)
				}
			}
		})
	}
	for _, cut := range cuts {
		if _, err := push(s, cut); err != nil {
			t.Error(err)
		}
	}
	readers.Wait()
}

// A write that passed through is seen at once, and stays seen while pushes from
// before and after it come in.
func TestAnOwnWriteStaysVisibleThroughPushes(t *testing.T) {
	const rounds = 500
	root, s := newRoot(), New()
	var readers sync.WaitGroup
	stop := make(chan struct{})
	readers.Go(func() {
		w := &watcher{store: s}
		for {
			select {
			case <-stop:
				return
			default:
				w.look(t, "own")
			}
		}
	})
	own := &watcher{store: s}
	var pending []*Cut
	for i := 1; i <= rounds; i++ {
		from := root.Applied()
		s.Learn(root.write("own", strconv.Itoa(i), keyOf(i%10), "1")[0])
		if own.look(t, "own"); own.seen != i {
			t.Fatalf("after write %d, %d is read", i, own.seen)
		}
		if pending = append(pending, root.Cut(from)); len(pending) > 3 {
			mustPush(t, s, pending[0])
			pending = pending[1:]
		}
	}
	close(stop)
	readers.Wait()
}

// At the root every write is visible by itself, in order.
func TestCommittedWritesAppearInOrder(t *testing.T) {
	const rounds, keys = 300, 20
	root := newRoot()
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			// Keys are written from first to last: one read later in that
			// order, earlier in time, is never ahead.
			for {
				behind := number(root.Get(keyOf(keys - 1)))
				if ahead := number(root.Get(keyOf(0))); ahead < behind {
					t.Errorf("the first key is at %d after the last was at %d", ahead, behind)
					return
				}
				if behind == rounds {
					return
				}
			}
		})
	}
	for i := 1; i <= rounds; i++ {
		var entries []*Entry
		for k := range keys {
			entries = append(entries, root.order(keyOf(k), strconv.Itoa(i)))
		}
		root.Commit(entries, root.clock.Last())
	}
	readers.Wait()
}

func number(a Answer) int {
	if a.Entry == nil {
		return 0
	}
	n, _ := strconv.Atoi(a.Entry.Value)
	return n
}
