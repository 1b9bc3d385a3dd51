package journal

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkAppendSync is one group commit: so many records of 256 bytes in one write and one fsync.
func BenchmarkAppendSync(b *testing.B) {
	for _, size := range []int{1, 16, 128, 1024} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) {
			j, _ := mustReopen(b, Options{Dir: b.TempDir()})
			defer j.Close()
			batch := make([][]byte, size)
			for i := range batch {
				batch[i] = bytes.Repeat([]byte("v"), 256)
			}
			b.ReportAllocs()
			for b.Loop() {
				must(b, j.Append(batch...))
				must(b, j.Sync())
			}
			b.ReportMetric(float64(b.N)*float64(size)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkReplay reads a log of 64 MiB back.
func BenchmarkReplay(b *testing.B) {
	opts := Options{Dir: b.TempDir(), NoSync: true}
	j, _ := mustReopen(b, opts)
	record := bytes.Repeat([]byte("v"), 256)
	for j.LogBytes() < 64<<20 {
		must(b, j.Append(record, record, record, record))
	}
	must(b, j.Close())
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		j, err := Open(opts)
		must(b, err)
		_, err = j.Replay(func(Source, []byte) error { return nil })
		must(b, err)
		must(b, j.Close())
	}
}
