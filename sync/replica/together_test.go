package replica

import (
	"testing"

	"xylem/sync/wire"
)

// group is a group of one write, as parseWrite reads it.
func (s *script) group(write string) *Submit {
	s.refs++
	return &Submit{Ref: s.refs, Writes: []wire.Write{parseWrite(s.T, write)}}
}

// What comes together costs one flush, and each group gets its own results.
func TestSubmitsThatComeTogetherAreOneBatch(t *testing.T) {
	s := openRoot(t)
	s.step(&Submits{Groups: []*Submit{s.group("a=1"), s.group("b=1"), s.group("a=2")}})
	if len(s.asked) != 1 {
		t.Fatalf("three groups that came together ask the disk for %d records", len(s.asked))
	}
	effects := s.persisted()
	for i, want := range []string{"reply #1: ordered 1.1", "reply #2: ordered 1.2", "reply #3: ordered 1.3"} {
		if got := effectText(effects[i]); got != want {
			t.Errorf("answer %d is %s, want %s", i, got, want)
		}
	}
	if e := s.core.store.Current("a"); e == nil || e.Value != "2" {
		t.Errorf("of two writes of a key that came together the later did not win: %v", e)
	}
}

// A root that is told to hold answers, and begins no batch before it gets Submits, be
// there none.
func TestNoBatchIsBegunWhileTheDriverHolds(t *testing.T) {
	s := openRoot(t)
	s.submit("a=1")
	s.submit("b=1")
	s.step(Hold{})
	if effects := s.persisted(); len(effects) != 1 || effectText(effects[0]) != "reply #1: ordered 1.1" {
		t.Fatalf("it does %v", effects)
	}
	s.step(&Submits{Groups: []*Submit{s.group("c=1")}})
	if len(s.asked) != 1 {
		t.Fatalf("what was held asks the disk for %d records", len(s.asked))
	}
	if effects := s.persisted(); len(effects) != 2 {
		t.Fatalf("what was held is answered by %v", effects)
	}
	s.submit("d=1")
	s.submit("e=1")
	s.step(Hold{})
	s.persisted()
	s.step(&Submits{})
	if len(s.asked) != 1 {
		t.Fatal("what had gathered is not ordered although nothing holds it")
	}
}

// A member sends what comes together in one batch, and queues it in one record.
func TestAMemberForwardsAndQueuesTogether(t *testing.T) {
	s := memberScript(t)
	forwards := 0
	for _, e := range s.step(&Submits{Groups: []*Submit{s.group("a=1"), s.group("b=1")}}) {
		if f, forwarded := e.(Forward); forwarded {
			forwards++
			if len(f.Batch.Writes) != 2 {
				t.Errorf("a batch of %d writes is forwarded", len(f.Batch.Writes))
			}
		}
	}
	if forwards != 1 {
		t.Errorf("what came together is forwarded in %d batches", forwards)
	}
	groups := []*Submit{s.group("c=1"), s.group("d=1")}
	for _, g := range groups {
		g.Client, g.Async = true, true
	}
	s.step(&Submits{Groups: groups})
	if len(s.asked) != 1 {
		t.Errorf("what came together is queued in %d records", len(s.asked))
	}
}
