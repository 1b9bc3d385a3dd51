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

// lossy is a listener that loses answers to forwarded writes: the node behind it
// has taken them all the same.
type lossy struct {
	net.Listener
	losing atomic.Bool
	lost   atomic.Int64
}

// Accept implements net.Listener.
func (l *lossy) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lossyConn{Conn: conn, listener: l}, nil
}

type lossyConn struct {
	net.Conn
	listener *lossy
	write    bool // the last request forwarded writes
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
	if c.write && c.listener.losing.Load() {
		c.listener.lost.Add(1)
		return 0, errors.Join(io.ErrClosedPipe, c.Conn.Close())
	}
	return c.Conn.Write(p)
}

// startLossy starts a tree of two levels whose root loses answers when told to.
func startLossy(t *testing.T, options ...option) (*tree, *lossy) {
	t.Helper()
	tr := newTree(t, 2, options...)
	losing := &lossy{}
	tr.nodes[0].listening = func(l net.Listener) net.Listener { losing.Listener = l; return losing }
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

func TestARetryAfterAnAnswerThatNeverCameIsAppliedOnce(t *testing.T) {
	tr, losing := startLossy(t)
	before := tr.put(3, "greeting", "hello-world").Version
	losing.losing.Store(true)
	queued := tr.queue(3, "greeting", "hello-mars")
	v := version.Version{Epoch: before.Epoch, Seq: before.Seq + 1}
	tr.wantEntry(1, "greeting", `"hello-mars"`, v)
	tr.awaitLost(losing, 3) // it was sent again, and more than once
	if fate := tr.fate(3, queued.WriteID); fate.State != client.WritePending {
		t.Errorf("NODE-3 says %s, and has not heard", fate.Body)
	}

	losing.losing.Store(false)
	if got := tr.awaitFate(3, queued.WriteID, client.WriteOrdered); got != v {
		t.Errorf("it was ordered as %v, want %v", got, v)
	}
	tr.awaitEqual()
	if now := tr.status(1).Version; now != v {
		t.Errorf("the root is at %v, want %v: one write was sent", now, v)
	}
	for _, k := range tr.all() {
		tr.wantEntry(k, "greeting", `"hello-mars"`, v)
	}
}

func TestARetryDoesNotUndoWhatWasWrittenMeanwhile(t *testing.T) {
	tr, losing := startLossy(t)
	before := tr.put(3, "greeting", "hello-world").Version
	losing.losing.Store(true)
	queued := tr.queue(3, "greeting", "mine")
	theirs := tr.put(1, "greeting", "theirs").Version
	if theirs.Seq != before.Seq+2 {
		t.Errorf("%v was followed by %v, with one write between", before, theirs)
	}
	losing.losing.Store(false)
	if got := tr.awaitFate(3, queued.WriteID, client.WriteSuperseded); got != theirs {
		t.Errorf("it was superseded by %v, want %v", got, theirs)
	}
	tr.awaitEqual()
	if now := tr.status(1).Version; now != theirs {
		t.Errorf("the root is at %v, want %v", now, theirs)
	}
	for _, k := range tr.all() {
		tr.wantEntry(k, "greeting", `"theirs"`, theirs)
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
