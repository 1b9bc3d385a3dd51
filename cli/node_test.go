package main

import (
	"strings"
	"testing"
)

func TestANodeIsNamedByItsOrdinal(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"--ordinal xylem-7", "ordinal 7 is outside this tree, whose 7 nodes have the ordinals 0 to 6"},
		{"--ordinal xylem-06", "is not an ordinal"},
		{"--ordinal xylem-", "is not an ordinal"},
		{"--ordinal=-1", "is not an ordinal"},
		{"--ordinal=xylem--1", "is not an ordinal"},
		{"--ordinal xylem-1 --id 2", "--id or --ordinal, not both"},
		{"--ordinal xylem-6", "node needs a data directory"},
	} {
		xylem(t, nil, append([]string{"node"}, strings.Fields(c.flags)...)...).wantError(t, 2, c.want)
	}
}
