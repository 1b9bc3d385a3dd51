package simulation

import (
	"slices"
	"time"

	"xylem/sync/version"
)

// ensemble is the simulated coordinator of a tree whose root is elected: one set of
// registers that never lies, as ZooKeeper is, behind links that fail as all others do.
// It ends sessions no sooner than it may, and sometimes much later, and what it tells
// the nodes comes late, to each at another time.
type ensemble struct {
	tree    *Tree
	link    *Node          // its end of the links
	session time.Duration  // how long a node may be silent
	name    version.TreeID // of the tree
	members map[uint32]*membership
	boots   map[uint32]uint64 // of each node, the last run that was ever a member
	epoch   uint64            // that was taken last
	holder  holder
	vacant  time.Duration // when the next election is due, where nobody is candidate or root
	next    uint32        // named by a root that hands over
	book    []uint32      // who stands where, in heap order
	number  uint64        // of the last change

	owners  map[uint64]holder              // of every epoch
	granted map[uint64]map[uint32][]*write // who promised which epoch, and what they had acknowledged
	served  uint64                         // the highest epoch in which a root serves
}

// holder is the candidate or root; the zero holder is nobody.
type holder struct {
	node    uint32
	boot    uint64
	epoch   uint64
	living  int // members when it heard of it, itself among them
	serving bool
}

// membership is a node's entry, which lives as long as its session.
type membership struct {
	boot    uint64
	until   time.Duration // when its session ends, unless it is heard before
	holds   version.Version
	fit     bool
	resting time.Duration // until then it does not want to lead
}

// view is what a node is told: the registers at some time.
type view struct {
	number uint64
	holder holder
	living map[uint32]uint64 // members, and their runs
	book   []uint32
	tree   version.TreeID
}

func newEnsemble(t *Tree) *ensemble {
	e := &ensemble{
		tree: t, session: t.world.Between(400*time.Millisecond, 1500*time.Millisecond),
		link: &Node{tree: t, boot: 1}, name: version.TreeID{byte(1 + t.world.Rand.IntN(255))},
		members: make(map[uint32]*membership), boots: make(map[uint32]uint64),
		owners: make(map[uint64]holder), granted: make(map[uint64]map[uint32][]*write),
	}
	for _, n := range t.nodes {
		e.book = append(e.book, n.id)
	}
	e.tick()
	return e
}

// tick ends sessions and elects, again and again.
func (e *ensemble) tick() {
	w := e.tree.world
	for _, n := range e.tree.nodes {
		if m := e.members[n.id]; m != nil && w.Now() > m.until {
			w.Tracef("the session of NODE-%d is over", n.id)
			delete(e.members, n.id)
			e.vacate(holder{node: n.id, boot: m.boot, epoch: e.holder.epoch})
		}
	}
	if e.holder.node == 0 && w.Now() >= e.vacant {
		e.elect()
	}
	w.After(50*time.Millisecond, e.tick)
}

// heard takes a sign of life of a node's run, and makes it a member where it may be.
func (e *ensemble) heard(id uint32, boot uint64, holds version.Version, fit bool) {
	w := e.tree.world
	m := e.members[id]
	switch {
	case boot < e.boots[id], m != nil && m.boot != boot: // a run before; or that one's entry is still there
		return
	case m == nil:
		m = &membership{boot: boot}
		e.members[id], e.boots[id] = m, boot
	}
	m.holds, m.fit = holds, fit
	silent := e.session
	if w.Chance(0.1) {
		silent += w.Between(0, 2*e.session)
	}
	m.until = max(m.until, w.Now()+silent)
}

// elect makes a member the candidate of the next epoch: mostly NODE-1 if it holds as
// much as any, else who holds most; but now and then anybody.
func (e *ensemble) elect() {
	w := e.tree.world
	var willing []uint32
	best := uint32(0)
	for _, n := range e.tree.nodes {
		m := e.members[n.id]
		if m == nil || !m.fit || w.Now() < m.resting {
			continue
		}
		willing = append(willing, n.id)
		if best == 0 || e.members[best].holds.Before(m.holds) {
			best = n.id
		}
	}
	if best == 0 {
		return
	}
	if w.Chance(0.15) {
		best = willing[w.Rand.IntN(len(willing))]
	}
	if slices.Contains(willing, e.next) {
		best = e.next
	}
	e.next = 0
	e.epoch++
	e.holder = holder{node: best, boot: e.members[best].boot, epoch: e.epoch}
	e.owners[e.epoch] = e.holder
	e.granted[e.epoch] = make(map[uint32][]*write)
	w.Tracef("NODE-%d is the candidate of epoch %d, of %d members", best, e.epoch, len(e.members))
	e.changed()
}

// vacate ends a candidacy or a root's time, if it is that one's.
func (e *ensemble) vacate(of holder) bool {
	if e.holder.node != of.node || e.holder.boot != of.boot || e.holder.epoch != of.epoch {
		return false
	}
	w := e.tree.world
	e.holder = holder{}
	e.vacant = w.Now() + w.Between(0, e.session/4)
	e.changed()
	return true
}

// stepAside takes in that a candidate or root gives up.
func (e *ensemble) stepAside(of holder, beyond uint64) {
	e.epoch = max(e.epoch, beyond)
	if m := e.members[of.node]; m != nil && e.vacate(of) {
		m.resting = e.tree.world.Now() + e.tree.world.Between(100*time.Millisecond, 2*e.session)
	}
}

// handOver takes in that a root gives up in favour of another.
func (e *ensemble) handOver(of holder, to uint32) {
	if e.vacate(of) {
		e.next, e.vacant = to, e.tree.world.Now()
	}
}

// serve makes a candidate the root, in position 1, if it is the candidate still.
func (e *ensemble) serve(of holder) bool {
	if e.holder.node != of.node || e.holder.boot != of.boot || e.holder.epoch != of.epoch {
		return false
	}
	if !e.holder.serving {
		e.holder.serving = true
		e.book = slices.Clone(e.book)
		at := slices.Index(e.book, of.node)
		e.book[0], e.book[at] = e.book[at], e.book[0]
		e.changed()
	}
	return true
}

// view is the registers as they are.
func (e *ensemble) view() view {
	v := view{number: e.number, holder: e.holder, living: make(map[uint32]uint64), book: e.book, tree: e.name}
	for id, m := range e.members {
		v.living[id] = m.boot
	}
	return v
}

// changed tells every node, one sooner and another later.
func (e *ensemble) changed() {
	e.number++
	v, w := e.view(), e.tree.world
	for _, n := range e.tree.nodes {
		boot, delay := n.boot, e.tree.transit()
		if w.Chance(0.15) {
			delay += w.Between(0, 3*time.Second)
		}
		w.After(delay, func() {
			if severed, _ := e.tree.severed(e.link, n); !severed && n.boot == boot {
				n.do(func() { n.sees(v) })
			}
		})
	}
}
