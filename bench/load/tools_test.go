package load

import (
	"testing"
	"time"
)

func TestWhatToolsPrintIsRead(t *testing.T) {
	b, err := readWrk("Running 1s test\n  2 requests\nfigures 1000 2000000 310 900 1500 10 0\n")
	if err != nil {
		t.Fatal(err)
	}
	if b.Answered != 990 || b.Refused != 10 || b.Elapsed != 2*time.Second || b.P50 != 310*time.Microsecond || b.P99 != 900*time.Microsecond {
		t.Errorf("wrk: %+v", b)
	}
	for _, bad := range []string{"", "unable to connect", "figures 1000 2000000 310 900 1500 0 3\n"} {
		if _, err := readWrk(bad); err == nil {
			t.Errorf("wrk: %q was read", bad)
		}
	}
	table := `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"` + "\n" +
		`"SET","50000.00","0.5","0.1","0.423","0.7","1.119","2.5"` + "\n"
	b, err = readRedisBenchmark(table, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	if b.Elapsed != 2*time.Second || b.P50 != 423*time.Microsecond || b.P99 != 1119*time.Microsecond {
		t.Errorf("redis-benchmark: %+v", b)
	}
	if _, err := readRedisBenchmark("Could not connect\n", 1); err == nil {
		t.Error("redis-benchmark: an error was read as figures")
	}
}
