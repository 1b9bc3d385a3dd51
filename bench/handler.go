package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"xylem/bench/contest"
	"xylem/bench/report"
	"xylem/bench/servers"
)

// Metrics of the handler's benchmark.
const (
	handlerNanos  contest.Metric = "ns/op"
	handlerBytes  contest.Metric = "B/op"
	handlerAllocs contest.Metric = "allocs/op"
)

// handlerBenchmark is in node/handler_bench_test.go: a request is parsed, handled
// and its answer put together, without a socket.
const handlerBenchmark = "BenchmarkGet"

var handlerResult = regexp.MustCompile(`(?m)^` + handlerBenchmark + `/(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op\s+(\d+) B/op\s+(\d+) allocs/op$`)

// measureHandler counts what a GET allocates beyond what fiber itself does, with
// a Go benchmark inside one process.
func measureHandler(ctx context.Context, shop *workshop, r *report.Report, rounds int) error {
	binary := filepath.Join(shop.Dir, "node.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./node")
	build.Dir, build.Stderr = shop.Module, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the benchmark of the handler: %w", err)
	}
	count := "20000x"
	if shop.quick {
		count = "5000x"
	}
	scores := map[string]*contest.Score{}
	for range rounds {
		text, err := servers.Output(ctx, binary, "-test.run", "^$", "-test.bench", "^"+handlerBenchmark+"$", "-test.benchmem", "-test.benchtime", count)
		if err != nil {
			return err
		}
		if err := readHandler(scores, text); err != nil {
			return err
		}
	}
	return reportHandler(r, scores)
}

// readHandler adds what a run of the benchmark printed to the scores, by name.
func readHandler(scores map[string]*contest.Score, text string) error {
	for _, found := range handlerResult.FindAllStringSubmatch(text, -1) {
		s := contest.Sample{}
		for i, m := range []contest.Metric{handlerNanos, handlerBytes, handlerAllocs} {
			value, err := strconv.ParseFloat(found[i+2], 64)
			if err != nil {
				return err
			}
			s[m] = value
		}
		name := found[1]
		if scores[name] == nil {
			scores[name] = &contest.Score{Name: name}
		}
		scores[name].Samples = append(scores[name].Samples, s)
	}
	return nil
}

func reportHandler(r *report.Report, scores map[string]*contest.Score) error {
	r.Title = "GET inside one process: parse, handle, put the answer together"
	r.Note("Without sockets, so that what the handler adds is a larger part than it is of a real answer.")
	table := report.Table{Columns: []string{"handler", "ns/answer", "bytes allocated", "allocations"}}
	for _, name := range []string{"bare", "bare-headers", "root", "leaf"} {
		s := scores[name]
		if s == nil {
			return fmt.Errorf("the benchmark said nothing of %q", name)
		}
		table.Add(name, fmt.Sprintf("%.0f", s.Median(handlerNanos)), fmt.Sprintf("%.0f", s.Median(handlerBytes)),
			fmt.Sprintf("%.0f", s.Median(handlerAllocs)))
	}
	for _, name := range []string{"root", "leaf"} {
		r.Goals = append(r.Goals, report.Goal{
			What:     "GET at a " + name + ": allocations beyond those of a bare fiber handler",
			Measured: scores[name].Median(handlerAllocs) - scores["bare"].Median(handlerAllocs),
		})
	}
	r.Tables = []report.Table{table}
	return nil
}
