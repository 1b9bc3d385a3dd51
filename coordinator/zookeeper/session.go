package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

// errSlow says that ZooKeeper did not answer a call in time. Whether the call was
// carried out is unknown.
var errSlow = errors.New("ZooKeeper does not answer in time")

// state is what is known of the connection at a moment.
type state struct {
	id        int64         // of the session; 0 before the first and after it expired
	connected bool          // the session is on a connection right now
	server    string        // that it is or was on
	granted   time.Duration // the session time-out that the server granted
	failure   error         // why the last attempt to connect failed
}

// session is one zk.Conn and what its callback tells. The library makes a new
// session by itself after one has expired. Calls may come from any goroutine.
type session struct {
	conn  *zk.Conn
	ended <-chan zk.Event // closed when the library's goroutines have ended
	stop  context.CancelFunc
	kick  func() // tells the owner to look; does not block

	granted atomic.Int64   // in ms; stored before the library says that there is a session
	calls   sync.WaitGroup // those of call whose answer may still come

	mu    sync.Mutex
	state state
	link  *link           // the last connection
	fired map[string]bool // paths of watches that have fired
}

// quiet drops what the library says about every attempt, to debug.
type quiet struct{ *slog.Logger }

// Printf implements zk.Logger.
func (q quiet) Printf(format string, args ...any) {
	q.Debug("ZooKeeper client: " + fmt.Sprintf(format, args...))
}

// open begins to connect, and goes on until close. It does not wait.
func open(servers []string, timeout time.Duration, log *slog.Logger, kick func()) (*session, error) {
	ctx, stop := context.WithCancel(context.Background())
	s := &session{stop: stop, kick: kick, fired: map[string]bool{}}
	d := &dialer{ctx: ctx, session: timeout, granted: &s.granted, made: s.made, failed: s.failed}
	// The callback runs before Connect returns: it reads s.conn under this lock only.
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	s.conn, s.ended, err = zk.Connect(servers, timeout, zk.WithDialer(d.dial), zk.WithHostProvider(d),
		zk.WithEventCallback(s.event), zk.WithLogger(quiet{log}))
	if err != nil {
		stop()
		return nil, err
	}
	return s, nil
}

// event is the library's callback: it must not block.
func (s *session) event(e zk.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Type != zk.EventSession:
		s.fired[e.Path] = true
	case e.State == zk.StateHasSession:
		s.state = state{id: s.conn.SessionID(), connected: true, server: e.Server, granted: time.Duration(s.granted.Load()) * time.Millisecond}
	case e.State == zk.StateExpired:
		s.state.id, s.state.connected = 0, false
	case e.State == zk.StateDisconnected:
		s.state.connected = false
	default:
		return
	}
	s.kick()
}

// failed takes in that a server could not be connected to.
func (s *session) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.failure = err
}

// made takes in that there is a new connection.
func (s *session) made(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link = l
}

// heard is link.heard of the connection that there is.
func (s *session) heard(began time.Time, timeout time.Duration) time.Time {
	s.mu.Lock()
	l := s.link
	s.mu.Unlock()
	return l.heard(began, timeout)
}

// look is the state as of now, and the paths of the watches that have fired since
// it was called last.
func (s *session) look() (state, map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fired := maps.Clone(s.fired)
	clear(s.fired)
	return s.state, fired
}

// connected reports whether calls have a chance.
func (s *session) connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.connected
}

// limit is how long a call may take: as long as a lease could last that it brings.
func (s *session) limit() time.Duration {
	return time.Duration(s.granted.Load()) * time.Millisecond / leaseShare
}

// call makes a call that ends when ctx does, when the connection is lost, or when
// it takes too long. In all of these cases it may still be carried out, though
// not after a call of the same session that is made later.
func call[T any](ctx context.Context, s *session, do func(*zk.Conn) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if !s.connected() {
		return none, zk.ErrConnectionClosed
	}
	answers := make(chan answer, 1)
	s.calls.Go(func() {
		value, err := do(s.conn)
		answers <- answer{value, err}
	})
	limit := time.NewTimer(s.limit())
	defer limit.Stop()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-limit.C:
		return none, errSlow
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// close ends the session, so that what is ephemeral is gone at once, if ZooKeeper
// can be reached, and waits for everything that open and call have started.
func (s *session) close() {
	if !s.connected() {
		s.stop()
	}
	s.conn.Close() // waits for the server, for a second at most
	s.stop()
	for range s.ended {
		// What the callback has heard already: nobody else reads it.
	}
	s.calls.Wait()
}

// transient reports whether an error goes away by waiting or looking again.
func transient(err error) bool {
	var broken net.Error // the connection, which is logged by its own state
	if errors.As(err, &broken) {
		return true
	}
	for _, known := range []error{
		zk.ErrConnectionClosed, zk.ErrNoServer, zk.ErrSessionExpired, zk.ErrSessionMoved, zk.ErrClosing, io.EOF, errSlow, errAgain,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
