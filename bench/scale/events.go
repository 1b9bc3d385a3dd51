package main

import "time"

// eventKind says what an event is.
type eventKind uint8

const (
	requestArrives eventKind = iota // at the receiver's network card
	requestTaken                    // by the receiver's processor
	answerArrives
	answerTaken
	callSilent // no answer came in time
	written    // the node's disk has taken a record
	woken      // the core asked for it
	signDue    // a node is to give the root a sign of life
	ticked     // the root's schedule
	submitted  // a client's write came to the root
)

// event is something that is to happen at a node.
type event struct {
	at    time.Duration
	order uint64 // events of one moment happen in the order in which they were made
	call  *call  // nil for what concerns one node alone
	node  int32
	kind  eventKind
}

func (e *event) before(other *event) bool {
	return e.at < other.at || e.at == other.at && e.order < other.order
}

// agenda is the events to come: a heap with four children to a node, which touches
// fewer cache lines than one with two.
type agenda struct {
	heap  []event
	count uint64
}

func (a *agenda) add(e event) {
	a.count++
	e.order = a.count
	a.heap = append(a.heap, e)
	i := len(a.heap) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&a.heap[up]) {
			break
		}
		a.heap[i] = a.heap[up]
		i = up
	}
	a.heap[i] = e
}

// next takes the earliest event off; the agenda is not empty.
func (a *agenda) next() event {
	first := a.heap[0]
	n := len(a.heap) - 1
	last := a.heap[n]
	a.heap[n] = event{}
	a.heap = a.heap[:n]
	if n == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		for j := child + 1; j < min(child+4, n); j++ {
			if a.heap[j].before(&a.heap[least]) {
				least = j
			}
		}
		if !a.heap[least].before(&last) {
			break
		}
		a.heap[i] = a.heap[least]
		i = least
	}
	a.heap[i] = last
	return first
}
