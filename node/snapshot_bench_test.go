package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"time"

	"xylem/configs"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// BenchmarkSnapshot has an empty node take a million entries of 16-byte keys and
// 100-byte values, which do not compress, from a root, both of them in this process. It is
// timed from the node's start until it holds them; "cpu-s/op" is what the process spent
// meanwhile.
func BenchmarkSnapshot(b *testing.B) {
	const entries = 1_000_000
	cfg := configs.Default()
	cfg.Tree.Depth = 2
	root, stop := runNode(b, cfg, 1, "")
	defer stop()
	fillWithNoise(b, root, entries)
	b.ResetTimer()
	var spent time.Duration
	for range b.N {
		before := cpuTime()
		member, stop := runNode(b, cfg, 2, root.opts.Advertise)
		awaitState(b, member, root.store.Applied())
		b.StopTimer()
		spent += cpuTime() - before
		stop()
		b.StartTimer()
	}
	b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/op")
}

// runNode runs a node with an empty directory.
func runNode(b *testing.B, cfg configs.Config, k int, root string) (n *Node, stop func()) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := "http://" + listener.Addr().String()
	if root == "" {
		root = address
	}
	n, err = New(Options{
		ID: k, Config: cfg, Listener: listener, Advertise: address, RootURL: root,
		DataDir: b.TempDir(), Secret: bytes.Repeat([]byte{7}, 32), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(errors.Join(err, listener.Close()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	return n, func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// fillWithNoise has the root order so many writes.
func fillWithNoise(t testing.TB, root *Node, entries int) {
	t.Helper()
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
	random := rand.New(rand.NewPCG(1, 2))
	value := []byte(`"` + string(make([]byte, 98)) + `"`)
	for done := 0; done < entries; {
		var writes []wire.Write
		for ; len(writes) < 1000; done++ {
			for i := range value[1:99] {
				value[1+i] = letters[random.IntN(len(letters))]
			}
			writes = append(writes, wire.Write{ID: root.nextWriteID(), Key: fmt.Sprintf("key-%012d", done), Value: string(value)})
		}
		got := root.submit(&submission{Submit: replica.Submit{Writes: writes}})
		if outcome := got.Results[0].Outcome; outcome == wire.Unreachable { // it still waits for members
			done -= len(writes)
		} else if outcome != wire.Ordered {
			t.Fatalf("a write is answered %d", outcome)
		}
	}
}

// awaitState waits until a node has come to a version.
func awaitState(b *testing.B, n *Node, v version.Version) {
	b.Helper()
	tooLong := time.After(time.Minute)
	for {
		news := n.news.wait()
		if n.store.Applied() == v {
			return
		}
		select {
		case <-news:
		case <-tooLong:
			b.Fatalf("after a minute the node is at %v", n.store.Applied())
		}
	}
}

// cpuTime is what this process has spent.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
