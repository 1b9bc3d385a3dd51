package node

import (
	"runtime"
	"sync"
	"time"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

// submission is writes on their way through the core, and where their answer is waited
// for. From the moment in which it is handed to the loop it is the loop's and the core's.
type submission struct {
	replica.Submit
	write  [1]wire.Write // memory for the one of a client
	writes int           // how many there are
	until  time.Duration // since the process began: when their outcome is unknown
	answer chan decision
}

// fromClient is a client's write, ready for submit.
func fromClient(w *wire.Write, async bool) *submission {
	s := &submission{write: [1]wire.Write{*w}}
	s.Writes, s.Client, s.Async = s.write[:], true, async
	return s
}

// answers holds channels that nobody uses, each empty and with room for one.
var answers = sync.Pool{New: func() any { return make(chan decision, 1) }}

// submit hands writes to the core and waits for what becomes of them. When that
// takes longer than two forwards may, for one batch may wait behind another, and as
// long again as one for the disk, the outcome is unknown; so it is when another node may
// be the root by now.
func (n *Node) submit(s *submission) decision {
	s.writes = len(s.Writes)
	writes, answer := s.writes, answers.Get().(chan decision)
	defer answers.Put(answer)
	s.answer = answer
	others := n.submitting.Add(1) > 1
	defer n.submitting.Add(-1)
	if !n.loop.inputs.add(s) {
		return outcomes(writes, wire.Unreachable)
	}
	if others {
		runtime.Gosched() // to those who are about to submit, too: what comes together is decided together
	}
	n.loop.help()
	made := <-answer // the loop answers whatever it takes, and once
	if !made.reign.holds() {
		return outcomes(writes, wire.Unknown)
	}
	return made
}

func outcomes(count int, outcome wire.Outcome) decision {
	results := make([]wire.Result, count)
	for i := range results {
		results[i].Outcome = outcome
	}
	return decision{Reply: replica.Reply{Results: results}}
}

// submissions are those that the core has not answered. The loop owns them; it answers
// each once, at the latest when the core has taken too long. So whoever waits needs no
// clock of its own.
type submissions struct {
	timeout  time.Duration
	waiting  []*submission // by the lower slotBits of their Ref; nil where a slot is free
	free     []replica.Ref
	given    replica.Ref
	answered int           // since the loop looked
	checkAt  time.Duration // since the process began: when to look for those that are overdue
}

// slotBits bounds the submissions under way; the bits above count, so that a late reply
// finds that what it answers is gone.
const slotBits = 24

// add takes a submission in and gives it its Ref.
func (w *submissions) add(s *submission, now time.Duration) {
	var slot replica.Ref
	if last := len(w.free) - 1; last >= 0 {
		slot, w.free = w.free[last], w.free[:last]
	} else {
		slot = replica.Ref(len(w.waiting))
		w.waiting = append(w.waiting, nil)
	}
	w.given++
	s.Ref, s.until = w.given<<slotBits|slot, now+w.timeout
	w.waiting[slot] = s
}

// some reports whether any waits.
func (w *submissions) some() bool { return len(w.waiting) > len(w.free) }

// resolve answers a submission, if it waits still.
func (w *submissions) resolve(ref replica.Ref, made decision) {
	slot := ref & (1<<slotBits - 1)
	if s := w.waiting[slot]; s != nil && s.Ref == ref {
		w.waiting[slot] = nil
		w.free = append(w.free, slot)
		w.answered++
		s.answer <- made
	}
}

// period is how often overdue is to be called while any waits.
func (w *submissions) period() time.Duration { return w.timeout / 16 }

// overdue gives up those that have waited for too long.
func (w *submissions) overdue(now time.Duration) {
	if now < w.checkAt {
		return
	}
	w.checkAt = now + w.period()
	for _, s := range w.waiting {
		if s != nil && s.until <= now {
			w.resolve(s.Ref, outcomes(s.writes, wire.Unknown))
		}
	}
}

// close gives up all.
func (w *submissions) close() {
	for _, s := range w.waiting {
		if s != nil {
			w.resolve(s.Ref, outcomes(s.writes, wire.Unknown))
		}
	}
}
