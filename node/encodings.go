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
	if cut.MaxBytes() <= mostBytes {
		return true
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

// of are the bodies of a push.
func (c *encodings) of(e replica.Push) []wire.Body {
	found := c.find(&e.Header)
	found.once.Do(func() { found.bodies = slices.Collect(wire.Bodies(e.Cut, wire.MaxBodyBytes)) })
	return found.bodies
}

// cameAs keeps the body of a delta of one piece as it came: whoever it is passed on to, and
// is where it began, needs the same.
func (c *encodings) cameAs(h *wire.Header, piece []byte, entries int) {
	found := c.find(h)
	found.once.Do(func() { found.bodies = []wire.Body{wire.BodyOf(piece, entries)} })
}

func (c *encodings) find(h *wire.Header) *encoding {
	const kept = 4
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.last, func(x *encoding) bool { return x.from == h.From && x.to == h.To && x.kind == h.Kind })
	if i < 0 {
		c.last = append(c.last, &encoding{from: h.From, to: h.To, kind: h.Kind})
		if len(c.last) > kept {
			c.last = slices.Delete(c.last, 0, 1)
		}
		i = len(c.last) - 1
	}
	return c.last[i]
}
