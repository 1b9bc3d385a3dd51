package simulation

import (
	"strings"
	"testing"
)

// TestPlantedBugs plants a bug in what surrounds the core and demands that a few
// seeds find it, and by the check that is there for it.
func TestPlantedBugs(t *testing.T) {
	const enough = 200 // seeds
	for _, planted := range []struct {
		name  string
		bug   bug
		loses bool   // the root's disk, which it takes for versions to be abandoned
		found string // in what the check says
	}{
		{"no fsync", noFlush, false, "had shown"},
		{"no epoch check", noEpochCheck, true, "was answered as ordered"},
		{"a retry stamped anew", stampedAnew, false, "is ordered twice"},
		{"a push applied by halves", halfApplied, false, "has digest"},
		{"an overlay that forgets", overlayForgot, false, "and shows it as of"},
	} {
		t.Run(planted.name, func(t *testing.T) {
			for seed := uint64(1); seed <= enough; seed++ {
				s := DefaultScenario()
				s.bug, s.LoseDisk = planted.bug, planted.loses
				if _, _, err := Run(seed, s, nil); err != nil {
					t.Log(err)
					if strings.Contains(err.Error(), planted.found) {
						return
					}
				}
			}
			t.Errorf("%d seeds did not find it", enough)
		})
	}
}
