//go:build !race

package store

import (
	"testing"

	"xylem/sync/version"
)

func TestAReadAllocatesNothing(t *testing.T) {
	root, s := leaf(t)
	s.Learn(root.write("noted", "1")[0])
	s.LearnAnswer("absent", nil, root.Applied())
	for _, key := range []string{"a", "noted", "absent", "unknown"} {
		if n := testing.AllocsPerRun(1000, func() { s.Get(key) }); n != 0 {
			t.Errorf("reading %s allocates %v times", key, n)
		}
	}
}

func TestGoingThroughACutAllocatesNothingPerEntry(t *testing.T) {
	root := newRoot()
	root.load(1000, "1")
	cut := root.Cut(version.Version{})
	if n := testing.AllocsPerRun(10, func() { through(cut) }); n != 0 {
		t.Errorf("going through a thousand entries allocates %v times", n)
	}
}

func TestASnapshotIsTakenWithoutAnObjectPerEntry(t *testing.T) {
	root := newRoot()
	root.load(10_000, benchValue)
	block := encode(entriesOf(root.Cut(version.Version{})))
	allocations := testing.AllocsPerRun(3, func() {
		if err := NewBuilder().AddBlock(block); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 1000 {
		t.Errorf("ten thousand entries take %v allocations", allocations)
	}
}
