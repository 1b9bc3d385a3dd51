package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"xylem/client"
	"xylem/coordinator"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// keysOf are the keys and versions of a page, in one line.
func keysOf(page *client.Page) string {
	var said []string
	for _, e := range page.Entries {
		said = append(said, e.Key+"@"+e.Version.String())
	}
	return strings.Join(said, " ")
}

// startEqual starts a tree of three levels without pushes but ticks, where all have
// what was written.
func startEqual(t *testing.T, options ...option) (tr *tree, wrote *client.Answer) {
	t.Helper()
	tr = startTree(t, 3, append(options, onlyTicks())...)
	wrote = tr.put(1, "greeting", "hello-world")
	tr.tick()
	tr.awaitEqual()
	return tr, wrote
}

// startBehind is that, and a later write that NODE-3 and those below it lack.
func startBehind(t *testing.T, options ...option) (tr *tree, wrote *client.Answer) {
	t.Helper()
	tr, _ = startEqual(t, options...)
	return tr, tr.put(4, "greeting", "hello-mars")
}

func TestAReadMayAskForAVersion(t *testing.T) {
	tr, wrote := startBehind(t)

	tr.want("greeting", "hello-world", 7) // as of what it holds
	before, err := tr.client(7).List(t.Context(), "", "", 0)
	if err != nil || len(before.Entries) != 1 || !before.AsOf.Before(wrote.Version) {
		t.Errorf("the list at NODE-7 is %+v, %v", before, err)
	}
	page, err := tr.client(7).List(t.Context(), "", "", 0, client.MinVersion(wrote.Version))
	if err != nil || keysOf(page) != "greeting@"+wrote.Version.String() || page.AsOf.Before(wrote.Version) {
		t.Errorf("NODE-7 lists %+v, %v; want it as of %v", page, err, wrote.Version)
	}
	tr.want("greeting", "hello-world", 7) // the page was the root's, and is not remembered
	answer, err := tr.client(7).Get(t.Context(), "greeting", client.MinVersion(wrote.Version))
	if err != nil || string(answer.Value) != `"hello-mars"` || answer.AsOf.Before(wrote.Version) {
		t.Errorf("NODE-7 answers %+v, %v; want it as of %v", answer, err, wrote.Version)
	}
	tr.want("greeting", "hello-mars", 7, 3) // what was learnt for that is remembered on the way
	if _, err := tr.client(7).Get(t.Context(), "nowhere", client.MinVersion(wrote.Version)); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a key that nobody has: %v", err)
	}
}

func TestAThousandDemandsCostOneRequestUpward(t *testing.T) {
	tr, wrote := startBehind(t, unhurried())
	atOnce(1000, func(int) {
		answer, err := tr.client(7).Get(t.Context(), "greeting", client.MinVersion(wrote.Version), client.FreshWithin(patience))
		if err != nil || string(answer.Value) != `"hello-mars"` {
			t.Errorf("answered %+v, %v", answer, err)
		}
	})
	tr.wantLookups(1, 1)
}

// Sessions differ in what they have seen. What all of it is met by here does not keep
// their misses apart.
func TestMissesOfSessionsCostOneRequestUpward(t *testing.T) {
	const sessions = 200
	tr := startTree(t, 3, onlyTicks(), unhurried())
	seen := make([]version.Version, sessions)
	atOnce(sessions, func(i int) { seen[i] = tr.put(1, fmt.Sprint("key-", i), "x").Version })
	tr.tick()
	tr.awaitEqual()
	atOnce(sessions, func(i int) {
		_, err := tr.client(7).Get(t.Context(), "nowhere", client.MinVersion(seen[i]), client.FreshWithin(patience))
		if !errors.Is(err, client.ErrNotFound) {
			t.Errorf("answered %v", err)
		}
	})
	tr.wantLookups(1, 1)
}

func TestAReadMayAskForALag(t *testing.T) {
	tr, wrote := startBehind(t)
	tr.await("NODE-7 knows that it lags", func() error {
		if lag := tr.status(7).LagMs; lag == nil || *lag < 20 {
			return errors.New("it does not lag")
		}
		return nil
	})
	for _, most := range []time.Duration{0, 10 * time.Millisecond} {
		page, err := tr.client(7).List(t.Context(), "", "", 0, client.MaxLag(most))
		if err != nil || keysOf(page) != "greeting@"+wrote.Version.String() || !page.LagKnown || page.Lag > most {
			t.Errorf("NODE-7 lists %+v, %v, for a lag of at most %v", page, err, most)
		}
		answer, err := tr.client(7).Get(t.Context(), "greeting", client.MaxLag(most))
		if err != nil || string(answer.Value) != `"hello-mars"` || !answer.LagKnown || answer.Lag > most {
			t.Errorf("NODE-7 answers %+v, %v, for a lag of at most %v", answer, err, most)
		}
	}
	asked := tr.status(7).Uplink.Lookups
	if _, err := tr.client(7).Get(t.Context(), "greeting", client.MaxLag(time.Hour)); err != nil {
		t.Error(err)
	}
	if now := tr.status(7).Uplink.Lookups; now != asked {
		t.Error("NODE-7 asked for what it has")
	}
	root, err := tr.root().Get(t.Context(), "greeting", client.MaxLag(0))
	if err != nil || root.Lag != 0 {
		t.Errorf("the root answers %+v, %v", root, err)
	}
}

// A version that is to come is waited for: here it comes in a push.
func TestADemandWaitsForWhatIsToCome(t *testing.T) {
	tr := startTree(t, 2)
	wrote := tr.put(1, "greeting", "hello-world")
	next := version.Version{Epoch: wrote.Version.Epoch, Seq: wrote.Version.Seq + 1}
	type end struct {
		answer *client.Answer
		err    error
	}
	ended := make(chan end, 3)
	for k := 1; k <= 3; k++ {
		go func() {
			answer, err := tr.client(k).Get(t.Context(), "greeting", client.MinVersion(next), client.FreshWithin(patience))
			ended <- end{answer, err}
		}()
	}
	tr.await("NODE-2 asks upward", func() error {
		if tr.status(2).Uplink.Lookups == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	tr.put(1, "greeting", "hello-mars")
	for range 3 {
		if e := <-ended; e.err != nil || string(e.answer.Value) != `"hello-mars"` || e.answer.AsOf != next {
			t.Errorf("answered %+v, %v", e.answer, e.err)
		}
	}
}

func TestAVersionThatTheRootNeverGaveIsNotWaitedForLong(t *testing.T) {
	tr := startTree(t, 2, onlyTicks())
	wrote := tr.put(1, "greeting", "hello-world")
	never := client.MinVersion(version.Version{Epoch: wrote.Version.Epoch, Seq: wrote.Version.Seq + 100})
	for _, k := range tr.all() {
		begun := time.Now()
		problem := wantRefusal(t, 504, "not-fresh")(tr.client(k).Get(t.Context(), "greeting", never, client.FreshWithin(50*time.Millisecond)))
		if took := time.Since(begun); took < 50*time.Millisecond || took > 5*time.Second || problem.Detail == "" {
			t.Errorf("NODE-%d took %v to say %q", k, took, problem.Detail)
		}
		_, err := tr.client(k).List(t.Context(), "", "", 0, never, client.FreshWithin(time.Millisecond))
		wantRefusal(t, 504, "not-fresh")(nil, err)
	}
}

// Sessions over all nodes while writes go on: each reads its own writes, and never
// goes back.
func TestSessionsNeverGoBack(t *testing.T) {
	tr := startTree(t, 3, eager(true), minInterval(20*time.Millisecond), unhurried())
	const sessions, rounds = 8, 60
	atOnce(sessions, func(i int) {
		var s client.Session
		ctx, mine, last := t.Context(), fmt.Sprint("session-", i), 0
		for round := range rounds {
			k := 1 + (i*5+round*3)%7
			if round%4 == 0 {
				last = round
				if _, err := s.Put(ctx, tr.client(k), mine, json.RawMessage(fmt.Sprint(round))); err != nil {
					t.Errorf("put at NODE-%d: %v", k, err)
				}
				continue
			}
			before := s.Version()
			answer, err := s.Get(ctx, tr.client(k), mine, client.FreshWithin(patience))
			if err != nil || string(answer.Value) != fmt.Sprint(last) || answer.AsOf.Before(before) {
				t.Errorf("NODE-%d answers %+v, %v; want %d as of %v", k, answer, err, last, before)
			}
			before = s.Version()
			page, err := s.List(ctx, tr.client(1+k%7), mine, "", 0, client.FreshWithin(patience))
			if err != nil || len(page.Entries) != 1 || string(page.Entries[0].Value) != fmt.Sprint(last) || page.AsOf.Before(before) {
				t.Errorf("NODE-%d lists %+v, %v; want %d as of %v", 1+k%7, page, err, last, before)
			}
		}
	})
}

func TestANodeThatIsCutOffAnswersWhatItHas(t *testing.T) {
	tr, wrote := startEqual(t)
	tr.stop(1)
	tr.stop(3)
	ctx, leaf := t.Context(), tr.client(7)
	next := client.MinVersion(version.Version{Epoch: wrote.Version.Epoch, Seq: wrote.Version.Seq + 1})
	for range 3 {
		begun := time.Now()
		wantRefusal(t, 504, "not-fresh")(leaf.Get(ctx, "greeting", next, client.FreshWithin(300*time.Millisecond)))
		wantRefusal(t, 504, "not-fresh")(leaf.Get(ctx, "greeting", client.MaxLag(0), client.FreshWithin(300*time.Millisecond)))
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %v to say so", took)
		}
		answer, err := leaf.Get(ctx, "greeting", client.MinVersion(wrote.Version))
		if err != nil || string(answer.Value) != `"hello-world"` || answer.AsOf != wrote.Version {
			t.Errorf("NODE-7 answers %+v, %v", answer, err)
		}
		absent := wantRefusal(t, 404, "not-found")(leaf.Get(ctx, "nowhere"))
		if absent.AsOf != wrote.Version {
			t.Errorf("absent as of %v, want %v", absent.AsOf, wrote.Version)
		}
	}
}

// A queued write has no version: it shows where it was taken, whatever is asked for
// that the node can meet, and nowhere else.
func TestAQueuedWriteIsReadWhereItWasTakenOnly(t *testing.T) {
	tr, wrote := startEqual(t)
	tr.stop(1)
	queued := tr.put(3, "other", "hello-mars")
	if !queued.Pending {
		t.Fatalf("answered %+v, want it queued", queued)
	}
	answer, err := tr.client(3).Get(t.Context(), "other", client.MinVersion(wrote.Version))
	if err != nil || !answer.Pending || string(answer.Value) != `"hello-mars"` || answer.AsOf != wrote.Version || answer.ETag != "" {
		t.Errorf("NODE-3 answers %+v, %v", answer, err)
	}
	wantRefusal(t, 404, "not-found")(tr.client(7).Get(t.Context(), "other"))
	page, err := tr.client(7).List(t.Context(), "other", "", 0)
	if err != nil || len(page.Entries) > 0 {
		t.Errorf("NODE-7 lists %+v, %v", page, err)
	}
}

func TestANodeThatNeverHeldAStateSaysSo(t *testing.T) {
	tr := newTree(t, 2)
	tr.start(2)
	ctx, lone := t.Context(), tr.client(2)
	wantRefusal(t, 503, "no-state")(lone.Get(ctx, "greeting"))
	wantRefusal(t, 503, "no-state")(lone.Get(ctx, "greeting", client.MaxLag(0), client.FreshWithin(10*time.Millisecond)))
	_, err := lone.List(ctx, "", "", 0)
	wantRefusal(t, 503, "no-state")(nil, err)
}

// A root that is started again ends its epoch: what it had not given by then was
// abandoned, and every node says so, also one that has to be told by an ancestor.
func TestAnAbandonedVersionIsNeverAnsweredSilently(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	wrote := tr.put(1, "greeting", "hello-world")
	tr.restart(1)
	tr.awaitReady(1)
	tr.put(1, "greeting", "hello-mars")
	abandoned := client.MinVersion(version.Version{Epoch: wrote.Version.Epoch, Seq: wrote.Version.Seq + 1})
	for _, k := range tr.all() {
		wantRefusal(t, 409, "version-abandoned")(tr.client(k).Get(t.Context(), "greeting", abandoned))
		_, err := tr.client(k).List(t.Context(), "", "", 0, abandoned)
		wantRefusal(t, 409, "version-abandoned")(nil, err)
	}
}

// aboveNode2 starts NODE-2 below a root that the test plays: it lets NODE-2 join,
// never pushes, and answers questions with what answer says.
func aboveNode2(t *testing.T, answer func(q wire.Question) (status int, body []byte)) *tree {
	t.Helper()
	tr := newTree(t, 2)
	var parent *httptest.Server
	parent = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := readAtMost(nil, r.Body, 1<<20, int(r.ContentLength))
		switch r.URL.Path {
		case pathJoin:
			root := coordinator.Member{ID: 1, Address: parent.URL, Instance: "root"}
			view := coordinator.View{Revision: 1, Epoch: 1, Root: root, Position: 2, Parent: &root, Ancestors: []coordinator.Member{root}}
			_ = json.Unmarshal(body, &view.Self)
			_ = json.NewEncoder(w).Encode(view)
		case pathLookup:
			q, err := wire.DecodeQuestion(body)
			if err != nil {
				t.Error(err)
			}
			status, said := answer(q)
			w.WriteHeader(status)
			_, _ = w.Write(said)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(parent.Close)
	tr.nodes[0].address = strings.TrimPrefix(parent.URL, "http://")
	tr.start(2)
	tr.await("NODE-2 has joined", func() error {
		status, err := tr.client(2).Status(t.Context())
		if err == nil && status.Position == 0 {
			err = errors.New("it has no position")
		}
		return err
	})
	return tr
}

func TestWhatAnAncestorSaysOfAnAbandonedVersionIsPassedOn(t *testing.T) {
	const said = `{"type":"urn:xylem:problem:version-abandoned","status":409,"detail":"version 1.48 is on no history"}`
	tr := aboveNode2(t, func(wire.Question) (int, []byte) { return http.StatusConflict, []byte(said) })
	problem := wantRefusal(t, 409, "version-abandoned")(tr.client(2).Get(t.Context(), "k", client.MinVersion(version.Version{Epoch: 1, Seq: 48})))
	if problem.Detail != "version 1.48 is on no history" {
		t.Errorf("it says %q", problem.Detail)
	}
}

// What no longer counts, or is of no use, is not believed, and a node that was
// asked again in time is.
func TestAnAncestorThatCatchesUpIsAskedAgain(t *testing.T) {
	at := version.Version{Epoch: 1, Seq: 48}
	asked := 0
	tr := aboveNode2(t, func(q wire.Question) (int, []byte) {
		if most := shareOf(10 * time.Second).Milliseconds(); q.Min != at || q.TimeLeft < 1 || q.TimeLeft > most {
			t.Errorf("asked %+v", q)
		}
		asked++
		if asked < 3 {
			return http.StatusGatewayTimeout, nil
		}
		return http.StatusOK, wire.AppendLookup(nil, &wire.Lookup{Tree: version.TreeID{1}, Epoch: 1, AsOf: at, LagKnown: true, Lag: 7})
	})
	problem := wantRefusal(t, 404, "not-found")(tr.client(2).Get(t.Context(), "k", client.MinVersion(at), client.FreshWithin(patience)))
	if problem.AsOf != at || !problem.LagKnown || problem.Lag != 7*time.Millisecond {
		t.Errorf("answered as of %v with lag %v", problem.AsOf, problem.Lag)
	}
}

// A reader that waits does not keep its node from stopping.
func TestAStoppingNodeKeepsNobodyWaiting(t *testing.T) {
	tr := startTree(t, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := tr.root().Get(context.WithoutCancel(t.Context()), "k", client.MinVersion(version.Version{Epoch: 9}), client.FreshWithin(time.Minute))
		ended <- err
	}()
	tr.await("somebody waits", func() error {
		w := &tr.nodes[0].node.news
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.next == nil {
			return errors.New("nobody")
		}
		return nil
	})
	tr.stop(1)
	wantRefusal(t, 504, "not-fresh")(nil, <-ended)
}

// One that outlives the HTTP server adds nothing to the work that Run waits for.
func TestANodeThatHasStoppedAsksNobody(t *testing.T) {
	tr := startTree(t, 2)
	tr.stop(2)
	f, err := tr.nodes[1].node.share(t.Context(), wire.Question{Key: "k"})
	if !errors.Is(err, errStopping) || f.found != nil {
		t.Errorf("answered %+v, %v", f.found, err)
	}
}
