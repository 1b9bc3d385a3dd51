package journal

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// image is the files of a directory.
type image map[string][]byte

func imageOf(d *MemDisk) image {
	files := image{}
	for path, file := range d.files {
		files[filepath.Base(path)] = slices.Clone(file.data)
	}
	return files
}

// disk is a new disk with these files, all durable.
func (files image) disk() *MemDisk {
	d := newDisk(9)
	for name, data := range files {
		file := &memFile{data: slices.Clone(data), synced: len(data)}
		d.files[filepath.Join(testDir, name)] = file
		d.durable[filepath.Join(testDir, name)] = file
	}
	return d
}

func (files image) with(name string, data []byte) image {
	changed := maps.Clone(files)
	changed[name] = data
	if data == nil {
		delete(changed, name)
	}
	return changed
}

func (files image) equal(other image) bool {
	return maps.EqualFunc(files, other, func(a, b []byte) bool { return slices.Equal(a, b) })
}

// refuses sees to it that a directory is refused as damaged and left as it was.
func (files image) refuses(t *testing.T, why string) {
	t.Helper()
	disk := files.disk()
	_, _, err := reopen(Options{FS: disk, Dir: testDir})
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "snapshot from the root") {
		t.Fatalf("%s: not refused as damaged: %v", why, err)
	}
	if !files.equal(imageOf(disk)) {
		t.Fatalf("%s: the refusal changed the files", why)
	}
}

// build runs a script on a new disk and returns what is there when the process is killed.
func build(t *testing.T, opts Options, script func(j *Journal)) image {
	t.Helper()
	disk := newDisk(8)
	opts.FS, opts.Dir = disk, testDir
	j, _ := mustReopen(t, opts)
	script(j)
	return imageOf(disk)
}

func each(t *testing.T, j *Journal, records []string) {
	for _, record := range records {
		must(t, appendStrings(j, record))
		must(t, j.Sync())
	}
}

func flipped(data []byte, at int, bit int) []byte {
	data = slices.Clone(data)
	data[at] ^= 1 << bit
	return data
}

func TestTornTailAtEveryByte(t *testing.T) {
	records := numbered(0, 6)
	for _, noSync := range []bool{false, true} {
		files := build(t, Options{NoSync: noSync}, func(j *Journal) { each(t, j, records) })
		name := segmentName(1)
		whole := files[name]
		last := len(whole) - frameBytes - len(records[5])
		for size := last; size < len(whole); size++ {
			disk := files.with(name, whole[:size]).disk()
			opts := Options{FS: disk, Dir: testDir, NoSync: noSync}
			j, c := mustReopen(t, opts)
			expect(t, fmt.Sprint("cut at ", size), c.log, records[:5])
			if c.report.CutBytes != int64(size-last) || size > last && c.report.CutOffset != int64(last) {
				t.Fatalf("cut at %d: %+v", size, c.report)
			}
			must(t, appendStrings(j, "next"))
			must(t, j.Close())
			_, c = mustReopen(t, opts)
			expect(t, "after the cut", c.log, append(records[:5:5], "next"))
		}
	}
}

func TestEveryBitFlipIsCutOffOrRefused(t *testing.T) {
	records := numbered(0, 5)
	name := segmentName(1)
	files := build(t, Options{}, func(j *Journal) { each(t, j, records) })
	last := len(files[name]) - frameBytes - len(records[4])
	for at := range files[name] {
		bad := files.with(name, flipped(files[name], at, at%8))
		if at < last {
			bad.refuses(t, fmt.Sprint("byte ", at))
			continue
		}
		_, c := mustReopen(t, Options{FS: bad.disk(), Dir: testDir})
		expect(t, fmt.Sprint("byte ", at), c.log, records[:4])
	}
}

func TestEveryBitFlipAfterCloseIsRefused(t *testing.T) {
	records := numbered(0, 5)
	name := segmentName(1)
	for _, noSync := range []bool{false, true} {
		files := build(t, Options{NoSync: noSync}, func(j *Journal) {
			must(t, appendStrings(j, records...))
			must(t, j.Close())
		})
		mark := len(files[name]) - frameBytes
		for at := range files[name] {
			bad := files.with(name, flipped(files[name], at, at%8))
			if at < mark {
				bad.refuses(t, fmt.Sprint("byte ", at))
				continue
			}
			_, c := mustReopen(t, Options{FS: bad.disk(), Dir: testDir, NoSync: noSync})
			expect(t, fmt.Sprint("byte ", at), c.log, records)
		}
	}
}

func TestHolesInWhatWasNeverSynced(t *testing.T) {
	for _, noSync := range []bool{false, true} {
		files := build(t, Options{NoSync: noSync}, func(j *Journal) {
			each(t, j, []string{"a", "b"})
			must(t, appendStrings(j, "c", "d", "e"))
		})
		name := segmentName(1)
		at := headerBytes + 2*(frameBytes+1) + 5
		bad := files.with(name, flipped(files[name], at, 0))
		if noSync {
			bad.refuses(t, "a segment without syncs")
			continue
		}
		_, c := mustReopen(t, Options{FS: bad.disk(), Dir: testDir})
		expect(t, "log", c.log, []string{"a", "b"})
	}
}

// checkpointed has two segments and the checkpoint before them.
func checkpointed(t *testing.T) (files image, want []string) {
	files = build(t, Options{SegmentBytes: 100}, func(j *Journal) {
		each(t, j, numbered(0, 3))
		checkpoint(t, j, []string{"s1", "s2", ""}, []string{"t1", "t2"})
		must(t, appendStrings(j, strings.Repeat("t3", 30)))
	})
	return files, []string{"s1", "s2", "", "t1", "t2", strings.Repeat("t3", 30)}
}

func TestDamageOfCheckpointsAndClosedSegments(t *testing.T) {
	files, want := checkpointed(t)
	names := slices.Sorted(maps.Keys(files))
	if len(names) != 3 {
		t.Fatalf("files %q", names)
	}
	_, c := mustReopen(t, Options{FS: files.disk(), Dir: testDir})
	expect(t, "whole", c.all(), want)
	for _, name := range []string{names[0], names[2]} { // the closed segment and the checkpoint
		for at := range files[name] {
			files.with(name, flipped(files[name], at, at%8)).refuses(t, fmt.Sprintf("%s, byte %d", name, at))
			files.with(name, files[name][:at]).refuses(t, fmt.Sprintf("%s, cut at %d", name, at))
		}
		files.with(name, append(slices.Clone(files[name]), 0)).refuses(t, name+", longer")
		files.with(name, nil).refuses(t, name+", missing")
	}
	files.with(names[0], files[names[1]]).refuses(t, "one segment in place of another")
	files.with(names[0], nil).with(names[1], nil).refuses(t, "no segments")
}

func TestShortHeaderOfTheLastSegment(t *testing.T) {
	for size := range headerBytes {
		files, want := checkpointed(t)
		name := slices.Sorted(maps.Keys(files))[1]
		disk := files.with(name, files[name][:size]).disk()
		opts := Options{FS: disk, Dir: testDir}
		for range 2 {
			j, c := mustReopen(t, opts)
			expect(t, fmt.Sprint("size ", size), c.all(), want[:5])
			must(t, j.Close())
		}
	}
}

func TestFramesAreValidInTheirPlaceOnly(t *testing.T) {
	name := segmentName(1)
	files := build(t, Options{}, func(j *Journal) {
		must(t, appendStrings(j, "a", "b", "c"))
		must(t, j.Close())
	})
	data := slices.Clone(files[name])
	a, b := data[headerBytes:headerBytes+21], data[headerBytes+21:headerBytes+42]
	swapped := append(slices.Clone(b), a...)
	copy(data[headerBytes:], swapped)
	files.with(name, data).refuses(t, "two records swapped")
}

func TestReaderFindsAFrameAnywhere(t *testing.T) {
	head := header{magic: segmentMagic, number: 1, marker: 0x04030201}
	head.encode()
	for at := int64(windowBytes - 2*frameBytes); at < windowBytes+frameBytes; at++ {
		data := head.appendFrame(make([]byte, at), at, 0, false, []byte("found"))
		data = append(data, make([]byte, windowBytes)...)
		path := filepath.Join(testDir, "x")
		file, err := image{"x": data}.disk().Open(path)
		must(t, err)
		r := reader{}
		must(t, r.reset(file))
		r.head = head
		if f, ok, err := r.find(1); err != nil || !ok || string(f.payload) != "found" {
			t.Fatalf("at %d: %v %v %v", at, f, ok, err)
		}
		if _, ok, err := r.find(at + 1); ok || err != nil {
			t.Fatalf("after %d: %v %v", at, ok, err)
		}
	}
}

func TestObsoleteFilesAreRemovedByReplay(t *testing.T) {
	files, want := checkpointed(t)
	files[segmentName(1)], files[checkpointName(1)] = []byte("old"), []byte("old")
	disk := files.disk()
	_, c := mustReopen(t, Options{FS: disk, Dir: testDir})
	expect(t, "whole", c.all(), want)
	if after := imageOf(disk); after[segmentName(1)] != nil || after[checkpointName(1)] != nil {
		t.Fatalf("files %q", slices.Sorted(maps.Keys(after)))
	}
}

func TestUnknownFormat(t *testing.T) {
	files := build(t, Options{}, func(j *Journal) { each(t, j, numbered(0, 3)) })
	name := segmentName(1)
	data := slices.Clone(files[name])
	resealHeader(data, 2)
	_, _, err := reopen(Options{FS: files.with(name, data).disk(), Dir: testDir})
	if !errors.Is(err, ErrFormat) || errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	files := build(t, Options{}, func(j *Journal) { each(t, j, numbered(0, 3)) })
	files["notes.txt"], files["log-1"], files["state-x.new"] = []byte("n"), []byte("l"), []byte("s")
	files[segmentName(7)+unfinishedSuffix] = []byte("xylem")
	disk := files.disk()
	mustReopen(t, Options{FS: disk, Dir: testDir})
	after := imageOf(disk)
	if after["notes.txt"] == nil || after["log-1"] == nil || after[segmentName(7)+unfinishedSuffix] != nil {
		t.Fatalf("files %q", slices.Sorted(maps.Keys(after)))
	}
}
