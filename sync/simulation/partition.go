package simulation

import "slices"

// partition is a set of links that carry nothing, each in one direction.
type partition struct {
	links   map[link]bool
	refuses bool // a caller is told at once that there is no way, instead of hearing nothing
}

// link is the way from one node to another.
type link struct{ from, to uint32 }

// cut has links carry nothing until the returned function is called.
func (t *Tree) cut(p *partition) (heal func()) {
	t.partitions[p] = true
	return func() { delete(t.partitions, p) }
}

// severed reports whether the way from one node to another is cut, and whether
// the sender is told.
func (t *Tree) severed(from, to *Node) (severed, told bool) {
	for p := range t.partitions {
		if p.links[link{from.id, to.id}] {
			severed = true
			told = told || p.refuses
		}
	}
	return severed, told
}

// drawPartition draws who is parted from whom: two nodes, one from all, a subtree
// from the rest, or one half from the other; in one direction or in both.
func (t *Tree) drawPartition() *partition {
	w := t.world
	inside := make(map[*Node]bool)
	outside := func(n *Node) bool { return !inside[n] }
	one := t.nodes[w.Rand.IntN(len(t.nodes))]
	if t.ensemble != nil && w.Chance(0.5) {
		one = t.root()
	}
	switch w.Rand.IntN(4) {
	case 0:
		other := one.parent()
		if other == nil || w.Chance(0.5) {
			other = t.nodes[w.Rand.IntN(len(t.nodes))]
		}
		inside[one] = true
		outside = func(n *Node) bool { return n == other }
	case 1:
		inside[one] = true
	case 2:
		for _, n := range t.nodes {
			inside[n] = n.below(one)
		}
	case 3:
		for _, n := range t.nodes {
			inside[n] = w.Chance(0.5)
		}
	}
	if t.ensemble != nil && w.Chance(0.1) { // the ensemble is away, for all
		inside, outside = map[*Node]bool{t.ensemble.link: true}, func(n *Node) bool { return n != t.ensemble.link }
	}
	out, in := true, true
	switch w.Rand.IntN(4) {
	case 0:
		out = false
	case 1:
		in = false
	}
	p := &partition{links: make(map[link]bool), refuses: w.Chance(0.2)}
	ends := t.ends()
	if t.ensemble != nil && !inside[t.ensemble.link] {
		switch w.Rand.IntN(4) {
		case 0: // who is inside is parted from the ensemble alone
			outside = func(n *Node) bool { return n == t.ensemble.link }
		case 1: // from the others alone
			ends = t.nodes
		case 2: // the others are parted from those and the ensemble
			inside[t.ensemble.link] = true
		}
	}
	for _, a := range ends {
		for _, b := range ends {
			if inside[a] && outside(b) && a != b {
				p.links[link{a.id, b.id}] = out
				p.links[link{b.id, a.id}] = in
			}
		}
	}
	return p
}

// ends are all that links lead to: the nodes, and the ensemble where there is one.
func (t *Tree) ends() []*Node {
	if t.ensemble == nil {
		return t.nodes
	}
	return append(slices.Clone(t.nodes), t.ensemble.link)
}

// below reports whether n is other or stands below it.
func (n *Node) below(other *Node) bool {
	return n == other || slices.Contains(n.ancestors(), other)
}

// schedulePartitions has links cut and healed, several at once.
func (t *Tree) schedulePartitions(s Scenario) {
	w := t.world
	for range 1 + w.Rand.IntN(5) {
		w.After(w.Between(0, s.Hurt-w.Now()), func() {
			t.Stats.Partitions++
			p := t.drawPartition()
			w.Tracef("cut, and refusing: %v: %v", p.refuses, t.describe(p))
			heal := t.cut(p)
			w.After(w.Between(0, s.Hurt/4), func() {
				w.Tracef("healed: %v", t.describe(p))
				heal()
			})
		})
	}
}

// describe lists the cut links of a partition in a fixed order, for the trace.
func (t *Tree) describe(p *partition) (links []link) {
	for _, a := range t.ends() {
		for _, b := range t.ends() {
			if l := (link{a.id, b.id}); p.links[l] {
				links = append(links, l)
			}
		}
	}
	return links
}

// healAll heals every cut.
func (t *Tree) healAll() { clear(t.partitions) }
