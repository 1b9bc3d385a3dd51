package node

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"xylem/coordinator"
	"xylem/sync/replica"
	"xylem/sync/wire"
)

// A promise may be long in coming while it comes on. One that stops, or never begins,
// costs the candidate one liveness timeout.
func TestAPromiseMayBeLongInComing(t *testing.T) {
	tr := startElected(t, 1)
	n := tr.nodes[0].node
	limit := tr.cfg.Liveness.Timeout
	promise := wire.AppendPromise(nil, &wire.Promise{Granted: true, Epoch: 7})
	for _, c := range []struct {
		name  string
		parts int // of the promise, one in half a liveness timeout; the rest never comes
		takes time.Duration
		given bool
	}{
		{"slow", 6, 3 * limit, true},
		{"stops on the way", 3, 2 * limit, false},
		{"never begins", 0, limit, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			member := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body) // else the server does not notice that the asker has gone
				answer := http.NewResponseController(w)
				tick := time.NewTicker(limit / 2)
				defer tick.Stop()
				rest := promise
				for i := range c.parts {
					part := rest[:len(rest)/(6-i)]
					rest = rest[len(part):]
					_, _ = w.Write(part)
					_ = answer.Flush()
					<-tick.C
				}
				if c.parts < 6 {
					<-r.Context().Done()
				}
			}))
			defer member.Close()
			election := n.election
			election.mu.Lock()
			election.candidacy.living[2] = coordinator.Member{ID: 2, Address: member.URL}
			election.mu.Unlock()
			began := time.Now()
			in := n.gather(replica.Gather{Node: 2, Epoch: 7})
			took := time.Since(began)
			if given := in.Promise != nil && in.Promise.Epoch == 7; given != c.given || took < c.takes*9/10 || took > c.takes+patience/2 {
				t.Errorf("a promise %v after %v, want %v after %v", given, took, c.given, c.takes)
			}
		})
	}
}
