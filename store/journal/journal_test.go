package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const testDir = "/journal"

func newDisk(seed uint64) *MemDisk { return NewMemDisk(rand.New(rand.NewPCG(seed, 1))) }

// contents is what a replay gave back.
type contents struct {
	checkpoint, log []string
	report          Report
}

func (c contents) all() []string { return append(slices.Clone(c.checkpoint), c.log...) }

// reopen opens and replays a journal; the caller closes it, or kills it by dropping it.
func reopen(opts Options) (*Journal, contents, error) {
	j, err := Open(opts)
	if err != nil {
		return nil, contents{}, err
	}
	var c contents
	c.report, err = j.Replay(func(from Source, record []byte) error {
		if from == FromCheckpoint {
			c.checkpoint = append(c.checkpoint, string(record))
		} else {
			c.log = append(c.log, string(record))
		}
		return nil
	})
	if err != nil {
		return nil, c, errors.Join(err, j.Close())
	}
	return j, c, nil
}

func mustReopen(t testing.TB, opts Options) (*Journal, contents) {
	t.Helper()
	j, c, err := reopen(opts)
	if err != nil {
		t.Fatal(err)
	}
	return j, c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func appendStrings(j *Journal, records ...string) error {
	var batch [][]byte
	for _, record := range records {
		batch = append(batch, []byte(record))
	}
	return j.Append(batch...)
}

func expect(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %d records %.200q, want %d %.200q", what, len(got), got, len(want), want)
	}
}

func numbered(from, to int) []string {
	var records []string
	for i := from; i < to; i++ {
		records = append(records, fmt.Sprintf("record %d %s", i, strings.Repeat("x", i%37)))
	}
	return records
}

func TestRoundTrip(t *testing.T) {
	disks := map[string]Options{
		"memory":          {FS: newDisk(1), Dir: testDir},
		"operatingSystem": {Dir: filepath.Join(t.TempDir(), "a", "b")},
		"noSync":          {Dir: t.TempDir(), NoSync: true},
	}
	for name, opts := range disks {
		t.Run(name, func(t *testing.T) {
			opts.SegmentBytes = 400
			j, c := mustReopen(t, opts)
			expect(t, "new journal", c.all(), nil)
			records := append(numbered(0, 50), "", strings.Repeat("large ", 100_000), "\x00\xff")
			for _, record := range records {
				must(t, appendStrings(j, record))
			}
			must(t, j.Append())
			must(t, j.Sync())
			must(t, j.Close())
			must(t, j.Close())

			j, c = mustReopen(t, opts)
			expect(t, "log", c.log, records)
			if c.report.Segments < 5 || c.report.LogRecords != len(records) || c.report.LogBytes != j.LogBytes() {
				t.Fatalf("report %+v, LogBytes %d", c.report, j.LogBytes())
			}
			snapshot, after := numbered(1000, 3000), numbered(90, 99)
			checkpoint(t, j, snapshot, after)
			if got := j.LogBytes(); got == 0 || got > 1000 {
				t.Fatalf("LogBytes %d after a checkpoint", got)
			}
			j, c = kill(t, j, opts)
			expect(t, "checkpoint", c.checkpoint, snapshot)
			expect(t, "log after checkpoint", c.log, after)
			if c.report.CheckpointBytes != j.CheckpointBytes() || c.report.CheckpointRecords != len(snapshot) {
				t.Fatalf("report %+v", c.report)
			}
			must(t, j.Close())
		})
	}
}

// checkpoint writes a checkpoint of snapshot while after is appended.
func checkpoint(t *testing.T, j *Journal, snapshot, after []string) {
	t.Helper()
	c, err := j.StartCheckpoint()
	must(t, err)
	if _, err := j.StartCheckpoint(); !errors.Is(err, ErrCheckpointOpen) {
		t.Fatalf("second checkpoint: %v", err)
	}
	written := make(chan error)
	go func() {
		for _, record := range snapshot {
			if err := c.Write([]byte(record)); err != nil {
				written <- err
				return
			}
		}
		written <- c.Commit()
	}()
	must(t, appendStrings(j, after...))
	must(t, j.Sync())
	must(t, <-written)
	must(t, c.Abort())
}

// kill ends the process without Close and opens the journal again.
func kill(t *testing.T, j *Journal, opts Options) (*Journal, contents) {
	t.Helper()
	if disk, ok := opts.FS.(*MemDisk); ok {
		disk.Kill()
	} else {
		must(t, j.lock.Close())
		j.file.Close()
	}
	return mustReopen(t, opts)
}

func TestKillLosesNothingAppended(t *testing.T) {
	opts := Options{FS: newDisk(2), Dir: testDir}
	j, _ := mustReopen(t, opts)
	must(t, appendStrings(j, "a", "b"))
	must(t, j.Sync())
	must(t, appendStrings(j, "c"))
	_, c := kill(t, j, opts)
	expect(t, "after kill", c.log, []string{"a", "b", "c"})
	opts.FS.(*MemDisk).Crash() // what was replayed is durable
	_, c = mustReopen(t, opts)
	expect(t, "after crash", c.log, []string{"a", "b", "c"})
}

func TestStates(t *testing.T) {
	opts := Options{FS: newDisk(3), Dir: testDir}
	j, err := Open(opts)
	must(t, err)
	if err := appendStrings(j, "early"); !errors.Is(err, ErrNotReplayed) {
		t.Fatal(err)
	}
	if _, err := Open(opts); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	must(t, j.Close())
	j, _ = mustReopen(t, opts)
	if _, err := j.Replay(nil); !errors.Is(err, ErrReplayed) {
		t.Fatal(err)
	}
	if err := j.Append(make([]byte, MaxRecordBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	must(t, appendStrings(j, "a"))
	must(t, j.Close())
	for _, err := range []error{j.Sync(), appendStrings(j, "late")} {
		if !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
	stop := errors.New("stop")
	j, err = Open(opts)
	must(t, err)
	if _, err := j.Replay(func(Source, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	must(t, j.Close())
	_, c := mustReopen(t, opts)
	expect(t, "log", c.log, []string{"a"})
}

func TestLockOfTheOperatingSystem(t *testing.T) {
	dir := t.TempDir()
	j, _ := mustReopen(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	must(t, j.Close())
	j, _ = mustReopen(t, Options{Dir: dir})
	must(t, j.Close())
}

func TestSyncsCountsRealOnes(t *testing.T) {
	j, _ := mustReopen(t, Options{FS: newDisk(4), Dir: testDir})
	must(t, appendStrings(j, "a"))
	before := j.Syncs()
	for range 3 {
		must(t, j.Sync())
	}
	if got := j.Syncs() - before; got != 1 {
		t.Fatalf("%d syncs of one append", got)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	j, _ := mustReopen(t, Options{Dir: t.TempDir()})
	defer j.Close()
	batch := [][]byte{bytes.Repeat([]byte("v"), 300), []byte("w"), nil}
	if n := testing.AllocsPerRun(100, func() { must(t, j.Append(batch...)) }); n > 0 {
		t.Fatalf("%v allocations", n)
	}
	must(t, j.Append(make([]byte, 2*keptBufferBytes)))
	if j.buffer != nil {
		t.Fatal("a large buffer is kept")
	}
}

func TestModeChangeStartsASegment(t *testing.T) {
	disk := newDisk(5)
	j, _ := mustReopen(t, Options{FS: disk, Dir: testDir, NoSync: true})
	must(t, appendStrings(j, "a"))
	disk.Kill()
	j, _ = mustReopen(t, Options{FS: disk, Dir: testDir})
	must(t, appendStrings(j, "b"))
	must(t, j.Sync())
	disk.Crash()
	j, c := mustReopen(t, Options{FS: disk, Dir: testDir})
	expect(t, "log", c.log, []string{"a", "b"})
	if j.head.number != 2 || j.head.noSync {
		t.Fatalf("header %+v", j.head)
	}
}

// TestReplayOfHugeLengthAllocatesLittle: a frame that claims a gigabyte in a small file.
func TestReplayOfHugeLengthAllocatesLittle(t *testing.T) {
	disk := newDisk(6)
	opts := Options{FS: disk, Dir: testDir}
	j, _ := mustReopen(t, opts)
	frame := j.head.appendFrame(nil, headerBytes, headerBytes, false, make([]byte, 100))
	binary.LittleEndian.PutUint32(frame[4:], MaxRecordBytes)
	must(t, j.write(frame))
	disk.Kill()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, c := mustReopen(t, opts)
	runtime.ReadMemStats(&after)
	if len(c.log) != 0 || c.report.CutOffset != headerBytes || c.report.CutBytes != 120 {
		t.Fatalf("%+v", c)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Fatalf("%d bytes allocated", allocated)
	}
}
