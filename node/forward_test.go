package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"xylem/configs"
	"xylem/coordinator"
	"xylem/eventually"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// orphan is NODE-2 with two ancestors that the test plays: near and, above it, the
// root.
type orphan struct {
	node       *Node
	near       coordinator.Member
	nearWrite  atomic.Pointer[http.HandlerFunc] // what near makes of a batch
	rootWrites atomic.Int64                     // batches that came to the root
	joins      atomic.Int64                     // how often it announced itself there
}

func newOrphan(t *testing.T) *orphan {
	t.Helper()
	o := &orphan{}
	var root coordinator.Member
	near := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pathPing {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // a server that hangs hears then that the other is gone
		(*o.nearWrite.Load())(w, r)
	}))
	t.Cleanup(near.Close)
	above := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case pathJoin:
			o.joins.Add(1)
			view := coordinator.View{Revision: 1, Epoch: 1, Root: root, Position: 4, Parent: &o.near, Ancestors: []coordinator.Member{o.near, root}}
			_ = json.NewDecoder(r.Body).Decode(&view.Self)
			_ = json.NewEncoder(w).Encode(view)
		case pathWrite:
			o.rootWrites.Add(1)
			_, _ = w.Write(results(wire.Ordered))
		}
	}))
	t.Cleanup(above.Close)
	root = coordinator.Member{ID: 1, Address: above.URL, Instance: "root"}
	o.near = coordinator.Member{ID: 3, Address: near.URL, Instance: "near"}
	// No second announcement by itself while the test runs, and nobody here answers pings.
	tr := newTree(t, 2, liveness(time.Hour), writesTimeout(time.Second))
	tr.cfg.Sync.Fanout = configs.FanoutDirect // what is above takes no reports
	tr.nodes[0].address = strings.TrimPrefix(above.URL, "http://")
	tr.start(2)
	o.node = tr.nodes[1].node
	tr.await("NODE-2 has joined", func() error {
		if _, joined := o.node.parent(); !joined {
			return errors.New("it has not")
		}
		return nil
	})
	return o
}

// results are an ancestor's answer to a batch of one write.
func results(outcome wire.Outcome) []byte {
	result := wire.Result{Outcome: outcome}
	if outcome == wire.Ordered {
		result.Version = version.Version{Epoch: 1, Seq: 7}
	}
	return wire.AppendResults(nil, &wire.Results{Epoch: 1, Results: []wire.Result{result}})
}

func TestABatchGoesOnOnlyIfItCertainlyHadNoEffect(t *testing.T) {
	answer := func(status int, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}
	}
	o := newOrphan(t)
	for name, c := range map[string]struct {
		near    http.HandlerFunc
		goesOn  bool
		shunned bool
	}{
		"stopping":            {answer(http.StatusServiceUnavailable, nil), true, true},
		"refused":             {answer(http.StatusConflict, nil), true, false},
		"cut off":             {answer(http.StatusOK, results(wire.Unreachable)), true, true},
		"an error":            {answer(http.StatusInternalServerError, nil), false, true},
		"unknown":             {answer(http.StatusOK, results(wire.Unknown)), false, false},
		"ordered":             {answer(http.StatusOK, results(wire.Ordered)), false, false},
		"a broken answer":     {answer(http.StatusOK, []byte("nonsense")), false, true},
		"a broken connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, true},
		"no answer":           {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			o.nearWrite.Store(&c.near)
			before := o.rootWrites.Load()
			batch := wire.Batch{Epoch: 1, Writes: []wire.Write{write(1, "k", "1")}}
			end := o.node.forward(batch, 0)
			switch got := o.rootWrites.Load() - before; {
			case c.goesOn && (got != 1 || end.Failed != 0 || end.Results.Results[0].Outcome != wire.Ordered):
				t.Errorf("%d batches came to the root, it ended with %+v", got, end)
			case !c.goesOn && got != 0:
				t.Error("the batch was sent twice")
			case !c.goesOn && end.Failed != wire.Unknown && (end.Failed != 0 || len(end.Results.Results) != 1):
				t.Errorf("it ended with %+v", end)
			}
			if shunned := len(o.node.lineage.candidates()) == 1; shunned != c.shunned {
				t.Errorf("shunned: %v", shunned)
			}
			o.node.lineage.answers(o.near)
		})
	}
}

func TestOnlyAWriteLostWithAnAncestorLeavesAnotherWay(t *testing.T) {
	o := newOrphan(t)
	batch := wire.Batch{Epoch: 1, Writes: []wire.Write{write(1, "k", "1")}}
	broken := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	o.nearWrite.Store(&broken)
	if end := o.node.forward(batch, 0); end.Failed != wire.Unknown || !end.Another {
		t.Errorf("a broken connection: it ended with %+v", end)
	}
	o.node.lineage.answers(o.near)
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o.nearWrite.Store(&hang)
	if end := o.node.forward(batch, 0); end.Failed != wire.Unknown || end.Another { // it may be the root that hangs
		t.Errorf("no answer in time: it ended with %+v", end)
	}
}

// Where nodes do not report, the root hears of one that finds it again by its sign of life.
func TestWhoFindsAnAncestorAgainAnnouncesItself(t *testing.T) {
	o := newOrphan(t)
	before := o.joins.Load()
	o.node.lineage.silent(o.near, false, errDeaf)
	o.node.lineage.answers(o.near)
	eventually.Await(t, patience, time.Millisecond, "NODE-2 announces itself", func() error {
		if o.joins.Load() == before {
			return errors.New("it does not")
		}
		return nil
	})
}

func TestAnImpatientQuestionBlamesNobody(t *testing.T) {
	o := newOrphan(t)
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o.nearWrite.Store(&hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, _ = o.node.ask(ctx, pathLookup, func(time.Duration) []byte { return nil })
	if got := o.node.lineage.candidates(); len(got) != 2 {
		t.Errorf("the candidates are %v", got)
	}
}

// Half of the time is the next one's.
func TestEachAttemptSaysHowLongItHas(t *testing.T) {
	o := newOrphan(t)
	cutOff := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	o.nearWrite.Store(&cutOff)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
	defer cancel()
	var lefts []time.Duration
	_, m, err := o.node.ask(ctx, pathLookup, func(left time.Duration) []byte { lefts = append(lefts, left); return nil })
	if err != nil || m.ID != 1 || len(lefts) != 2 {
		t.Fatalf("%v answered, after attempts that had %v: %v", m, lefts, err)
	}
	for i, most := range []time.Duration{time.Hour, 2 * time.Hour} {
		if lefts[i] > most || lefts[i] < most-5*time.Minute {
			t.Errorf("attempt %d had %v, want %v", i, lefts[i], most)
		}
	}
	for left, want := range map[time.Duration]time.Duration{-time.Second: 0, time.Second: 800 * time.Millisecond, time.Hour: time.Minute} {
		if got := shareOf(left); got != want {
			t.Errorf("of %v whoever is asked gets %v, want %v", left, got, want)
		}
	}
}
