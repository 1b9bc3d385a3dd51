package node

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
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
	gap     time.Duration // the least time between two pings of an ancestor
	all     bool          // who lives this node finds out by itself: views are old. Pings become rarer, for many may be shunned
	view    func() *coordinator.View
	ping    func(context.Context, coordinator.Member) (linked bool, err error)
	useful  func() // called when an ancestor is of use again
	log     *slog.Logger
	wake    chan struct{} // holds a token when it has changed who is to be pinged, and when

	mu       sync.Mutex
	shunned  map[coordinator.Member]*shun
	returned map[coordinator.Member]time.Time // when who was shunned was of use again
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
	asked    bool      // a ping is under way
	since    time.Time // when it was first of no use
	relapsed bool      // that was soon after it had come back
	next     time.Time // when it is to be pinged
}

// pingsPerTimeout is how often an ancestor that is shunned is pinged within the
// liveness timeout, where nothing has it pinged more or less often.
const pingsPerTimeout = 3

// mostPingWait bounds the time between two pings where they become rarer, in liveness
// time-outs.
const mostPingWait = 4

// outageShare is the part of the time since an ancestor was lost that passes until it is
// pinged again, if it is the parent or the root: one that was away for five seconds is found
// within some 40 ms, and some hundred pings are sent for each threefold time.
const outageShare = 128

// leastPingGap and pingSpacing bound the pings of the parent and the root: all nodes of a
// tree that has lost its root ping it a thousand times a second together, or as often as the
// usual signs of life come to it.
const (
	leastPingGap = 10 * time.Millisecond
	pingSpacing  = time.Millisecond
)

// pingGap is the least time between two pings of an ancestor, in a tree of so many nodes.
func pingGap(liveness time.Duration, nodes int) time.Duration {
	return min(max(leastPingGap, time.Duration(nodes)*pingSpacing), liveness/pingsPerTimeout)
}

// wait is the time until the next ping of a shunned ancestor: longer the longer it is
// shunned, give or take a quarter so that nodes that lost it together do not ask together.
func (l *lineage) wait(m coordinator.Member, s *shun) time.Duration {
	usual := max(l.timeout/pingsPerTimeout, time.Millisecond)
	least, most, share := usual, usual, time.Duration(1)
	if l.all {
		most = mostPingWait * l.timeout
	}
	if view := l.view(); view != nil && (m == view.Root || len(view.Ancestors) > 0 && m == view.Ancestors[0]) {
		share = outageShare
		if l.all {
			most = l.timeout // the root is to hear of this node while it waits for its members, if it has no data
		}
		if !s.relapsed {
			least = max(l.gap, time.Millisecond)
		}
	}
	wait := min(max(time.Since(s.since)/share, least), most)
	return wait*3/4 + rand.N(wait/2)
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
	if before, ancestor := l.set(m, isSilent, waited); before == isSilent || !ancestor {
		return
	}
	l.log.Warn("an ancestor does not answer; going round it until it does", "ancestor", m.Name(), "address", m.Address, "err", err)
}

// cutOff takes in that an ancestor answers, but gets nothing through to the root
// itself. The root is never cut off: it says what it can do for each request.
func (l *lineage) cutOff(m coordinator.Member) {
	if view := l.view(); view == nil || m == view.Root {
		return
	}
	if before, _ := l.set(m, isCutOff, false); before == isSilent {
		l.log.Info("an ancestor answers again, and is cut off from the root itself", "ancestor", m.Name(), "address", m.Address)
	}
}

// answers takes in that an ancestor has answered, and is of use.
func (l *lineage) answers(m coordinator.Member) {
	before, _ := l.set(m, ofUse, false)
	if before == isSilent {
		l.log.Info("an ancestor answers again", "ancestor", m.Name(), "address", m.Address)
	}
	if before != ofUse {
		l.useful()
	}
}

// set changes the standing of an ancestor and returns what it was before. Who is no
// ancestor has none. One that was not shunned is pinged at once, or after a wait.
func (l *lineage) set(m coordinator.Member, now standing, atOnce bool) (before standing, ancestor bool) {
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
		if found {
			delete(l.shunned, m)
			l.returned[m] = time.Now()
		}
	case found:
		s.standing = now
		if atOnce && before != now {
			s.next = time.Time{}
			l.look()
		}
	default:
		s = &shun{standing: now, since: time.Now()}
		s.relapsed = s.since.Sub(l.returned[m]) < l.timeout
		if !atOnce {
			s.next = s.since.Add(l.wait(m, s))
		}
		l.shunned[m] = s
		l.look()
	}
	return before, true
}

// look has watch look again who is to be pinged.
func (l *lineage) look() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// moved forgets who is no ancestor any more, after the view has changed.
func (l *lineage) moved() {
	l.mu.Lock()
	defer l.mu.Unlock()
	ancestors := l.view().Ancestors
	maps.DeleteFunc(l.shunned, func(m coordinator.Member, _ *shun) bool { return !slices.Contains(ancestors, m) })
	maps.DeleteFunc(l.returned, func(m coordinator.Member, _ time.Time) bool { return !slices.Contains(ancestors, m) })
}

// watch pings whom the node shuns until ctx ends, and waits for the pings under way.
func (l *lineage) watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var pings sync.WaitGroup
	defer pings.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.wake:
		}
		due, next := l.due(time.Now())
		for m, s := range due {
			pings.Go(func() { l.check(ctx, m, s) })
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// due takes those that are to be pinged now, and says when the next is, zero for never:
// of all that are shunned and have no ping under way.
func (l *lineage) due(now time.Time) (due map[coordinator.Member]*shun, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	due = make(map[coordinator.Member]*shun)
	for m, s := range l.shunned {
		switch {
		case s.asked:
		case !s.next.After(now):
			s.asked, due[m] = true, s
		case next.IsZero() || s.next.Before(next):
			next = s.next
		}
	}
	return due, next
}

// check pings one of them. What was forgotten meanwhile stays so.
func (l *lineage) check(ctx context.Context, m coordinator.Member, s *shun) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	linked, err := l.ping(ctx, m)
	l.mu.Lock()
	s.asked = false
	s.next = time.Now().Add(l.wait(m, s))
	forgotten := l.shunned[m] != s
	l.mu.Unlock()
	l.look()
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
