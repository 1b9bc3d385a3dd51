package store

import (
	"slices"
	"strconv"
	"sync"
	"testing"

	"xylem/sync/version"
)

func entriesOf(c *Cut) (entries []*Entry) {
	for e := range c.Entries() {
		entries = append(entries, e)
	}
	return entries
}

func TestACutStaysWhatItIsWhileWritesGoOn(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "b", "1", "c", "1", "b", "")
	cut := root.Cut(version.Version{})
	before := texts(entriesOf(cut))
	if !slices.Equal(before, []string{"a=1", "c=1", "b="}) {
		t.Fatalf("the cut holds %v", before)
	}
	root.write("a", "2", "b", "2", "d", "1", "c", "")
	for i := range 5000 { // enough for the index to be written anew more than once
		root.write("a", strconv.Itoa(i))
	}
	root.expire()
	if got := texts(entriesOf(cut)); !slices.Equal(got, before) {
		t.Errorf("the cut became %v", got)
	}
	if root.base.Load().table.records > 2000 {
		t.Error("the index was never written anew")
	}
}

func TestACutFromAVersionHoldsWhatChangedSinceOnce(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "b", "1", "c", "1")
	from := root.Applied()
	root.write("a", "2", "d", "1", "a", "3", "b", "", "d", "")
	cut := root.Cut(from)
	if got := texts(entriesOf(cut)); !slices.Equal(got, []string{"a=3", "b=", "d="}) {
		t.Errorf("it holds %v", got)
	}
	if cut.From != from || cut.To != root.Applied() || cut.Live != 2 || cut.MaxEntries() < 3 {
		t.Errorf("from %v to %v, %d live, at most %d", cut.From, cut.To, cut.Live, cut.MaxEntries())
	}
	if got := entriesOf(root.Cut(root.Applied())); len(got) != 0 {
		t.Errorf("since now %v changed", texts(got))
	}
	for e := range cut.Entries() { // a reader may leave early
		if e.Key != "a" {
			t.Errorf("the first is %s", e.Key)
		}
		break
	}
}

func TestACutTakenBeforeAPurgeStillHasTheTombstones(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "b", "1")
	from := root.Applied()
	replica := New()
	mustPush(t, replica, root.Cut(version.Version{}))
	root.write("a", "", "c", "1")
	cut := root.Cut(from)
	root.expire()
	if root.Current("a") != nil || len(entriesOf(root.Cut(from))) != 1 {
		t.Fatal("the tombstone was not purged")
	}
	mustPush(t, replica, cut)
	if e := replica.Current("a"); e == nil || !e.Deleted() {
		t.Errorf("the delete did not reach the replica: %v", e)
	}
	root.write("a", "2") // a purged key can be written again
	mustPush(t, replica, root.Cut(cut.To))
}

// Cuts taken at any moment by another goroutine add up to their digest, while
// writes, compaction and purges go on.
func TestCutsAreConsistentWhileWritesGoOn(t *testing.T) {
	root := newRoot()
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for taken := 0; ; taken++ {
				select {
				case <-stop:
					return
				default:
				}
				checkCut(t, root.Cut(version.Version{}))
			}
		})
	}
	for i := range 3000 {
		root.write(keyOf(i%50), strconv.Itoa(i), keyOf(i*7%50), "")
		if i%100 == 0 {
			root.expire()
		}
	}
	close(stop)
	readers.Wait()
}

func checkCut(t *testing.T, cut *Cut) {
	model := map[string]*Entry{}
	live, last := 0, uint64(0)
	for e := range cut.Entries() {
		if model[e.Key] != nil || e.Version.Seq <= last || e.Version.Seq > cut.To.Seq {
			t.Errorf("%s at %v follows %d in a cut at %v", e.Key, e.Version, last, cut.To)
		}
		model[e.Key], last = e, e.Version.Seq
		if !e.Deleted() {
			live++
		}
	}
	if digestOf(model) != cut.Digest || live != cut.Live {
		t.Errorf("a cut at %v with %d live entries, not %d, has another digest", cut.To, live, cut.Live)
	}
}
