package node

import (
	"slices"
	"sync"

	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// bodies returns a pull iterator over the bodies of a push. Small pushes are
// encoded once for all nodes that need the same; so are large ones, as they are sent,
// in bounded memory, for those to which they go side by side.
func (n *Node) bodies(e replica.Push) (next func() (wire.Body, bool), stop func()) {
	var all []wire.Body
	switch {
	case e.Cut == nil:
		all = []wire.Body{{}}
	case !small(e.Cut):
		return ahead(n.streams.join(e.Cut))
	default:
		all = n.encodings.of(e)
	}
	i := 0
	return func() (wire.Body, bool) {
		if i == len(all) {
			return wire.Body{}, false
		}
		i++
		return all[i-1], true
	}, func() {}
}

// small reports whether a push is worth keeping in memory, encoded.
func small(cut *store.Cut) bool {
	const mostEntries, mostBytes = 4096, 4 << 20
	if cut.MaxEntries() > mostEntries {
		return false
	}
	bytes := 0
	for e := range cut.Entries() {
		bytes += len(e.Key) + len(e.Value)
	}
	return bytes <= mostBytes
}

// encodings keeps the last few small pushes, encoded.
type encodings struct {
	mu   sync.Mutex
	last []*encoding
}

// encoding is the bodies of the push that leads from one version to another.
type encoding struct {
	from, to version.Version
	kind     wire.Kind
	once     sync.Once
	bodies   []wire.Body
}

func (c *encodings) of(e replica.Push) []wire.Body {
	const kept = 4
	c.mu.Lock()
	i := slices.IndexFunc(c.last, func(x *encoding) bool {
		return x.from == e.Header.From && x.to == e.Header.To && x.kind == e.Header.Kind
	})
	if i < 0 {
		c.last = append(c.last, &encoding{from: e.Header.From, to: e.Header.To, kind: e.Header.Kind})
		if len(c.last) > kept {
			c.last = slices.Delete(c.last, 0, 1)
		}
		i = len(c.last) - 1
	}
	found := c.last[i]
	c.mu.Unlock()
	found.once.Do(func() { found.bodies = slices.Collect(wire.Bodies(e.Cut, wire.MaxBodyBytes)) })
	return found.bodies
}
