package main

import (
	"strings"
	"testing"
)

func TestReadyIsTheExitStatus(t *testing.T) {
	ready := newFakeNode(t, map[string]string{"GET /readyz": `200 {"status":"ready"}`})
	xylem(t, nil, "ready", ready.url).want(t, 0, "ready\n", "")
	xylem(t, ready.env(), "ready", "3").want(t, 0, "ready\n", "")
	starting := newFakeNode(t, map[string]string{"GET /readyz": `503 {"detail":"holds no state yet"}`})
	xylem(t, nil, "ready", starting.url).want(t, 1, "", "503 holds no state yet\n")
	xylem(t, []string{"XYLEM_API_PORT=1"}, "ready").wantError(t, 3, "http://localhost:1 cannot be reached")
	xylem(t, nil, "ready", "1", "2").wantError(t, 2, "ready takes [NODE]; 2 given")
	xylem(t, nil, "ready", "9").wantError(t, 2, "outside this tree")
}

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

func TestANodeIsNamedByItsOrdinal(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"--ordinal xylem-7", "ordinal 7 is outside this tree, whose 7 nodes have the ordinals 0 to 6"},
		{"--ordinal xylem-06", "is not an ordinal"},
		{"--ordinal xylem-", "is not an ordinal"},
		{"--ordinal xylem-1 --id 2", "--id or --ordinal, not both"},
		{"--ordinal xylem-6", "node needs a data directory"},
	} {
		xylem(t, nil, append([]string{"node"}, strings.Fields(c.flags)...)...).wantError(t, 2, c.want)
	}
}
