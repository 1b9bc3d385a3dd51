package zookeeper

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// firstPause and maxPause bound the time between two attempts to connect, once
	// every server was tried in vain.
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
	// minHandshake is how long a server may at least take to answer a new session.
	minHandshake = time.Second
)

// dialer makes the connections of one zk.Conn, and is its host provider too. The
// library's own looks names up once, fails for good when that fails, waits for ten
// times as long for the first answer of a server that hangs, and after a loss
// pauses for a second even if there is only one server to go back to.
//
// The library calls it from one goroutine.
type dialer struct {
	ctx     context.Context // ends every connection and every wait
	session time.Duration   // the time-out that is asked for
	servers []string
	next    int           // which to try next
	tried   int           // attempts since the last session, or since it was stable
	began   time.Time     // of the last session on a connection
	lost    time.Time     // when its connection was lost
	granted *atomic.Int64 // the session time-out that the server granted, in ms
	made    func(*link)   // hears of every connection
	failed  func(error)   // hears why an attempt failed
}

// Init implements zk.HostProvider.
func (d *dialer) Init(servers []string) error {
	d.servers = servers
	return nil
}

// Len implements zk.HostProvider.
func (d *dialer) Len() int { return len(d.servers) }

// Next implements zk.HostProvider. Its second result makes the library look
// whether it is to end, and otherwise pause, which dial does better.
func (d *dialer) Next() (string, bool) {
	server := d.servers[d.next%len(d.servers)]
	d.next++
	return server, d.ctx.Err() != nil
}

// Connected implements zk.HostProvider: there is a session on the connection.
func (d *dialer) Connected() { d.began = time.Now() }

// dial is a zk.Dialer. It pauses before it tries, once all servers have been tried.
func (d *dialer) dial(network, address string, _ time.Duration) (net.Conn, error) {
	if !d.began.IsZero() {
		if d.lost = time.Now(); d.lost.Sub(d.began) > d.session/4 {
			d.tried = 0 // it was more than a flicker
		}
		d.began = time.Time{}
	}
	if rounds := d.tried / len(d.servers); rounds > 0 {
		pause := min(firstPause<<min(rounds-1, 10), d.session/4, maxPause)
		timer := time.NewTimer(pause/2 + rand.N(pause))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-d.ctx.Done():
		}
	}
	d.tried++
	conn, err := (&net.Dialer{Timeout: min(max(d.session/4, firstPause), maxPause)}).DialContext(d.ctx, network, address)
	if err != nil {
		d.failed(err)
		return nil, err
	}
	l := &link{Conn: conn, granted: d.granted, handshake: max(d.session/2, minHandshake)}
	l.forgets = time.Since(d.lost) > max(d.session, time.Duration(d.granted.Load())*time.Millisecond)
	l.release = context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	d.made(l)
	return l, nil
}

// link is one connection to a server. It bounds how long the server may take to
// answer the request for a session, reads in that answer what time-out it granted,
// for the library keeps that to itself, and remembers when something was sent.
type link struct {
	net.Conn
	granted   *atomic.Int64
	handshake time.Duration
	forgets   bool   // the request for a session is to say nothing of what was seen before
	head      []byte // the answer: length, protocol version, time-out in ms, of 4 bytes each
	release   func() bool

	mu    sync.Mutex
	opens time.Time   // when the request for a session was sent
	signs []time.Time // when something was sent since, the latest last
}

const (
	// headBytes is as much of the first answer as tells the time-out.
	headBytes = 12
	// seenAt and seenBytes are where the request for a session tells what its client
	// has seen of ZooKeeper: behind the length and the protocol version, of 4 bytes each.
	seenAt, seenBytes = 8, 8
	// maxSigns is how many times of sending are remembered: what is sent within
	// half of an eighth of the session time-out after another is not.
	maxSigns = 2 * renewals
)

// SetReadDeadline implements net.Conn.
func (l *link) SetReadDeadline(t time.Time) error {
	if len(l.head) < headBytes {
		// The library takes its deadline back between the length and the rest.
		if limit := time.Now().Add(l.handshake); t.IsZero() || t.After(limit) {
			t = limit
		}
	}
	return l.Conn.SetReadDeadline(t)
}

// Read implements net.Conn.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if missing := headBytes - len(l.head); missing > 0 && n > 0 {
		l.head = append(l.head, p[:min(n, missing)]...)
		if len(l.head) == headBytes {
			l.granted.Store(int64(binary.BigEndian.Uint32(l.head[8:])))
		}
	}
	return n, err
}

// Write implements net.Conn. Whatever is sent is a sign of the session's life.
func (l *link) Write(p []byte) (int, error) {
	l.sign(time.Now(), time.Duration(l.granted.Load())*time.Millisecond)
	if l.forgets {
		l.forgets = false
		p = forgetful(p)
	}
	return l.Conn.Write(p)
}

// forgetful is a request for a session by a client that has seen nothing. A server
// closes the connection of whoever has seen more than it holds, for another may hold
// more, before it says whether the session lives. If ZooKeeper has lost its data, or
// got older ones back, that is what every server does, for ever, and the library
// never hears that its session is gone. Once no server has let this node in for
// longer than a session lasts, what it saw says nothing any more: a server that
// knows less is no further behind than this node is.
func forgetful(request []byte) []byte {
	if len(request) < seenAt+seenBytes {
		return request
	}
	request = slices.Clone(request)
	clear(request[seenAt : seenAt+seenBytes])
	return request
}

// sign remembers that something is sent at a time.
func (l *link) sign(now time.Time, timeout time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n := len(l.signs); {
	case l.opens.IsZero():
		l.opens = now
	case n > 0 && now.Sub(l.signs[n-1]) < timeout/maxSigns:
	case n == maxSigns:
		copy(l.signs, l.signs[1:])
		l.signs[n-1] = now
	default:
		l.signs = append(l.signs, now)
	}
}

// heard is the time of the latest sign that the leader of ZooKeeper knows of once
// something was answered that was sent at a time or later: one from before the leader's last ping, or the
// request for the session, which the leader itself answers. Zero for none.
func (l *link) heard(began time.Time, timeout time.Duration) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opens.After(began) {
		return time.Time{} // another connection was meant
	}
	latest := l.opens
	for _, sign := range l.signs {
		if !sign.After(began.Add(-timeout / 4)) {
			latest = sign
		}
	}
	return latest
}

// Close implements net.Conn.
func (l *link) Close() error {
	l.release()
	return l.Conn.Close()
}
