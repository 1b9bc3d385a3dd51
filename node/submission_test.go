package node

import (
	"testing"
	"time"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

func waitingFor(w *submissions, writes int, now time.Duration) *submission {
	s := &submission{writes: writes, answer: make(chan decision, 1)}
	w.add(s, now)
	return s
}

func TestASubmissionIsAnsweredOnce(t *testing.T) {
	w := &submissions{timeout: 16 * time.Second}
	first := waitingFor(w, 1, 0)
	w.resolve(first.Ref, decision{Reply: replica.Reply{Epoch: 7}})
	if made := <-first.answer; made.Epoch != 7 || w.some() {
		t.Fatalf("answered %v, and it still waits: %v", made, w.some())
	}
	second := waitingFor(w, 1, 0) // in the same slot
	w.resolve(first.Ref, decision{})
	if len(first.answer)+len(second.answer) > 0 || !w.some() {
		t.Error("a reply that comes again answers somebody")
	}
	w.resolve(second.Ref, decision{})
	if len(second.answer) != 1 {
		t.Error("the second is not answered")
	}
}

func TestAnOverdueSubmissionIsOfUnknownOutcome(t *testing.T) {
	w := &submissions{timeout: 16 * time.Second}
	early, late := waitingFor(w, 2, 0), waitingFor(w, 1, 10*time.Second)
	w.overdue(15 * time.Second)
	if len(early.answer) > 0 {
		t.Fatal("given up too soon")
	}
	w.overdue(16 * time.Second)
	made := <-early.answer
	if len(made.Results) != 2 || made.Results[1].Outcome != wire.Unknown || len(late.answer) > 0 {
		t.Errorf("given up with %v; the other with %d", made.Results, len(late.answer))
	}
	w.resolve(early.Ref, decision{})
	if len(early.answer) > 0 {
		t.Error("a late reply answers again")
	}
	w.close()
	if made := <-late.answer; made.Results[0].Outcome != wire.Unknown || w.some() {
		t.Errorf("closed with %v", made.Results)
	}
}
