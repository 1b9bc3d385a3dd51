package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"xylem/client"
	"xylem/sync/version"
)

// lossy loses answers to forwarded writes: the node behind it has taken them all the
// same.
type lossy struct {
	losing atomic.Bool
	lost   atomic.Int64
}

func (l *lossy) before(conn net.Conn) net.Conn { return &lossyConn{Conn: conn, link: l} }

type lossyConn struct {
	net.Conn
	link  *lossy
	write bool // the last request forwarded writes
}

// Read implements net.Conn.
func (c *lossyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bytes.HasPrefix(p[:n], []byte("POST ")) {
		c.write = bytes.HasPrefix(p[:n], []byte("POST "+pathWrite+" "))
	}
	return n, err
}

// Write implements net.Conn.
func (c *lossyConn) Write(p []byte) (int, error) {
	if c.write && c.link.losing.Load() {
		c.link.lost.Add(1)
		return 0, errors.Join(io.ErrClosedPipe, c.Conn.Close())
	}
	return c.Conn.Write(p)
}

// startLossy starts a tree of two levels whose root loses answers when told to.
func startLossy(t *testing.T, options ...option) (*tree, *lossy) {
	t.Helper()
	tr := newTree(t, 2, options...)
	losing := &lossy{}
	tr.nodes[0].before = losing.before
	tr.startAll()
	return tr, losing
}

// awaitLost waits until so many answers were lost.
func (tr *tree) awaitLost(l *lossy, count int64) {
	tr.t.Helper()
	tr.await("answers are lost", func() error {
		if lost := l.lost.Load(); lost < count {
			return fmt.Errorf("%d were", lost)
		}
		return nil
	})
}

// A write whose answer never came is sent again until it is known what became of it:
// it is applied once, and undoes nothing that was written meanwhile.
func TestAWriteWhoseAnswerNeverCameIsSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		later string // written at the root meanwhile
		fate  string
	}{
		"and nothing was written since": {"", client.WriteOrdered},
		"and a later one was":           {"theirs", client.WriteSuperseded},
	} {
		t.Run(name, func(t *testing.T) {
			tr, losing := startLossy(t)
			before := tr.put(3, "greeting", "hello-world").Version
			losing.losing.Store(true)
			queued := tr.queue(3, "greeting", "mine")
			last, value := version.Version{Epoch: before.Epoch, Seq: before.Seq + 1}, "mine"
			tr.wantEntry(1, "greeting", `"mine"`, last)
			tr.awaitLost(losing, 3) // it was sent again, and more than once
			if fate := tr.fate(3, queued.WriteID); fate.State != client.WritePending {
				t.Errorf("NODE-3 says %s, and has not heard", fate.Body)
			}
			if c.later != "" {
				last.Seq, value = last.Seq+1, c.later
				if got := tr.put(1, "greeting", c.later).Version; got != last {
					t.Errorf("the later one is %v, want %v: one write was sent", got, last)
				}
			}

			losing.losing.Store(false)
			if got := tr.awaitFate(3, queued.WriteID, c.fate); got != last {
				t.Errorf("it is %s by %v, want %v", c.fate, got, last)
			}
			tr.awaitEqual()
			if now := tr.status(1).Version; now != last {
				t.Errorf("the root is at %v, want %v", now, last)
			}
			for _, k := range tr.all() {
				tr.wantEntry(k, "greeting", `"`+value+`"`, last)
			}
		})
	}
}

// What may have been ordered, and cannot be sent again, is unknown.
func TestAnAnswerThatNeverCameToAWriteThatCannotWait(t *testing.T) {
	tr, losing := startLossy(t, queueRoom(1<<10))
	before := tr.status(1).Version
	losing.losing.Store(true)
	wantRefusal(t, 504, "outcome-unknown")(tr.client(3).Put(t.Context(), "greeting", []byte(`"once"`), client.IfAbsent()))
	tr.want("greeting", "once", 1)
	losing.losing.Store(false)
	tr.awaitReachable(3)
	losing.losing.Store(true)
	large := `"` + strings.Repeat("v", 1<<10) + `"`
	wantRefusal(t, 504, "outcome-unknown")(tr.client(3).Put(t.Context(), "large", []byte(large)))
	losing.losing.Store(false)
	tr.awaitEqual()
	if now := tr.status(1).Version; now.Seq != before.Seq+2 {
		t.Errorf("the root went from %v to %v by two writes", before, now)
	}
	if status := tr.status(3); status.Pending != 0 || status.Resubmitted != 0 {
		t.Errorf("NODE-3 says %+v", status)
	}
}

// awaitReachable waits until writes of a node get through to the root.
func (tr *tree) awaitReachable(k int) {
	tr.t.Helper()
	tr.await("writes get through", func() error {
		_, err := tr.client(k).Put(tr.t.Context(), "nothing", []byte(`1`), client.IfMatch(version.Version{Epoch: 99, Seq: 1}))
		if errors.Is(err, client.ErrPrecondition) {
			return nil
		}
		return fmt.Errorf("one is answered %w", err)
	})
}
