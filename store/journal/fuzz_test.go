package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
)

// resealHeader gives a file's header a format version and a right checksum.
func resealHeader(data []byte, version uint32) {
	binary.LittleEndian.PutUint32(data[8:], version)
	binary.LittleEndian.PutUint32(data[headerBytes-4:], crc32.Checksum(data[:headerBytes-4], castagnoli))
}

// FuzzReplay reads arbitrary bytes as the last segment, or as what follows a right header in it.
func FuzzReplay(f *testing.F) {
	head := header{magic: segmentMagic, number: 1, marker: 0x01010101}
	prefix := head.encode()
	body := head.appendFrame(nil, headerBytes, headerBytes, false, []byte("a"))
	body = head.appendFrame(body, headerBytes+int64(len(body)), headerBytes+21, false, []byte("bc"))
	body = head.appendFrame(body, headerBytes+int64(len(body)), headerBytes, true, nil)
	f.Add(body, true)
	f.Add(body[:len(body)-3], true)
	f.Add(body[3:], true)
	f.Add(append(prefix, body...), false)
	f.Add([]byte("xylemlog"), false)
	f.Fuzz(func(t *testing.T, data []byte, framed bool) {
		if framed {
			data = append(head.encode(), data...)
		}
		files := image{segmentName(1): data}
		disk := files.disk()
		opts := Options{FS: disk, Dir: testDir}
		j, c, err := reopen(opts)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			if !files.equal(imageOf(disk)) {
				t.Fatal("the refusal changed the file")
			}
			return
		}
		if c.report.LogBytes > int64(len(data)) || len(j.buffer) > frameBytes {
			t.Fatalf("%+v from %d bytes", c.report, len(data))
		}
		must(t, appendStrings(j, "next"))
		must(t, j.Sync())
		disk.Crash()
		_, again := mustReopen(t, opts)
		expect(t, "after the cut", again.log, append(c.log, "next"))
	})
}
