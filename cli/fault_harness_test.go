package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"xylem/sync/version"
)

// fenced is a server behind a proxy that stands for NODE-2, and its callers.
type fenced struct {
	t     *testing.T
	proxy *proxy
	heard chan string // what the server was asked
}

func newFenced(t *testing.T) *fenced {
	f := &fenced{t: t, heard: make(chan string, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f.heard <- r.URL.Path }))
	t.Cleanup(server.Close)
	address := fmt.Sprintf("127.0.0.1:%d", 1+freePorts(t, 1))
	f.proxy = &proxy{k: 2, links: newLinks(), address: address, target: server.Listener.Addr().String()}
	if err := f.proxy.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.proxy.close)
	return f
}

// ask sends a request as NODE-from would; the answer's error comes later.
func (f *fenced) ask(c *http.Client, from int, path string) chan error {
	done := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, "http://"+f.proxy.address+path, nil)
		if err == nil {
			req.Header.Set("Xylem-Proof", fmt.Sprintf("v2 sender=NODE-%d from=00 to=00 counter=1 mac=00", from))
			var resp *http.Response
			if resp, err = c.Do(req); err == nil {
				err = resp.Body.Close()
			}
		}
		done <- err
	}()
	return done
}

// caller has connections of its own, as each node has.
func (f *fenced) caller() *http.Client {
	transport := &http.Transport{}
	f.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func (f *fenced) wantAnswer(done chan error, path string) {
	f.t.Helper()
	if err := <-done; err != nil {
		f.t.Errorf("%s: %v", path, err)
	}
	if got := <-f.heard; got != path {
		f.t.Errorf("asked for %s, and the server heard %s", path, got)
	}
}

func TestProxyHoldsEachDirectionByItself(t *testing.T) {
	f := newFenced(t)
	one, three := f.caller(), f.caller()
	f.wantAnswer(f.ask(one, 1, "/before"), "/before")

	heal := f.proxy.links.cut(silent, oneWay(1, 2))
	held := f.ask(one, 1, "/held")
	f.wantAnswer(f.ask(three, 3, "/another"), "/another")
	if len(f.heard) > 0 || len(held) > 0 {
		t.Error("what is held passed")
	}
	heal()
	f.wantAnswer(held, "/held")

	heal = f.proxy.links.cut(silent, oneWay(2, 1))
	held = f.ask(one, 1, "/unanswered")
	if path := <-f.heard; path != "/unanswered" {
		t.Errorf("the server heard %s", path)
	}
	f.wantAnswer(f.ask(three, 3, "/another"), "/another")
	if len(held) > 0 {
		t.Error("an answer passed that is held")
	}
	heal()
	if err := <-held; err != nil {
		t.Error(err)
	}
}

func TestProxyResetsAndRefuses(t *testing.T) {
	f := newFenced(t)
	one := f.caller()
	quiet := f.proxy.links.cut(silent, oneWay(2, 1))
	waiting := f.ask(one, 1, "/waiting")
	<-f.heard
	heal := f.proxy.links.cut(resetting, between([]int{1}, []int{2}))
	if err := <-waiting; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a request under way ended with %v", err)
	}
	quiet()
	if err := <-f.ask(one, 1, "/"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a new request ended with %v", err)
	}
	heal()
	f.wantAnswer(f.ask(one, 1, "/after"), "/after")
	f.proxy.close()
	if err := <-f.ask(f.caller(), 1, "/"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a dead node's connection ended with %v", err)
	}
	if err := f.proxy.open(); err != nil {
		t.Fatal(err)
	}
	f.wantAnswer(f.ask(f.caller(), 1, "/again"), "/again")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", f.proxy.address) // says nothing: must not hold up the end
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
}

func TestPlansComeFromTheSeed(t *testing.T) {
	plan := func(seed uint64) string { return planText(drawPlan(rand.New(rand.NewPCG(seed, 3)), 7, 8*time.Second)) }
	if first, again, other := plan(1), plan(1), plan(2); first != again || first == other {
		t.Errorf("seed 1: %s\nseed 1 again: %s\nseed 2: %s", first, again, other)
	}
	if got := names(subtree(2, 7)); got != "NODE-2, NODE-4, NODE-5" {
		t.Errorf("below NODE-2 are %s", got)
	}
}

// TestCheckerFindsWhatIsWrong plants what must not be into histories.
func TestCheckerFindsWhatIsWrong(t *testing.T) {
	second := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	at := func(seq uint64) version.Version { return version.Version{Epoch: 1, Seq: seq} }
	type step struct {
		value        string
		node         int
		began, ended float64
		told, fate   told
		version      version.Version
	}
	older := step{"1", 1, 0, 1, toldOrdered, "", at(1)}
	for _, c := range []struct {
		name  string
		steps []step
		end   string
		as    version.Version
		wrong string // part of the violation; none if empty
	}{
		{"kept", []step{older}, "1", at(1), ""},
		{"lost", []step{older}, "", at(0), "lost is"},
		{"pending lost", []step{{"1", 2, 0, 1, toldPending, toldOrdered, at(1)}}, "", at(0), "lost is"},
		{"unknown may be there", []step{{"1", 2, 0, 1, toldUnknown, "", at(0)}}, "1", at(1), ""},
		{"unknown may be missing", []step{{"1", 2, 0, 1, toldUnknown, "", at(0)}}, "", at(0), ""},
		{"refused and there", []step{{"1", 2, 0, 1, toldRefused, "", at(0)}}, "1", at(1), "never written, or refused"},
		{"from nowhere", []step{older}, "7", at(9), "never written"},
		{"overwritten", []step{older, {"2", 2, 2, 3, toldOrdered, "", at(2)}}, "2", at(2), ""},
		{"back to the older", []step{older, {"2", 2, 2, 3, toldOrdered, "", at(2)}}, "1", at(1), "which is later"},
		{"back after a queue", []step{older, {"2", 2, 5, 6, toldPending, toldOrdered, at(2)}}, "1", at(1), "which is later"},
		{"old queued write wins", []step{{"1", 2, 0, 1, toldPending, toldOrdered, at(9)}, {"2", 1, 5, 6, toldOrdered, "", at(2)}}, "1", at(9), "which is later"},
		{"close together", []step{{"1", 2, 0, 1, toldPending, toldOrdered, at(9)}, {"2", 1, 1.5, 6, toldOrdered, "", at(2)}}, "1", at(9), ""},
		{"superseded", []step{{"1", 2, 0, 1, toldPending, toldSuperseded, at(2)}, {"2", 1, 5, 6, toldOrdered, "", at(2)}}, "2", at(2), ""},
		{"superseded by an older", []step{older, {"2", 2, 5, 6, toldPending, toldSuperseded, at(1)}}, "1", at(1), "is superseded by"},
		{"superseded by another key", []step{older, {"2", 2, 5, 6, toldPending, toldSuperseded, at(5)}, {"other", 1, 0, 1, toldOrdered, "", at(5)}}, "1", at(1), "is superseded by"},
		{"deleted", []step{older, {"", 1, 2, 3, toldOrdered, "", at(2)}}, "", at(0), ""},
		{"undeleted", []step{older, {"", 1, 2, 3, toldOrdered, "", at(2)}}, "1", at(1), "which is later"},
		{"one version twice", []step{older, {"2", 2, 2, 3, toldOrdered, "", at(1)}}, "2", at(1), "version 1.1 is"},
	} {
		h := newHistory()
		for _, s := range c.steps {
			key := "k"
			if s.value == "other" {
				key = "other"
			}
			a := h.try(key, s.value, s.node)
			a.began, a.ended, a.told, a.fate, a.version = second(s.began), second(s.ended), s.told, s.fate, s.version
			if s.told == toldOrdered || s.fate == toldOrdered {
				h.saw(a.version, key, a.value)
			}
		}
		end := map[string]final{"other": {"other", at(5)}}
		if len(h.attempts["other"]) == 0 {
			delete(end, "other")
		}
		if c.end != "" {
			end["k"] = final{c.end, c.as}
		}
		h.check(end)
		got := strings.Join(h.violations, "\n")
		if (c.wrong == "") != (got == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("%s: found %q, want %q", c.name, got, c.wrong)
		}
	}
}

func TestCheckerCounts(t *testing.T) {
	for _, c := range []struct {
		told  []told
		n     []int
		end   int
		wrong string
	}{
		{[]told{toldOrdered, toldOrdered, toldUnknown}, []int{1, 2, 3}, 3, ""},
		{[]told{toldOrdered, toldOrdered, toldUnknown}, []int{1, 2, 3}, 2, ""},
		{[]told{toldOrdered, toldOrdered, toldUnknown}, []int{1, 2, 3}, 1, "ends at 1"},
		{[]told{toldOrdered, toldOrdered, toldRefused}, []int{1, 2, 3}, 3, "ends at 3"},
		{[]told{toldOrdered, toldOrdered, toldUnknown}, []int{1, 1, 2}, 2, "the same number"},
		{[]told{toldPending}, []int{1}, 0, "was queued"},
	} {
		h := newHistory()
		for i, told := range c.told {
			h.try("counter", fmt.Sprintf(`{"n":%d,"by":"%d"}`, c.n[i], i), 1).told = told
		}
		h.checkCounter("counter", final{value: fmt.Sprintf(`{"n":%d,"by":"x"}`, c.end)})
		got := strings.Join(h.violations, "\n")
		if (c.wrong == "") != (got == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("%v ends at %d: found %q, want %q", c.told, c.end, got, c.wrong)
		}
	}
}

// TestBrokenTreeKnowsWhoIsCalm shows that a node's silence is excused only while the
// test itself causes it.
func TestBrokenTreeKnowsWhoIsCalm(t *testing.T) {
	tree := newBrokenTree(t, 1, faultSettings()...)
	tree.plant()
	calm := func() bool { _, calm := tree.node(1).life.Load().calm(); return calm }
	want := func(want bool, when string) {
		t.Helper()
		if got := calm(); got != want {
			t.Errorf("calm %s: %v", when, got)
		}
	}
	await(t, "NODE-1 is calm", func() error {
		if !calm() {
			return context.DeadlineExceeded
		}
		return nil
	})
	before, _ := tree.node(1).life.Load().calm()
	tree.pause(1)
	want(false, "while paused")
	tree.resume(1)
	want(true, "after the pause")
	if after, _ := tree.node(1).life.Load().calm(); after == before {
		t.Error("the pause does not show afterwards")
	}
	tree.kill(1)
	want(false, "when dead")
	tree.mend()
	tree.awaitReady(1)
	await(t, "NODE-1 is calm again", func() error {
		if !calm() {
			return context.DeadlineExceeded
		}
		return nil
	})
}
