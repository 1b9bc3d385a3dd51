package node

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"xylem/coordinator"
)

// lineage is what a node knows by itself of its ancestors. The root tells which of
// them live (View.Parent); a node that finds one of them silent goes round it before
// the root can tell, and when the root is silent itself. What is of no use is
// shunned: nobody waits for it again until it has answered a ping and is of use.
//
//	of use --no answer------------------> silent
//	of use --answers, gets nowhere------> cut off
//	shunned --ping: no answer-----------> silent
//	shunned --ping: answers, no way up--> cut off
//	shunned --ping: answers, has a way--> of use
//
// That a cut-off ancestor is remembered keeps a deep tree whose root is away from
// asking itself over and over: each node that it asked would ask all above it.
type lineage struct {
	timeout time.Duration // of liveness, and of one ping
	all     bool          // who lives this node finds out by itself: views are old. Pings become rarer, for many may be shunned
	view    func() *coordinator.View
	ping    func(context.Context, coordinator.Member) (linked bool, err error)
	useful  func() // called when an ancestor is of use again
	log     *slog.Logger
	wake    chan struct{} // holds a token when somebody is to be pinged at once

	mu      sync.Mutex
	shunned map[coordinator.Member]*shun
}

// standing is what a node makes of an ancestor.
type standing byte

const (
	ofUse    standing = iota
	isSilent          // it does not answer
	isCutOff          // it answers, and gets nothing through to the root
)

// shun is what is remembered of an ancestor that is not of use.
type shun struct {
	standing standing
	asked    bool          // a ping is under way
	wait     time.Duration // until the next ping, where all ancestors are looked after
	next     time.Time     // when that is
}

// pingsPerTimeout is how often an ancestor that is shunned is pinged within the
// liveness timeout.
const pingsPerTimeout = 3

// mostPingWait bounds the time between two pings where they become rarer, in liveness
// time-outs.
const mostPingWait = 4

// mostWait bounds the time between two pings of an ancestor: the parent is wanted back
// soon, and the root is to hear of this node within the time in which one that comes back
// without data waits for its members.
func (l *lineage) mostWait(m coordinator.Member) time.Duration {
	if view := l.view(); view != nil && (m == view.Root || len(view.Ancestors) > 0 && m == view.Ancestors[0]) {
		return l.timeout
	}
	return mostPingWait * l.timeout
}

// candidates are the ancestors to turn to, in order: from the parent that the root
// names upward, without those that are shunned.
//
// A batch cannot go in circles. Each candidate is above this node, and nobody ever
// changes their position while the root keeps its book: it only gives positions
// that are free. So "above" is one order in all views, old and new, every hop leads
// nearer to the root, and there are fewer of them than the tree has levels. When
// the root has lost its book, views of two books may be about for a third of the
// liveness timeout; so they may when another root was elected, with whom it swaps
// positions, until all have joined that one. fromBelow then keeps two nodes from
// asking each other; three can, and wait for each other until the first gives its batch
// up as one of unknown outcome.
func (l *lineage) candidates() []coordinator.Member {
	return l.above(func(s standing) bool { return s == ofUse })
}

// answering are the ancestors that answer, as far as is known, cut off or not.
func (l *lineage) answering() []coordinator.Member {
	return l.above(func(s standing) bool { return s != isSilent })
}

// above lists the ancestors from the parent upward whose standing will do.
func (l *lineage) above(willDo func(standing) bool) []coordinator.Member {
	view := l.view()
	if view == nil || view.Parent == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []coordinator.Member
	add := func(m coordinator.Member) {
		if s := l.shunned[m]; s == nil && willDo(ofUse) || s != nil && willDo(s.standing) {
			found = append(found, m)
		}
	}
	if l.all {
		for _, m := range view.Ancestors {
			add(m)
		}
		return found
	}
	add(*view.Parent)
	for _, m := range view.Ancestors[slices.Index(view.Ancestors, *view.Parent)+1:] {
		add(m)
	}
	return found
}

// silent takes in that an ancestor did not answer. One that let a request wait is
// pinged at once: it may be well, and another above it silent.
func (l *lineage) silent(m coordinator.Member, waited bool, err error) {
	if before, ancestor := l.set(m, isSilent); before == isSilent || !ancestor {
		return
	}
	l.log.Warn("an ancestor does not answer; going round it until it does", "ancestor", m.Name(), "address", m.Address, "err", err)
	if waited {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// cutOff takes in that an ancestor answers, but gets nothing through to the root
// itself. The root is never cut off: it says what it can do for each request.
func (l *lineage) cutOff(m coordinator.Member) {
	if view := l.view(); view == nil || m == view.Root {
		return
	}
	if before, _ := l.set(m, isCutOff); before == isSilent {
		l.log.Info("an ancestor answers again, and is cut off from the root itself", "ancestor", m.Name(), "address", m.Address)
	}
}

// answers takes in that an ancestor has answered, and is of use.
func (l *lineage) answers(m coordinator.Member) {
	before, _ := l.set(m, ofUse)
	if before == isSilent {
		l.log.Info("an ancestor answers again", "ancestor", m.Name(), "address", m.Address)
	}
	if before != ofUse {
		l.useful()
	}
}

// set changes the standing of an ancestor and returns what it was before. Who is no
// ancestor has none.
func (l *lineage) set(m coordinator.Member, now standing) (before standing, ancestor bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, found := l.shunned[m]
	if found {
		before = s.standing
	}
	view := l.view()
	switch {
	case view == nil || !slices.Contains(view.Ancestors, m):
		return before, false
	case now == ofUse:
		delete(l.shunned, m)
	case found:
		s.standing = now
	default:
		l.shunned[m] = &shun{standing: now}
	}
	return before, true
}

// moved forgets who is no ancestor any more, after the view has changed.
func (l *lineage) moved() {
	l.mu.Lock()
	defer l.mu.Unlock()
	ancestors := l.view().Ancestors
	for m := range l.shunned {
		if !slices.Contains(ancestors, m) {
			delete(l.shunned, m)
		}
	}
}

// watch pings whom the node shuns until ctx ends, and waits for the pings under way.
func (l *lineage) watch(ctx context.Context) {
	ticker := time.NewTicker(max(l.timeout/pingsPerTimeout, time.Millisecond))
	defer ticker.Stop()
	var pings sync.WaitGroup
	defer pings.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-l.wake:
		}
		for m, s := range l.due() {
			pings.Go(func() { l.check(ctx, m, s) })
		}
	}
}

// due takes those that are to be pinged: all that are shunned and have no ping
// under way.
func (l *lineage) due() map[coordinator.Member]*shun {
	l.mu.Lock()
	defer l.mu.Unlock()
	due := make(map[coordinator.Member]*shun)
	for m, s := range l.shunned {
		if !s.asked && (!l.all || time.Now().After(s.next)) {
			s.asked, due[m] = true, s
		}
	}
	return due
}

// check pings one of them. What was forgotten meanwhile stays so.
func (l *lineage) check(ctx context.Context, m coordinator.Member, s *shun) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	linked, err := l.ping(ctx, m)
	l.mu.Lock()
	s.asked = false
	s.wait = min(max(2*s.wait, l.timeout/pingsPerTimeout), l.mostWait(m))
	s.next = time.Now().Add(s.wait)
	forgotten := l.shunned[m] != s
	l.mu.Unlock()
	switch {
	case forgotten || errors.Is(ctx.Err(), context.Canceled):
	case err != nil:
		l.silent(m, false, err)
	case linked:
		l.answers(m)
	default:
		l.cutOff(m)
	}
}
