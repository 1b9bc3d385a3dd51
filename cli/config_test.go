package main

import (
	"strings"
	"testing"
)

func TestConfigShowsWhatCounts(t *testing.T) {
	env := []string{"XYLEM_SYNC_SCHEDULE=@every 1s", "XYLEM_AUTH_CLUSTER_SECRET=0123456789abcdef"}
	xylem(t, env, "config", "sync.schedule").want(t, 0, "@every 1s\n", "")
	xylem(t, env, "config", "tree.depth", "--depth", "2").want(t, 0, "2\n", "")
	all := xylem(t, env, "config")
	if !strings.Contains(all.out, "\nsync.schedule=@every 1s\n") || !strings.HasPrefix(all.out, "tree.depth=3\n") || strings.Contains(all.out, "0123") {
		t.Errorf("%+v", all)
	}
	xylem(t, env, "config", "auth.cluster_secret").wantError(t, 2, "no key", "a secret")
	xylem(t, env, "config", "--depth", "17").wantError(t, 2, "tree.depth")
}
