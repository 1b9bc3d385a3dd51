package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// Metrics of the handler's benchmark.
const (
	handlerNanos  metric = "ns/op"
	handlerBytes  metric = "B/op"
	handlerAllocs metric = "allocs/op"
)

// handlerBenchmark is in node/handler_bench_test.go: a request is parsed, handled
// and its answer put together, without a socket.
const handlerBenchmark = "BenchmarkGet"

var handlerResult = regexp.MustCompile(`(?m)^` + handlerBenchmark + `/(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op\s+(\d+) B/op\s+(\d+) allocs/op$`)

// measureHandler counts what a GET allocates beyond what fiber itself does, with
// a Go benchmark inside one process.
func measureHandler(ctx context.Context, shop *workshop) (report, error) {
	binary := filepath.Join(shop.dir, "node.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./node")
	build.Dir, build.Stderr = shop.module, os.Stderr
	if err := build.Run(); err != nil {
		return report{}, fmt.Errorf("building the benchmark of the handler: %w", err)
	}
	count := "20000x"
	if shop.quick {
		count = "5000x"
	}
	scores := map[string]*score{}
	for range shop.rounds {
		text, err := output(ctx, binary, "-test.run", "^$", "-test.bench", "^"+handlerBenchmark+"$", "-test.benchmem", "-test.benchtime", count)
		if err != nil {
			return report{}, err
		}
		if err := readHandler(scores, text); err != nil {
			return report{}, err
		}
	}
	return reportHandler(scores)
}

// readHandler adds what a run of the benchmark printed to the scores, by name.
func readHandler(scores map[string]*score, text string) error {
	for _, found := range handlerResult.FindAllStringSubmatch(text, -1) {
		s := sample{}
		for i, m := range []metric{handlerNanos, handlerBytes, handlerAllocs} {
			value, err := strconv.ParseFloat(found[i+2], 64)
			if err != nil {
				return err
			}
			s[m] = value
		}
		name := found[1]
		if scores[name] == nil {
			scores[name] = &score{name: name}
		}
		scores[name].samples = append(scores[name].samples, s)
	}
	return nil
}

func reportHandler(scores map[string]*score) (report, error) {
	r := report{
		title: "GET inside one process: parse, handle, put the answer together",
		notes: []string{"Without sockets, so that what the handler adds is a larger part than it is of a real answer."},
	}
	r.table.columns = []string{"handler", "ns/answer", "bytes allocated", "allocations"}
	for _, name := range []string{"bare", "bare-headers", "root", "leaf"} {
		s := scores[name]
		if s == nil {
			return r, fmt.Errorf("the benchmark said nothing of %q", name)
		}
		r.table.add(name, fmt.Sprintf("%.0f", s.median(handlerNanos)), fmt.Sprintf("%.0f", s.median(handlerBytes)),
			fmt.Sprintf("%.0f", s.median(handlerAllocs)))
	}
	for _, name := range []string{"root", "leaf"} {
		r.goals = append(r.goals, goal{
			"GET at a " + name + ": allocations beyond those of a bare fiber handler",
			scores[name].median(handlerAllocs) - scores["bare"].median(handlerAllocs), 0,
		})
	}
	return r, nil
}
