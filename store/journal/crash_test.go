package journal

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
)

// history is what a workload did: records in order, how many of them were synced, and whether the last call was
// interrupted (then its records may be there or not).
type history struct {
	appended []string
	accepted int // by Append
	synced   int
}

// add appends some records and syncs now and then.
func (h *history) add(j *Journal, n int, sync bool) error {
	records := numbered(len(h.appended), len(h.appended)+n)
	h.appended = append(h.appended, records...)
	if err := appendStrings(j, records...); err != nil {
		return err
	}
	h.accepted = len(h.appended)
	if !sync {
		return nil
	}
	if err := j.Sync(); err != nil {
		return err
	}
	h.synced = len(h.appended)
	return nil
}

// begin starts a checkpoint, every other time from a draft that was written before what is appended now.
func begin(j *Journal, draft *Draft) (*Checkpoint, error) {
	if draft == nil {
		return j.StartCheckpoint()
	}
	return j.Adopt(draft)
}

// workload appends across segments, commits checkpoints, some of them drafts, aborts one, and closes. The last record of
// a checkpoint counts the records it stands for.
func workload(j *Journal, h *history) error {
	for round := range 5 {
		var draft *Draft
		if round%2 == 1 {
			var err error
			if draft, err = j.StartDraft(); err != nil {
				return err
			}
			if err := draft.Write([]byte("in "), []byte("parts")); err != nil {
				return err
			}
		}
		for i := range 6 {
			if err := h.add(j, 1+i%3, i%2 == 1); err != nil {
				return err
			}
		}
		c, err := begin(j, draft)
		if err != nil {
			return err
		}
		h.synced = len(h.appended)
		if err := c.Write(fmt.Append(nil, len(h.appended))); err != nil {
			return err
		}
		if err := h.add(j, 2, true); err != nil {
			return err
		}
		end := c.Commit
		if round == 2 {
			end = c.Abort
		}
		if err := end(); err != nil {
			return err
		}
	}
	if err := j.Close(); err != nil {
		return err
	}
	h.synced = len(h.appended)
	return nil
}

// check compares a replay with a history: all that was synced, then a prefix of the rest.
func (h *history) check(c contents) error {
	start := 0
	if len(c.checkpoint) > 0 {
		if _, err := fmt.Sscan(c.checkpoint[len(c.checkpoint)-1], &start); err != nil {
			return err
		}
	}
	total := start + len(c.log)
	if total < h.synced || total > len(h.appended) {
		return fmt.Errorf("%d records, of %d appended and %d synced", total, len(h.appended), h.synced)
	}
	for i, record := range c.log {
		if record != h.appended[start+i] {
			return fmt.Errorf("record %d is %q, want %q", start+i, record, h.appended[start+i])
		}
	}
	h.appended, h.synced = h.appended[:total], total
	return nil
}

// TestCrashAtEveryOperation cuts the power at each operation of the workload, and then at each one of the recovery.
func TestCrashAtEveryOperation(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		for n := 0; ; n++ {
			if crashAt(t, seed, n) {
				break
			}
		}
	}
}

func crashAt(t *testing.T, seed uint64, n int) (finished bool) {
	disk := newDisk(seed*1_000_003 + uint64(n))
	opts := Options{FS: disk, Dir: testDir, SegmentBytes: 200}
	h := &history{}
	disk.PowerOffAfter(n)
	j, _, err := reopen(opts)
	if err == nil {
		err = workload(j, h)
	}
	if err != nil && !errors.Is(err, ErrPowerOff) {
		t.Fatalf("seed %d, operation %d: %v", seed, n, err)
	}
	finished = err == nil
	for m := 0; ; m++ {
		disk.Crash()
		disk.PowerOffAfter(m)
		err := oneLife(opts, h)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrPowerOff) {
			t.Fatalf("seed %d, operation %d, recovery %d: %v", seed, n, m, err)
		}
	}
	disk.Kill()
	_, c := mustReopen(t, opts)
	must(t, h.check(c))
	return finished
}

// TestKillAtEveryOperation ends the process at each operation of the workload: nothing appended is lost, and what the
// next process syncs survives a loss of power.
func TestKillAtEveryOperation(t *testing.T) {
	for seed := range uint64(6) {
		for n := 0; ; n++ {
			disk := newDisk(seed*1_000_003 + uint64(n))
			opts := Options{FS: disk, Dir: testDir, SegmentBytes: 200}
			h := &history{}
			disk.PowerOffAfter(n)
			j, _, err := reopen(opts)
			if err == nil {
				err = workload(j, h)
			}
			h.synced = h.accepted
			disk.Kill()
			if err := oneLife(opts, h); err != nil {
				t.Fatalf("seed %d, operation %d: %v", seed, n, err)
			}
			disk.Crash()
			if err := oneLife(opts, h); err != nil {
				t.Fatalf("seed %d, operation %d, after a crash: %v", seed, n, err)
			}
			if err == nil {
				break
			}
		}
	}
}

// oneLife is one life of a process after a crash.
func oneLife(opts Options, h *history) error {
	j, c, err := reopen(opts)
	if err != nil {
		return err
	}
	if err := h.check(c); err != nil {
		return err
	}
	if err := h.add(j, 2, true); err != nil {
		return err
	}
	return j.Close()
}

// TestAFailedSyncIsNotForgotten: after a failed sync and a restart, what is read back is made durable really.
func TestAFailedSyncIsNotForgotten(t *testing.T) {
	disk := newDisk(20)
	opts := Options{FS: disk, Dir: testDir}
	j, _ := mustReopen(t, opts)
	each(t, j, []string{"a", "b"})
	must(t, appendStrings(j, "c", strings.Repeat("d", 2*windowBytes)))
	disk.FailNextSync(syscall.EIO)
	if err := j.Sync(); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	_, err := j.StartCheckpoint()
	for _, err := range []error{err, j.Sync(), appendStrings(j, "e"), j.Close(), j.Close()} {
		if err != nil && !errors.Is(err, ErrFailed) {
			t.Fatal(err)
		}
	}
	want := []string{"a", "b", "c", strings.Repeat("d", 2*windowBytes)}
	_, c := mustReopen(t, opts)
	expect(t, "after restart", c.log, want)
	disk.Crash()
	_, c = mustReopen(t, opts)
	expect(t, "after crash", c.log, want)
}

func TestNoSpace(t *testing.T) {
	for free := range int64(400) {
		disk := newDisk(uint64(free))
		opts := Options{FS: disk, Dir: testDir, SegmentBytes: 250}
		j, _ := mustReopen(t, opts)
		disk.SetFree(free)
		var kept []string
		var err error
		for i := 0; err == nil; i++ {
			record := fmt.Sprint("record ", i)
			if err = appendStrings(j, record, record+"b"); err == nil {
				kept = append(kept, record, record+"b")
			}
		}
		if !errors.Is(err, ErrNoSpace) {
			t.Fatalf("%d free: %v", free, err)
		}
		if _, err := j.StartCheckpoint(); err != nil && !errors.Is(err, ErrNoSpace) {
			t.Fatalf("%d free: %v", free, err)
		}
		disk.SetFree(-1)
		must(t, appendStrings(j, "again"))
		must(t, j.Sync())
		disk.Crash()
		disk.SetFree(0) // a full disk can be opened and read
		j, c := mustReopen(t, opts)
		expect(t, fmt.Sprint(free, " free"), c.log, append(kept, "again"))
		must(t, j.Close())
	}
}

func TestNoSpaceForACheckpoint(t *testing.T) {
	disk := newDisk(21)
	opts := Options{FS: disk, Dir: testDir}
	j, _ := mustReopen(t, opts)
	must(t, appendStrings(j, "a"))
	c, err := j.StartCheckpoint()
	must(t, err)
	disk.SetFree(100)
	must(t, c.Write(make([]byte, 100)))
	if err := c.Commit(); !errors.Is(err, ErrNoSpace) {
		t.Fatal(err)
	}
	if err := c.Commit(); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	disk.SetFree(-1)
	must(t, appendStrings(j, "b"))
	_, got := kill(t, j, opts)
	expect(t, "log", got.log, []string{"a", "b"})
}

func TestFailedWrites(t *testing.T) {
	disk := newDisk(22)
	opts := Options{FS: disk, Dir: testDir}
	j, _ := mustReopen(t, opts)
	for _, fault := range []error{syscall.EIO, io.ErrShortWrite} {
		disk.FailNextWrite(fault)
		if err := appendStrings(j, "lost", "lost too"); !errors.Is(err, fault) || errors.Is(err, ErrFailed) {
			t.Fatal(err)
		}
		must(t, appendStrings(j, "kept"))
	}
	disk.FailNextWrite(syscall.EIO)
	disk.FailNextSync(syscall.EIO) // the way back fails too
	if err := appendStrings(j, "lost"); !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	_, c := kill(t, j, opts)
	expect(t, "log", c.log, []string{"kept", "kept"})
	if c.report.CutBytes > 0 {
		t.Fatalf("%+v", c.report)
	}
}

func TestFailedCheckpointSyncLeavesTheJournal(t *testing.T) {
	disk := newDisk(23)
	opts := Options{FS: disk, Dir: testDir}
	j, _ := mustReopen(t, opts)
	for range 5 { // checkpoints given up one after another use one segment
		c, err := j.StartCheckpoint()
		must(t, err)
		must(t, c.Write([]byte("s")))
		disk.FailNextSync(syscall.EIO)
		if err := c.Commit(); !errors.Is(err, syscall.EIO) || errors.Is(err, ErrFailed) {
			t.Fatal(err)
		}
	}
	each(t, j, []string{"a"})
	j, c := kill(t, j, opts)
	expect(t, "log", c.all(), []string{"a"})
	if c.report.Segments != 1 {
		t.Fatalf("%+v", c.report)
	}
	must(t, j.Close())
}

func TestDiskUseIsBounded(t *testing.T) {
	disk := newDisk(24)
	opts := Options{FS: disk, Dir: testDir, SegmentBytes: 4 << 10}
	j, _ := mustReopen(t, opts)
	value := make([]byte, 100)
	for i := range 20_000 {
		must(t, j.Append(value))
		if i%10 == 0 {
			must(t, j.Sync())
		}
		if j.LogBytes() > 32<<10 {
			c, err := j.StartCheckpoint()
			must(t, err)
			must(t, c.Write(make([]byte, 10_000)))
			must(t, c.Commit())
		}
		if used := disk.Used(); used > 64<<10 {
			t.Fatalf("%d bytes used after %d records", used, i)
		}
	}
	must(t, j.Close())
	mustReopen(t, opts)
}

func TestSameSeedSameDisk(t *testing.T) {
	run := func() image {
		disk := newDisk(25)
		marker := func() uint32 { return 7 }
		j, _ := mustReopen(t, Options{FS: disk, Dir: testDir, SegmentBytes: 200, Marker: marker})
		disk.PowerOffAfter(70)
		if err := workload(j, &history{}); !errors.Is(err, ErrPowerOff) {
			t.Fatal(err)
		}
		disk.Crash()
		return imageOf(disk)
	}
	if !run().equal(run()) {
		t.Fatal("the same seed gave two disks")
	}
}
