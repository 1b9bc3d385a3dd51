package replica

import (
	"strings"
	"testing"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// forwarded has the batch under way come back with results, as "1.4" for an
// ordered write, or the name of another outcome and maybe a version.
func (s *script) forwarded(epoch uint64, results ...string) []Effect {
	in := wire.Results{Tree: version.TreeID{0xaa}, Epoch: epoch}
	for _, text := range results {
		in.Results = append(in.Results, parseResult(s.T, text))
	}
	return s.step(Forwarded{Results: in})
}

func parseResult(t *testing.T, text string) wire.Result {
	name, at, hasVersion := strings.Cut(text, " ")
	for o := wire.Superseded; o <= wire.Full; o++ {
		if name == outcomeText(o) {
			res := wire.Result{Outcome: o}
			if hasVersion {
				res.Version = parseVersion(t, at)
			}
			return res
		}
	}
	v := parseVersion(t, text)
	return wire.Result{Outcome: wire.Ordered, Version: v, Stamp: version.StampAt(wallClock) + version.Stamp(v.Seq)}
}

func TestStory_WritesCombineUpward(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := memberScript(t)
	s.push(o.snapshot())
	s.persisted()
	s.trace = ""
	s.note("The first write goes at once. While it is under way, those of clients and children gather.")
	s.submit("a=2 by 2-1")
	s.submit("b=1 by 2-2")
	s.submit("c=1 by 4-1", "-a by 4-2", "d=1 by 4-3 if absent")
	s.submit("e=1 by 5-1")
	s.forwarded(1, "1.2")
	s.note("Each group gets its own results, in the order in which the writes came.")
	s.forwarded(1, "1.3", "1.4", "1.5", "unmet 1.9", "superseded 1.9")
	unread(s, "d", "e")
	s.note("A batch that was not sent fails as a whole, and what had gathered with it. Until it is time to try again, nothing else waits.")
	s.submit("f=1")
	s.submit("g=1", "h=1")
	s.step(Forwarded{Failed: wire.Unreachable})
	s.submit("i=1")
	s.note("Then one batch is tried. Of what was in it nothing is known if its answer was lost.")
	s.after(s.cfg.RetryMin)
	s.submit("i=1")
	s.submit("g=1")
	s.step(Forwarded{Failed: wire.Unknown})
	s.note("When an ancestor answers again, it is time at once. The root's own refusals come through.")
	s.step(Reachable{})
	s.submit("i=1")
	s.forwarded(1, "full")
	s.note("Results that do not fit the batch promise nothing.")
	s.submit("j=1", "k=1")
	s.forwarded(1, "1.6")
	s.step(Reachable{})
	s.submit("j=1")
	s.forwarded(1, "1.6", "1.7")
	s.step(Reachable{})
	s.submit("j=1")
	s.forwarded(1)
	s.step(Reachable{})
	s.note("Nor do those of an epoch that is known to be over. Those of one that is not yet heard of do.")
	s.submit("l=1")
	s.push(o.startEpoch().heartbeat())
	s.push(o.startEpoch().write("z=1").delta("1.1"))
	s.persisted()
	s.persisted()
	s.forwarded(2, "2.2")
	s.step(Reachable{})
	s.submit("l=1")
	s.forwarded(4, "4.3")
	s.golden("writes_combine_upward")
	unread(s, "f", "g", "h", "i", "j", "k")
}

// unread demands that writes that were not ordered cannot be read.
func unread(s *script, keys ...string) {
	s.Helper()
	for _, key := range keys {
		if got := s.core.store.Get(key); got.Entry != nil {
			s.Errorf("%s=%s can be read, and was not ordered", key, got.Entry.Value)
		}
	}
}

// What a client is told to be ordered it can read, at once, from the node that
// it spoke to.
func TestAnOrderedWriteIsVisibleBeforeItIsAnswered(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := memberScript(t)
	s.push(o.snapshot())
	s.persisted()
	s.submit("a=2 by 2-1", "b=1 by 2-2", "-c by 2-3")
	effects := s.forwarded(1, "1.2", "1.3", "1.4")
	reply, answered := effects[0].(Reply)
	if len(effects) != 1 || !answered || len(reply.Results) != 3 {
		t.Fatalf("it does %s", effectText(effects[0]))
	}
	a := s.core.store.Get("a")
	if a.Entry == nil || a.Entry.Value != "2" || a.Entry.Version.String() != "1.2" || a.Entry.Write != (version.WriteID{Node: 2, Counter: 1}) {
		t.Errorf("a is %+v", a.Entry)
	}
	if a.Entry.Stamp != reply.Results[0].Stamp || a.Entry.Stamp == 0 {
		t.Errorf("its stamp is %v", a.Entry.Stamp)
	}
	if c := s.core.store.Get("c"); c.Entry != nil || !c.Known || c.AsOf.String() != "1.4" {
		t.Errorf("the deleted c is %+v", c)
	}
	if at := s.core.store.Applied(); at != o.Applied() {
		t.Errorf("its applied version moved to %v", at)
	}
}

// The results belong to the reply's receiver: what it appends must not reach the
// next group's.
func TestResultsOfGroupsAreApart(t *testing.T) {
	s := memberScript(t)
	s.submit("x=1")
	s.submit("a=1")
	s.submit("b=1")
	s.forwarded(1, "1.1")
	effects := s.forwarded(1, "1.2", "1.3")
	first, second := effects[0].(Reply), effects[1].(Reply)
	_ = append(first.Results, wire.Result{})
	if got := second.Results[0].Version.String(); got != "1.3" {
		t.Errorf("the second group's result became %s", got)
	}
}

// An answer from another tree than the one this node holds is not about it.
func TestResultsOfAnotherTreePromiseNothing(t *testing.T) {
	o := newOrigin(t).write("a=1")
	s := memberScript(t)
	s.push(o.snapshot())
	s.persisted()
	s.submit("a=2")
	in := wire.Results{Tree: version.TreeID{0xbb}, Epoch: 1, Results: []wire.Result{parseResult(t, "1.2")}}
	effects := s.step(Forwarded{Results: in})
	if got := effectText(effects[0]); got != "reply #2: unknown" {
		t.Errorf("it does %s", got)
	}
	if got := s.core.store.Get("a").Entry; got.Value != "1" {
		t.Errorf("a became %s", got.Value)
	}
}

// A batch that was lost with an ancestor says nothing of the next, which goes to another.
func TestABatchLostWithAnAncestorHoldsUpNoOther(t *testing.T) {
	s := memberScript(t)
	s.submit("a=1")
	s.submit("b=1", "c=1")
	effects := s.step(Forwarded{Failed: wire.Unknown, Another: true})
	if len(effects) != 2 || effectText(effects[0]) != "reply #1: unknown" {
		t.Fatalf("it does %d things, first %s", len(effects), effectText(effects[0]))
	}
	if next, sent := effects[1].(Forward); !sent || len(next.Batch.Writes) != 2 {
		t.Errorf("what had gathered is not sent: %s", effectText(effects[1]))
	}
	s.step(Forwarded{Failed: wire.Unreachable}) // there is nobody else
	if s.submit("d=1"); !s.core.uplink.down {
		t.Error("the uplink is up although nothing gets through")
	}
	s.after(s.cfg.RetryMin)
	s.submit("e=1")
	s.step(Forwarded{Failed: wire.Unknown, Another: true}) // the one that was tried while it was down
	if !s.core.uplink.down {
		t.Error("the uplink is up although nothing got through since it went down")
	}
}
