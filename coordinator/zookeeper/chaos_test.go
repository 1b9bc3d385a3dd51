package zookeeper

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// reigns is what the nodes of a test did, held against what never may be.
type reigns struct {
	*testing.T
	mu     sync.Mutex
	epoch  uint64 // the highest that was taken
	holder int    // whose lease is the last
	until  time.Time
	count  int
}

// elected takes in that a node is the candidate of an epoch.
func (g *reigns) elected(k int, epoch uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if epoch <= g.epoch {
		g.Errorf("NODE-%d takes epoch %d after %d", k, epoch, g.epoch)
	}
	if g.holder != k && now.Before(g.until) {
		g.Errorf("NODE-%d is the candidate of epoch %d, and the lease of NODE-%d lasts %v more", k, epoch, g.holder, g.until.Sub(now))
	}
	g.epoch = epoch
	g.count++
}

// leased takes in that a node may act until a time.
func (g *reigns) leased(k int, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until) {
		g.holder, g.until = k, until
	}
}

// TestNoTwoReignAtOnce cuts the nodes off and lets them back, at random, and holds
// every election against every lease. When the cuts end there is one root.
func TestNoTwoReignAtOnce(t *testing.T) {
	tr := newTree(t, 400*time.Millisecond)
	g := &reigns{T: t}
	var links []*proxy
	var roots sync.WaitGroup
	stop := make(chan struct{})
	for k := 1; k <= 3; k++ {
		links = append(links, tr.behind(k))
		watched := tr.change
		tr.change = func(c *Config) {
			watched(c)
			deliver, leased, id := c.Deliver, c.Leased, c.Self.ID
			c.Deliver = func(e Event) {
				if e, ok := e.(Elected); ok {
					g.elected(id, e.Epoch)
				}
				deliver(e)
			}
			c.Leased = func(heard, until time.Time) { g.leased(id, until); leased(heard, until) }
		}
		n := tr.start(k, 5)
		tr.change = nil
		roots.Go(func() {
			for {
				select {
				case e := <-n.events:
					if e, ok := e.(Elected); ok {
						_ = n.Serve(tr.ctx(), e.Epoch, placed(n.Self.ID)) // it may be over already
					}
				case <-stop:
					return
				}
			}
		})
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for began := time.Now(); time.Since(began) < 6*time.Second; {
		g.mu.Lock()
		k := g.holder
		g.mu.Unlock()
		if k == 0 || random.IntN(4) == 0 {
			k = 1 + random.IntN(len(links))
		}
		links[k-1].sever()
		<-time.After(time.Duration(random.Int64N(int64(3 * tr.timeout))))
		if random.IntN(4) == 0 { // leave it for longer
			k = 1 + random.IntN(len(links))
		}
		links[k-1].heal()
		<-time.After(time.Duration(random.Int64N(int64(tr.timeout))))
	}
	for _, link := range links {
		link.heal()
	}
	healed := time.Now()
	tr.until("somebody to serve after all", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.until.After(healed.Add(2 * tr.timeout))
	})
	close(stop)
	roots.Wait()
	if g.count < 2 {
		t.Errorf("%d elections: the cuts did nothing", g.count)
	}
	t.Logf("%d elections", g.count)
}
