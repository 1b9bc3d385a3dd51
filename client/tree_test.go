package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// A listing of seven keys in pages of three, whatever is asked for.
func TestAllWalksOverThePages(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, q.Get("prefix")+"|"+q.Get("after")+"|"+q.Get("limit"))
		from := 1
		if after := q.Get("after"); after != "" {
			_, _ = fmt.Sscanf(after, "k%d", &from)
			from++
		}
		fmt.Fprint(w, `{"entries":[`)
		to := min(from+2, 7)
		for i := from; i <= to; i++ {
			if i > from {
				fmt.Fprint(w, ",")
			}
			fmt.Fprintf(w, `{"key":"k%d","value":%d,"version":"1.%d"}`, i, i, i)
		}
		next := "null"
		if to < 7 {
			next = fmt.Sprintf(`"k%d"`, to)
		}
		fmt.Fprintf(w, `],"next":%s}`, next)
	}))
	t.Cleanup(server.Close)
	c := newClient(t, server.URL)
	var keys []string
	for entry, err := range c.All(context.Background(), "k") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, entry.Key+"="+string(entry.Value)+"@"+entry.Version.String())
	}
	if len(keys) != 7 || keys[0] != "k1=1@1.1" || keys[6] != "k7=7@1.7" {
		t.Errorf("keys %v", keys)
	}
	if want := []string{"k||1000", "k|k3|1000", "k|k6|1000"}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	for range c.All(context.Background(), "k") {
		break
	}
	if len(asked) != 4 {
		t.Errorf("%d pages, want 4: leaving the loop ends the walk", len(asked))
	}
	server.Close()
	for _, err := range c.All(context.Background(), "k") {
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%v, want ErrUnreachable", err)
		}
	}
}

func TestTreeDocumentsAreReadLeniently(t *testing.T) {
	ctx := context.Background()
	f := &fake{status: 200}
	c := serve(t, f)

	f.body = `{"nodes":[{"node":"NODE-1","address":"http://x:1","position":1,"parent":null,"children":["NODE-2"],"state":"alive",
		"since":"2026-01-01T00:00:00Z","version":"1.42","lag_ms":0.5,"stand_in":null,"new":{}},
		{"node":"NODE-2","position":null,"version":null,"children":"odd","lag_ms":null}]}`
	nodes, raw, err := c.Nodes(ctx)
	if err != nil || len(nodes) != 2 || nodes[0].Children[0] != "NODE-2" || *nodes[0].LagMs != 0.5 || nodes[1].LagMs != nil || string(raw) != f.body {
		t.Errorf("nodes %+v, %v", nodes, err)
	}
	f.body = `{"binary_tree_array":["NODE-1",null,"NODE-3"]}`
	if got, err := c.Structure(ctx); err != nil || !slices.Equal(got, []string{"NODE-1", "", "NODE-3"}) {
		t.Errorf("structure %q, %v", got, err)
	}
	f.body = `{"path":"/NODE-1/NODE-3"}`
	if got, err := c.Ancestors(ctx, "5"); err != nil || !slices.Equal(got, []string{"NODE-1", "NODE-3"}) {
		t.Errorf("ancestors %q, %v", got, err)
	}
	f.body = `{"status":"alive","node":"NODE-1","address":"10.0.1.67","role":"root","position":1,"parent":null,"version":"1.1","tree_id":"ab"}`
	if got, err := c.Status(ctx); err != nil || got.Position != 1 || got.Role != "root" || got.TreeID != "ab" {
		t.Errorf("status %+v, %v", got, err)
	}
	f.body = `{"node":"NODE-1","role":"root","version":"2.5","history":["1.3"],"digest":"00ff","lag_ms":null,"pending":2,
		"last_push":{"when":"2026-01-01T00:00:00Z","kind":"delta","entries":3,"bytes":99},"schedule":"@every 5s","fanout":"direct",
		"nodes":[{"node":"NODE-2","confirmed":"2.4","behind":1,"last_push":{"outcome":"applied"}}]}`
	s, err := c.Synchronization(ctx)
	if err != nil || s.LagMs != nil || s.LastPush.Entries != 3 || s.Nodes[0].LastPush.Outcome != "applied" || s.Pending != 2 || string(s.Body) != f.body {
		t.Errorf("synchronization %+v, %v", s, err)
	}
	if err := c.Ready(ctx); err != nil {
		t.Errorf("ready: %v", err)
	}
	f.status = 503
	if err := c.Ready(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("not ready: %v, want ErrUnavailable", err)
	}
}
