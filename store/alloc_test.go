//go:build !race

package store

import "testing"

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
