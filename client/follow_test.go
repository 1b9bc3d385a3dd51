package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// memberOf answers everything as a node does that is not the root, and names one.
func memberOf(t *testing.T, address string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"type":"urn:xylem:problem:ask-the-root","status":403,"detail":"ask NODE-3","root":"NODE-3","address":%q}`, address)
	}))
	t.Cleanup(server.Close)
	return New(server.URL)
}

func TestTheRootThatAMemberNamesIsAsked(t *testing.T) {
	root := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /nodes":
			fmt.Fprint(w, `{"nodes":[{"node":"NODE-3"}]}`)
		case "POST /nodes/root":
			fmt.Fprint(w, `{"root":"NODE-2","address":"http://b","epoch":7}`)
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer root.Close()
	c := memberOf(t, root.URL)
	if nodes, _, err := c.Nodes(t.Context()); err != nil || len(nodes) != 1 || nodes[0].Node != "NODE-3" {
		t.Errorf("nodes %v, %v", nodes, err)
	}
	if moved, err := c.MoveRoot(t.Context(), "NODE-2"); err != nil || moved.Epoch != 7 {
		t.Errorf("moved %+v, %v", moved, err)
	}
}

// In a container's network nodes have addresses that nobody outside can reach.
func TestARootThatCannotBeReachedIsNamed(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, address := range []string{gone.URL, "no address"} {
		_, _, err := memberOf(t, address).Nodes(t.Context())
		var named *Problem
		if !errors.As(err, &named) || !errors.Is(err, ErrForbidden) || named.Extension("root") != "NODE-3" {
			t.Errorf("at %s: %v", address, err)
		}
	}
}
