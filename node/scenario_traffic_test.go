package node

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"xylem/client"
	"xylem/sync/wire"
)

// unhurried keeps nodes that share two processors with a thousand clients from
// taking each other for dead.
func unhurried() option { return liveness(2 * time.Second) }

// atOnce runs do so many times at the same time, after all are about to begin.
func atOnce(count int, do func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range count {
		all.Go(func() { <-begin; do(i) })
	}
	close(begin)
	all.Wait()
}

// miss asks a node so many times at once for a key that nobody has.
func (tr *tree) miss(k, times int, key string) {
	tr.t.Helper()
	atOnce(times, func(int) {
		if answer, err := tr.client(k).Get(tr.t.Context(), key); !errors.Is(err, client.ErrNotFound) {
			tr.t.Errorf("answered %+v, %v", answer, err)
		}
	})
}

// wantLookups wants so many requests upward about misses from NODE-7 and NODE-3,
// its parent.
func (tr *tree) wantLookups(leaf, middle uint64) {
	tr.t.Helper()
	if got := tr.status(7).Uplink.Lookups; got != leaf {
		tr.t.Errorf("NODE-7 asked its parent %d times, want %d", got, leaf)
	}
	if got := tr.status(3).Uplink.Lookups; got != middle {
		tr.t.Errorf("NODE-3 asked the root %d times, want %d", got, middle)
	}
}

func TestAThousandMissesCostOneRequestUpward(t *testing.T) {
	tr := startTree(t, 3, onlyTicks(), unhurried())
	tr.put(1, "greeting", "hello-world")
	tr.tick()
	tr.awaitEqual()

	tr.miss(7, 1000, "nowhere")
	tr.wantLookups(1, 1)
	tr.miss(7, 100, "nowhere") // it remembers
	tr.miss(6, 100, "nowhere") // and so does its sibling's parent
	tr.wantLookups(1, 1)

	tr.tick() // a heartbeat: what was learnt beyond the base is forgotten
	tr.await("the heartbeat is taken", func() error {
		if s := tr.status(7); s.Store.Overlay > 0 {
			return errors.New("NODE-7 still remembers")
		}
		if s := tr.status(3); s.Store.Overlay > 0 {
			return errors.New("NODE-3 still remembers")
		}
		return nil
	})
	tr.miss(7, 1000, "nowhere")
	tr.wantLookups(2, 2)
}

func TestWhoLooksBeforeTheAnswerAndAsksAfterItDoesNotAskAgain(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	tr.miss(7, 1, "nowhere")
	if _, err := tr.nodes[6].node.lookUp(wire.Question{Key: "nowhere"}); err != nil { // as a read whose look found nothing
		t.Error(err)
	}
	tr.wantLookups(1, 1)
}

func TestAKeyThatIsFoundAboveIsRemembered(t *testing.T) {
	tr := startTree(t, 3, onlyTicks(), unhurried())
	wrote := tr.put(4, "greeting", "hello-world")
	atOnce(1000, func(int) {
		answer, err := tr.client(7).Get(t.Context(), "greeting")
		if err != nil || string(answer.Value) != `"hello-world"` || answer.AsOf != wrote.Version {
			t.Errorf("answered %+v, %v", answer, err)
		}
	})
	tr.wantLookups(1, 1)
	tr.want("greeting", "hello-world", tr.all()...)
	tr.wantLookups(1, 1)
}

func TestAnAbsenceThatIsRememberedEndsWithAPush(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	tr.put(1, "other", "x")
	tr.miss(7, 10, "greeting")
	tr.put(4, "greeting", "hello-world")
	tr.want("greeting", "", 7)
	tr.tick()
	tr.awaitEqual()
	tr.want("greeting", "hello-world", tr.all()...)
}

func TestWritesCombineOnTheirWayUp(t *testing.T) {
	tr := startTree(t, 3)
	const clients, each = 64, 50
	before := tr.status(1).Journal.Syncs
	atOnce(clients, func(c int) {
		for i := range each {
			if _, err := tr.client(7).Put(t.Context(), fmt.Sprint("key-", c, "-", i), []byte(`1`)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	const writes = clients * each
	if syncs := tr.status(1).Journal.Syncs - before; syncs > writes/5 || syncs == 0 {
		t.Errorf("%d writes cost the root %d flushes", writes, syncs)
	} else {
		t.Logf("%.3f flushes per write", float64(syncs)/writes)
	}
	for _, k := range []int{7, 3} {
		up := tr.status(k).Uplink
		if up.Writes != writes || up.Requests > writes/5 || up.Requests == 0 {
			t.Errorf("NODE-%d sent %d writes in %d requests", k, up.Writes, up.Requests)
		}
		t.Logf("NODE-%d: %.3f requests per write", k, float64(up.Requests)/writes)
	}
}
