package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"xylem/sync/version"
)

const million = 1_000_000

// eachMillionEntry makes a million entries with random keys of 16 bytes, values of 100, and
// seven writers.
func eachMillionEntry(take func(Entry)) {
	random := rand.New(rand.NewPCG(1, 2))
	value := `"` + strings.Repeat("v", 98) + `"`
	for i := range uint64(million) {
		e := Entry{
			Key: fmt.Sprintf("%016x", random.Uint64()), Value: value,
			Version: version.Version{Epoch: 3, Seq: i + 1}, Stamp: version.StampAt(1_763_000_000_000 + int64(i)/20),
			Write: version.WriteID{Node: uint32(random.IntN(7) + 1)},
		}
		e.Write.Counter = 0x123456<<version.BootShift + uint64(e.Write.Node)<<50 + i/7
		take(e)
	}
}

// eachMillionBlock makes the blocks of a snapshot of them, in one buffer.
func eachMillionBlock(take func(block []byte)) {
	var enc BlockEncoder
	var block []byte
	i := 0
	eachMillionEntry(func(e Entry) {
		i++
		if block = enc.Append(block, &e); len(block) >= 256<<10 || i == million {
			take(block)
			enc.Reset()
			block = block[:0]
		}
	})
}

// residentBytes is the process's resident memory, 0 where the system does not tell.
func residentBytes() int {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, resident int
	_, _ = fmt.Sscan(string(text), &size, &resident)
	return resident * os.Getpagesize()
}

// cpuNanos is the processor time that the process has had.
func cpuNanos() int64 {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return used.Utime.Nano() + used.Stime.Nano()
}

// BenchmarkMillion builds the state of a node from a snapshot, and says what an entry takes
// up then and how long a whole garbage collection takes.
func BenchmarkMillion(b *testing.B) {
	text, ends := []byte(nil), []int(nil) // of the blocks
	eachMillionBlock(func(block []byte) {
		text = append(text, block...)
		ends = append(ends, len(text))
	})
	debug.FreeOSMemory()
	before := residentBytes()
	cpu := cpuNanos()
	var built *Store
	for b.Loop() {
		built = nil
		start, builder := 0, NewBuilder()
		builder.Expect(million)
		for _, end := range ends {
			if err := builder.AddBlock(text[start:end]); err != nil {
				b.Fatal(err)
			}
			start = end
		}
		built = New()
		built.Install(builder, builder.Last(), Meta{})
	}
	b.ReportMetric(float64(cpuNanos()-cpu)/float64(b.N)/million, "cpu-ns/entry")
	b.ReportMetric(float64(residentBytes()-before)/million, "rss-at-once/entry")
	debug.FreeOSMemory()
	b.ReportMetric(float64(residentBytes()-before)/million, "rss/entry")
	start := time.Now()
	for range 10 {
		runtime.GC()
	}
	b.ReportMetric(time.Since(start).Seconds()*100, "ms/gc")
	runtime.KeepAlive(built)
	runtime.KeepAlive(text)
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		New()
	}
}

// BenchmarkFirstListing makes the order of a million keys, for which no writer waits.
func BenchmarkFirstListing(b *testing.B) {
	builder := NewBuilder()
	eachMillionBlock(func(block []byte) {
		if err := builder.AddBlock(block); err != nil {
			b.Fatal(err)
		}
	})
	s := New()
	s.Install(builder, builder.Last(), Meta{})
	for b.Loop() {
		s.order = nil
		s.List("", "", 100)
	}
}
