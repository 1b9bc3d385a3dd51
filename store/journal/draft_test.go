package journal

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// started is a journal with records, and a draft with some more.
func started(t *testing.T, opts Options) (*Journal, *Draft) {
	t.Helper()
	j, _ := mustReopen(t, opts)
	must(t, appendStrings(j, "old"))
	draft, err := j.StartDraft()
	must(t, err)
	must(t, draft.Write([]byte("one "), nil, []byte("record")))
	must(t, draft.Write(nil))
	return j, draft
}

var drafted = []string{"one record", ""}

func TestADraftBecomesTheCheckpoint(t *testing.T) {
	for name, opts := range map[string]Options{"memory": {FS: newDisk(21), Dir: testDir}, "operatingSystem": {Dir: t.TempDir(), NoSync: true}} {
		t.Run(name, func(t *testing.T) {
			j, draft := started(t, opts)
			large := strings.Repeat("l", draftSyncBytes/4)
			want := slices.Clone(drafted)
			for range 12 { // which is synced on the way
				must(t, draft.Write([]byte("large"), []byte(large)))
				want = append(want, "large"+large)
			}
			must(t, appendStrings(j, "meanwhile"))
			c, err := j.Adopt(draft)
			must(t, err)
			must(t, c.Write([]byte("tail")))
			must(t, appendStrings(j, "after"))
			if _, err := j.StartDraft(); !errors.Is(err, ErrCheckpointOpen) {
				t.Fatalf("a draft beside one that is not committed: %v", err)
			}
			must(t, c.Commit())
			must(t, draft.Abort())
			if err := draft.Write(nil); !errors.Is(err, ErrClosed) {
				t.Fatalf("writing to a draft that was adopted: %v", err)
			}
			again, err := j.StartDraft()
			must(t, err)
			must(t, again.Abort())
			j, got := kill(t, j, opts)
			expect(t, "checkpoint", got.checkpoint, append(want, "tail"))
			expect(t, "log", got.log, []string{"after"})
			must(t, j.Close())
		})
	}
}

func TestADraftThatIsNotAdoptedCountsForNothing(t *testing.T) {
	opts := Options{FS: newDisk(22), Dir: testDir}
	j, _ := started(t, opts)
	j, got := kill(t, j, opts)
	expect(t, "after a kill", got.all(), []string{"old"})
	if names, _ := opts.FS.List(testDir); slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, draftName) }) {
		t.Fatalf("the draft is still there: %v", names)
	}
	draft, err := j.StartDraft()
	must(t, err)
	must(t, draft.Write([]byte("new")))
	c, err := j.Adopt(draft)
	must(t, err)
	must(t, c.Abort())
	must(t, j.Close())
	_, got = mustReopen(t, opts)
	expect(t, "after an abort", got.all(), []string{"old"})
}

func TestADraftThatFailedIsNotAdopted(t *testing.T) {
	disk := newDisk(23)
	opts := Options{FS: disk, Dir: testDir}
	j, draft := started(t, opts)
	disk.FailNextWrite(syscall.ENOSPC)
	if err := draft.Write(make([]byte, checkpointBufferBytes)); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("writing to a full disk: %v", err)
	}
	if _, err := j.Adopt(draft); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("adopting what was not written: %v", err)
	}
	checkpoint(t, j, drafted, []string{"after"})
	_, got := kill(t, j, opts)
	expect(t, "checkpoint", got.checkpoint, drafted)
	expect(t, "log", got.log, []string{"after"})
}

func TestADraftWhoseSyncFailedIsNotAdopted(t *testing.T) {
	disk := newDisk(24)
	opts := Options{FS: disk, Dir: testDir}
	j, draft := started(t, opts)
	disk.FailNextSync(syscall.EIO)
	must(t, draft.Write(make([]byte, draftSyncBytes)))
	if _, err := j.Adopt(draft); !errors.Is(err, syscall.EIO) {
		t.Fatalf("adopting what was not synced: %v", err)
	}
	checkpoint(t, j, drafted, nil)
	_, got := kill(t, j, opts)
	expect(t, "checkpoint", got.checkpoint, drafted)
}
