package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"xylem/configs"
	"xylem/coordinator"
	"xylem/coordinator/zookeeper"
)

// council is what decides who is the root in a tree of this process: what ZooKeeper
// does, in memory, with sessions that end when a test says so.
type council struct {
	quorum int // seats without which nobody is elected the first time

	mu        sync.Mutex
	epoch     uint64
	seats     map[int]*seat // with a session, by k
	holder    *seat         // candidate or root; nil for none
	serving   bool
	placement coordinator.Placement
	tree      string       // its id, once there is a candidate
	favoured  int          // who goes first next; 0 for nobody
	barred    map[int]bool // who stepped aside, until all have or somebody serves
	delayed   bool         // the next election, for a moment: all stepped aside
	whys      []string     // why somebody stepped aside
	refusing  error        // what Serve, Save and HandOver answer, if not nil
	ghosts    []coordinator.Member
}

// seat is one node's part; it is its ensemble.
type seat struct {
	council *council
	cfg     zookeeper.Config
	away    bool // nothing gets here from ZooKeeper
	events  []zookeeper.Event
	woken   chan struct{} // holds a token while there may be events
}

var errDeposed = errors.New("not the candidate or root of that epoch")

// newElectedTree is a tree of which nothing runs yet and whose root is elected, once so
// many nodes run.
func newElectedTree(t *testing.T, depth, quorum int, options ...option) *tree {
	tr := newTree(t, depth, options...)
	tr.cfg.Coordinator.Kind = configs.CoordinatorZooKeeper
	tr.cfg.Coordinator.ZooKeeper.SessionTimeout = 800 * time.Millisecond
	tr.council = &council{quorum: quorum, seats: make(map[int]*seat), barred: make(map[int]bool)}
	return tr
}

// open is what Options.ensemble is.
func (c *council) open(cfg zookeeper.Config) (ensemble, error) {
	return &seat{council: c, cfg: cfg, woken: make(chan struct{}, 1)}, nil
}

// Run implements ensemble.
func (s *seat) Run(ctx context.Context) error {
	c := s.council
	c.enter(s)
	defer c.vacate(s)
	heartbeat := time.NewTicker(s.cfg.SessionTimeout / 8)
	defer heartbeat.Stop()
	for {
		began := time.Now()
		for _, event := range c.take(s) {
			s.cfg.Deliver(event)
		}
		if c.leads(s) {
			s.cfg.Leased(began, began.Add(s.cfg.SessionTimeout/2))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.woken:
		case <-heartbeat.C:
		}
	}
}

func (c *council) enter(s *seat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seats[s.cfg.Self.ID] = s
	if c.serving {
		s.tell(zookeeper.Following{Root: c.holder.cfg.Self, Epoch: c.epoch})
	}
	c.elect()
}

// vacate ends a session.
func (c *council) vacate(s *seat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seats[s.cfg.Self.ID] == s {
		delete(c.seats, s.cfg.Self.ID)
	}
	c.depose(s)
}

// depose takes the role from whoever has it, and has another elected. c.mu is held.
func (c *council) depose(s *seat) {
	if c.holder != s {
		return
	}
	c.holder, c.serving = nil, false
	for _, other := range c.seats {
		other.tell(zookeeper.Leaderless{})
	}
	c.elect()
}

// tell has an event delivered. c.mu is held.
func (s *seat) tell(event zookeeper.Event) {
	s.events = append(s.events, event)
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// take is what a seat has not been told yet.
func (c *council) take(s *seat) []zookeeper.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.away {
		return nil
	}
	events := s.events
	s.events = nil
	return events
}

func (c *council) leads(s *seat) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holder == s && !s.away
}

// elect makes somebody the candidate if nobody is. c.mu is held.
func (c *council) elect() {
	if c.holder != nil || c.epoch == 0 && len(c.seats) < c.quorum || len(c.seats) == 0 {
		return
	}
	fit := slices.DeleteFunc(slices.Sorted(maps.Keys(c.seats)), func(k int) bool { return c.barred[k] })
	if len(fit) == 0 {
		c.barred = make(map[int]bool)
		if !c.delayed {
			c.delayed = true
			time.AfterFunc(20*time.Millisecond, func() { c.change(func() { c.delayed = false }) })
		}
		return
	}
	best := slices.MaxFunc(fit, func(a, b int) int { return c.rank(a) - c.rank(b) })
	c.holder, c.favoured = c.seats[best], 0
	others := slices.Clone(c.ghosts)
	for _, k := range slices.Sorted(maps.Keys(c.seats)) {
		c.epoch = max(c.epoch, c.seats[k].cfg.Holding().Promised)
		if k != best {
			others = append(others, c.seats[k].cfg.Self)
		}
	}
	c.epoch++
	if c.tree == "" {
		c.tree = c.holder.cfg.Holding().Tree
	}
	c.holder.tell(zookeeper.Elected{Epoch: c.epoch, Living: others, Placement: c.placement, Tree: c.tree})
}

// rank says who goes first: who is favoured, else who holds most, else the
// configured root.
func (c *council) rank(k int) int {
	s := c.seats[k]
	rank := int(s.cfg.Holding().Seq) * 4
	if k == s.cfg.ConfiguredRoot {
		rank += 2
	}
	if k == c.favoured {
		rank += 1 << 40
	}
	return rank
}

// as does something for the candidate or root of an epoch.
func (s *seat) as(epoch uint64, do func(*council) error) error {
	c := s.council
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.holder != s || c.epoch != epoch:
		return errDeposed
	case c.refusing != nil:
		return c.refusing
	}
	return do(c)
}

// Serve implements ensemble.
func (s *seat) Serve(_ context.Context, epoch uint64, p coordinator.Placement) error {
	return s.as(epoch, func(c *council) error {
		c.serving, c.placement, c.barred = true, slices.Clone(p), make(map[int]bool)
		c.tree = s.cfg.Holding().Tree
		for _, other := range c.seats {
			if other != s {
				other.tell(zookeeper.Following{Root: s.cfg.Self, Epoch: epoch})
			}
		}
		return nil
	})
}

// Save implements ensemble.
func (s *seat) Save(_ context.Context, epoch uint64, p coordinator.Placement) error {
	return s.as(epoch, func(c *council) error {
		c.placement = slices.Clone(p)
		return nil
	})
}

// StepAside implements ensemble.
func (s *seat) StepAside(epoch, beyond uint64, why string) {
	c := s.council
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder == s && c.epoch == epoch {
		c.whys = append(c.whys, why)
		c.barred[s.cfg.Self.ID] = true
		c.epoch = max(c.epoch, beyond)
		c.depose(s)
	}
}

// HandOver implements ensemble.
func (s *seat) HandOver(_ context.Context, epoch uint64, to int) error {
	return s.as(epoch, func(c *council) error {
		c.favoured = to
		c.depose(s)
		return nil
	})
}

// lose cuts NODE-k off: its session ends when its time is up, and it does not hear of
// that until it is found again.
func (c *council) lose(k int) *seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.seats[k]
	s.away = true
	time.AfterFunc(s.cfg.SessionTimeout, func() { c.vacate(s) })
	return s
}

// find gives a lost seat a new session.
func (c *council) find(s *seat) {
	c.mu.Lock()
	s.away = false
	s.tell(zookeeper.Leaderless{})
	c.mu.Unlock()
	c.enter(s)
}

// change sets what a test wants, and has somebody elected if nobody is.
func (c *council) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	c.elect()
}

// startElected starts a tree whose root is elected, and waits until somebody serves
// and everybody has joined.
func startElected(t *testing.T, depth int, options ...option) *tree {
	t.Helper()
	tr := newElectedTree(t, depth, 1<<depth-1, options...)
	for _, p := range tr.nodes {
		tr.start(p.k)
	}
	tr.awaitElected()
	return tr
}
