package simulation

import (
	"strings"
	"testing"
)

// TestPlantedBugs plants a bug in what surrounds the core and demands that a few
// seeds find it, and by the check that is there for it.
func TestPlantedBugs(t *testing.T) {
	const enough = 200 // seeds
	fixed := func(*Scenario) {}
	loses := func(s *Scenario) { s.LoseDisk = true } // which it takes, with that root, for versions to be abandoned
	elected := func(s *Scenario) { s.Elected = true }
	for _, planted := range []struct {
		name  string
		bug   bug
		with  func(*Scenario)
		found string // in what the check says
	}{
		{"no fsync", noFlush, fixed, "had shown"},
		{"no epoch check", noEpochCheck, loses, "was answered as ordered"},
		{"a retry stamped anew", stampedAnew, fixed, "is ordered twice"},
		{"a push applied by halves", halfApplied, fixed, "has digest"},
		{"an overlay that forgets", overlayForgot, fixed, "and shows it as of"},
		{"no promise before the gather", noPromise, elected, "had promised"},
		{"no majority", noMajority, elected, "members behind it"},
		{"no cut", noCut, elected, "went back from"},
		{"no rescue", noRescue, elected, "is gone"},
		{"a root that ignores its lease", noLease, elected, "and another serves"},
	} {
		t.Run(planted.name, func(t *testing.T) {
			for seed := uint64(1); seed <= enough; seed++ {
				s := DefaultScenario()
				s.bug = planted.bug
				planted.with(&s)
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
