package node

import (
	"testing"
	"time"

	"xylem/client"
	"xylem/store"
	"xylem/sync/version"
)

// A node may know of a write of an epoch before it hears of the epoch itself. It cannot
// tell then whether a version leads there, and must not pretend to.
func TestANodeDoesNotJudgeAnEpochThatItHasNotHeardOf(t *testing.T) {
	tr := startTree(t, 2, onlyTicks())
	wrote := tr.put(2, "greeting", "hello-world")
	later := version.Version{Epoch: wrote.Version.Epoch + 8, Seq: wrote.Version.Seq + 100}
	tr.nodes[1].node.store.Learn(&store.Entry{Key: "greeting", Value: `"hello-mars"`, Version: later})
	for _, test := range []struct {
		least  version.Version
		slug   string
		status int
	}{
		{wrote.Version, "not-fresh", 504},
		{version.Version{Epoch: wrote.Version.Epoch, Seq: wrote.Version.Seq + 50}, "not-fresh", 504},
	} {
		answer, err := tr.client(2).Get(t.Context(), "greeting", client.MinVersion(test.least), client.FreshWithin(100*time.Millisecond))
		wantRefusal(t, test.status, test.slug)(answer, err)
	}
	if answer, err := tr.client(2).Get(t.Context(), "greeting", client.MinVersion(later)); err != nil || answer.Version != later {
		t.Errorf("as of the version itself it answers %+v, %v", answer, err)
	}
}
