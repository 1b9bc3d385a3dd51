package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"xylem/bench/contest"
	"xylem/bench/load"
	"xylem/bench/report"
	"xylem/bench/servers"
)

// Metrics of a full store.
const (
	bytesPerEntry contest.Metric = "resident bytes per entry"
	collectMillis contest.Metric = "a full garbage collection, milliseconds on the clock"
	collectCPU    contest.Metric = "CPU time of a full garbage collection, milliseconds"
	liveMegabytes contest.Metric = "live heap after a collection, MiB"
)

// quietAfterFill is how long a server is left alone before its memory is read.
const quietAfterFill = 2 * time.Second

// measureMemory weighs a large store in the memory of each server, once.
func measureMemory(ctx context.Context, shop *workshop, r *report.Report, _ int) error {
	var scores []contest.Score
	for _, p := range []struct {
		name  string
		d     load.Dialect
		start func() (*servers.Process, error)
	}{
		{"Xylem, a node", load.Xylem, func() (*servers.Process, error) {
			t, err := shop.StartTree(ctx, servers.TreeOptions{Depth: 1, Sets: []string{"data.fsync=never"}, Env: []string{"GODEBUG=gctrace=1"}})
			if err != nil {
				return nil, err
			}
			return t.Root.Process, nil
		}},
		{"Redis", load.RedisServer, func() (*servers.Process, error) { return shop.StartRedis(ctx, "redis") }},
		{"memcached", load.MemcachedServer, func() (*servers.Process, error) { return shop.StartMemcached(ctx, 2048) }},
	} {
		server, err := p.start()
		if absent(r, err) {
			continue
		}
		if err != nil {
			return err
		}
		s, err := weighStore(ctx, server, p.d, shop.entries())
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		scores = append(scores, contest.Score{Name: p.name, Samples: []contest.Sample{s}})
		shop.StopAll()
	}
	reportMemory(r, scores, shop.entries())
	return nil
}

// weighStore fills a server and reads its memory before and after.
func weighStore(ctx context.Context, p *servers.Process, d load.Dialect, entries int) (contest.Sample, error) {
	before, err := p.Resident()
	if err != nil {
		return nil, err
	}
	if err := fillLarge(ctx, p.Address, d, entries); err != nil {
		return nil, err
	}
	if err := pause(ctx, quietAfterFill); err != nil {
		return nil, err
	}
	after, err := p.Resident()
	if err != nil {
		return nil, err
	}
	s := contest.Sample{bytesPerEntry: float64(after-before) / float64(entries)}
	text, err := os.ReadFile(p.Log())
	if err != nil {
		return nil, err
	}
	return s, readCollections(s, string(text))
}

// collection is a line of gctrace: the parts of the time on the clock and of the CPU
// time, and what of the heap lives.
var collection = regexp.MustCompile(`(?m)^gc \d+ @.*?: ([\d.+]+) ms clock, ([\d.+/]+) ms cpu, \d+->\d+->(\d+) MB`)

// readCollections reads the last garbage collections from a server's log, and takes
// the shortest: they run beside the last writes, which disturb them. One that is no node
// has none.
func readCollections(s contest.Sample, text string) error {
	const lastOnes = 3 // all of them with a good part of the store
	found := collection.FindAllStringSubmatch(text, -1)
	for i, line := range found[max(0, len(found)-lastOnes):] {
		clock, err := sumOf(line[1])
		if err != nil {
			return err
		}
		cpu, err := sumOf(line[2])
		if err != nil {
			return err
		}
		if s[liveMegabytes], err = sumOf(line[3]); err != nil {
			return err
		}
		if i == 0 || clock < s[collectMillis] {
			s[collectMillis], s[collectCPU] = clock, cpu
		}
	}
	return nil
}

// sumOf adds up numbers with + or / between.
func sumOf(text string) (float64, error) {
	sum := 0.0
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '+' || r == '/' }) {
		value, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0, fmt.Errorf("gctrace: %w", err)
		}
		sum += value
	}
	return sum, nil
}

func reportMemory(r *report.Report, scores []contest.Score, entries int) {
	node := scores[0]
	r.Title = fmt.Sprintf("Memory of %d entries", entries)
	r.Goals = []report.Goal{
		compared("Resident memory per entry: against Redis", scores, node.Name, "Redis", bytesPerEntry, report.Goal{Bound: 0.9}),
		{What: fmt.Sprintf("A full garbage collection at %d entries, milliseconds", entries), Measured: node.Median(collectMillis), Bound: 10},
	}
	table := report.Table{Columns: []string{"server", "resident bytes per entry", "against Redis"}}
	for _, s := range scores {
		table.Add(s.Name, contest.Figure(s.Median(bytesPerEntry)), ratio(s, scores, "Redis", bytesPerEntry))
	}
	r.Tables = []report.Table{table}
	r.Charts = []report.Chart{chart("Resident memory of an entry", "bytes, less is better", scores, bytesPerEntry, isOurs)}
	r.Note("Keys of %d bytes, values of %d, each written once by one of %d clients. Resident memory (VmRSS) %v after the last write, less that of the empty server. "+
		"The collection is the shortest of the last three in the node's gctrace, which run beside the last writes: %s ms on the clock, %s ms of CPU time, with %s MiB that live.",
		load.KeyBytes, load.ValueBytes, fillers, quietAfterFill, contest.Figure(node.Median(collectMillis)), contest.Figure(node.Median(collectCPU)), contest.Figure(node.Median(liveMegabytes)))
}
