package simulation

import "testing"

// Conditional writes that come back from beyond a cut one way or another, and find there
// what they, or what they were ordered on top of, win over.
func TestConditionalWritesComeBack(t *testing.T) {
	for name, test := range map[string]struct {
		seed        uint64
		relay, hold bool
	}{
		"one on top of a write, before which another had been queued": {92002811, true, false},
		"one behind what came before that with which its epoch began": {45, false, true},
	} {
		s := ElectedScenario()
		s.Relay, s.Hold = test.relay, test.hold
		if _, _, err := Run(test.seed, s, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
