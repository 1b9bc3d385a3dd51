package node

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// cutting closes a connection in the midst of what comes, once.
type cutting struct {
	left atomic.Int64 // bytes that come before that
}

func (l *cutting) before(conn net.Conn) net.Conn { return &cutConn{Conn: conn, link: l} }

type cutConn struct {
	net.Conn
	link *cutting
}

// Read implements net.Conn.
func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if left := c.link.left.Add(int64(-n)); left <= 0 && left+int64(n) > 0 {
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
	}
	return n, err
}

func TestASnapshotGoesOnWhereItBroke(t *testing.T) {
	const entries = 50_000
	const breaks, whole = 3 << 20, entries * 116 // after how many bytes, and those of keys and values alone
	tr := newTree(t, 2, onlyTicks())
	link := &cutting{}
	link.left.Store(breaks)
	tr.nodes[2].before = link.before
	tr.start(1)
	tr.awaitReady(1)
	fillWithNoise(t, tr.nodes[0].node, entries)
	tr.start(2)
	tr.awaitReady(2)
	tr.start(3)
	tr.awaitReady(3)
	tr.awaitEqual()
	if link.left.Load() > 0 {
		t.Fatal("nothing was cut")
	}
	if came := breaks - link.left.Load(); came < whole || came > breaks+whole*3/4 {
		t.Errorf("%d bytes came to NODE-3, of a snapshot of %d that broke after %d", came, whole, breaks)
	}
	tr.put(1, "after", "1")
	tr.tick()
	tr.awaitEqual()
}

// Nodes that need a snapshot at the same time share its encoding; whoever reads, in
// whatever order, sees what a reader of the cut sees.
func TestStreamsYieldTheSameToAll(t *testing.T) {
	tr := startTree(t, 1)
	root := tr.nodes[0].node
	fillWithNoise(t, root, 100_000) // more bodies than are kept
	cut := root.store.Cut(version.Version{})
	var all streams
	fast, stopFast := ahead(all.join(cut))
	slow, stopSlow := all.join(cut)
	if len(all.open) != 1 {
		t.Errorf("there are %d streams of one cut", len(all.open))
	}
	count := func(next func() (wire.Body, bool), most int) (bodies, entries int) {
		for bodies < most {
			b, more := next()
			if !more {
				break
			}
			bodies, entries = bodies+1, entries+b.Entries
		}
		return bodies, entries
	}
	_, begun := count(slow, 2)
	bodies, entries := count(fast, 1000)
	if entries != 100_000 || bodies <= recentBodies {
		t.Errorf("the fast reader sees %d entries in %d bodies", entries, bodies)
	}
	if _, rest := count(slow, 1000); begun+rest != 100_000 {
		t.Errorf("the slow reader sees %d entries, and %d", begun, rest)
	}
	late, stopLate := all.join(cut)
	if _, entries := count(late, 1); entries == 0 {
		t.Error("a late reader sees nothing")
	}
	stopFast()
	stopSlow()
	stopLate()
	if len(all.open) != 0 {
		t.Errorf("%d streams are still open", len(all.open))
	}
}
