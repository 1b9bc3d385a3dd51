package load

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Generator loads a target with clients that write or read for a period. The Go
// generator (Gather) does the same, and takes more of the processors for it.
type Generator func(ctx context.Context, target Target, clients int, period time.Duration) (Burst, error)

// Found reports whether a program is in the PATH.
func Found(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// wrkScript has wrk send the requests that it is given, in turn, and print what
// came of them as numbers.
const wrkScript = `
local requests = {}
local i = 0
function init(args)
  for line in io.lines(args[1]) do
    local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
    local headers = {["Host"] = "127.0.0.1"}
    if body ~= "" then headers["Content-Type"] = "application/json" else body = nil end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end
function request()
  i = i % #requests + 1
  return requests[i]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), latency.max, e.status, e.connect + e.read + e.write + e.timeout))
end
`

// Tool is a Generator that plays the script: wrk for HTTP, redis-benchmark for
// writes to Redis, where both are installed, so that none is loaded by something
// slower than another; else the Go generator. dir is where its files go.
func Tool(dir, name string, d Dialect, s Script) (Generator, error) {
	switch {
	case !Found("wrk") || !Found("redis-benchmark"):
	case d.Protocol == HTTP:
		return wrk(dir, name, s)
	case d.Protocol == Redis:
		return redisBenchmark(), nil
	}
	return func(ctx context.Context, target Target, clients int, period time.Duration) (Burst, error) {
		crowd, err := Gather(ctx, target, clients, s)
		if err != nil {
			return Burst{}, err
		}
		defer crowd.Close()
		return crowd.Run(period)
	}, nil
}

// Generators says in a sentence which generators Tool chooses.
func Generators() string {
	if Found("wrk") && Found("redis-benchmark") {
		return "HTTP is loaded by wrk with one thread, Redis by redis-benchmark."
	}
	return "Without wrk and redis-benchmark, which are not both installed, the load is from a Go program that takes more of the processors."
}

// wrk is a Generator that runs wrk with one thread, and sends in turn what the first
// clients of the script would.
func wrk(dir, name string, s Script) (Generator, error) {
	const clients, each = 16, 64
	var lines strings.Builder
	for client := range clients {
		next := s(client)
		for range each {
			head, body, _ := bytes.Cut(next(), []byte("\r\n\r\n"))
			fields := bytes.Fields(head)
			fmt.Fprintf(&lines, "%s %s %s\n", fields[0], fields[1], body)
		}
	}
	script, file := filepath.Join(dir, "wrk.lua"), filepath.Join(dir, "wrk-"+name+".txt")
	if err := errors.Join(os.WriteFile(script, []byte(wrkScript), 0o600), os.WriteFile(file, []byte(lines.String()), 0o600)); err != nil {
		return nil, err
	}
	return func(ctx context.Context, target Target, clients int, period time.Duration) (Burst, error) {
		seconds := max(1, int(period.Round(time.Second).Seconds()))
		return timedRun(target, func() (Burst, error) {
			out, err := run(ctx, time.Duration(seconds)*time.Second, "wrk", "-t1", "-c", strconv.Itoa(clients), "-d", fmt.Sprintf("%ds", seconds),
				"-s", script, "http://"+target.Address, "--", file)
			if err != nil {
				return Burst{}, err
			}
			return readWrk(out)
		})
	}, nil
}

// readWrk reads the line of numbers.
func readWrk(out string) (b Burst, err error) {
	_, rest, _ := strings.Cut(out, "figures ")
	var micros, p50, p99, worst, broken int64
	if _, err := fmt.Sscan(rest, &b.Answered, &micros, &p50, &p99, &worst, &b.Refused, &broken); err != nil {
		return b, fmt.Errorf("wrk said %.300q: %w", out, err)
	}
	if broken > 0 {
		return b, fmt.Errorf("wrk: %d connections failed", broken)
	}
	b.Answered -= b.Refused
	b.Elapsed = time.Duration(micros) * time.Microsecond
	b.P50, b.P99, b.Worst = time.Duration(p50)*time.Microsecond, time.Duration(p99)*time.Microsecond, time.Duration(worst)*time.Microsecond
	return b, nil
}

// redisBenchmark is a Generator of SETs to random ones of ManyKeys keys that runs
// redis-benchmark. It is told how many to send, so a round takes as long as the one
// before would have it.
func redisBenchmark() Generator {
	perSecond := 20_000.0
	return func(ctx context.Context, target Target, clients int, period time.Duration) (Burst, error) {
		host, port, _ := strings.Cut(target.Address, ":")
		count := max(clients, int(perSecond*period.Seconds()))
		b, err := timedRun(target, func() (Burst, error) {
			out, err := run(ctx, period, "redis-benchmark", "-h", host, "-p", port, "-c", strconv.Itoa(clients), "-n", strconv.Itoa(count),
				"-r", strconv.Itoa(ManyKeys), "-d", strconv.Itoa(ValueBytes), "-t", "set", "--csv")
			if err != nil {
				return Burst{}, err
			}
			return readRedisBenchmark(out, count)
		})
		if err == nil {
			perSecond = float64(b.Answered) / b.Elapsed.Seconds()
		}
		return b, err
	}
}

// readRedisBenchmark reads its table: "test","rps","avg_latency_ms","min_latency_ms",
// "p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms".
func readRedisBenchmark(out string, count int) (Burst, error) {
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) < 2 || len(rows[1]) < 8 {
		return Burst{}, fmt.Errorf("redis-benchmark said %.300q: %w", out, errors.Join(ErrAnswer, err))
	}
	var figures [8]float64
	for i := range figures[1:] {
		if figures[i+1], err = strconv.ParseFloat(rows[1][i+1], 64); err != nil {
			return Burst{}, fmt.Errorf("redis-benchmark said %.300q: %w", out, err)
		}
	}
	millis := func(i int) time.Duration { return time.Duration(figures[i] * float64(time.Millisecond)) }
	return Burst{
		Answered: count, Elapsed: time.Duration(float64(count) / figures[1] * float64(time.Second)),
		P50: millis(4), P99: millis(6), Worst: millis(7),
	}, nil
}

// timedRun adds what the servers used meanwhile.
func timedRun(target Target, play func() (Burst, error)) (Burst, error) {
	before, err := target.CPU()
	if err != nil {
		return Burst{}, err
	}
	b, err := play()
	if err != nil {
		return Burst{}, err
	}
	after, err := target.CPU()
	if err != nil {
		return Burst{}, err
	}
	if b.CPU = after - before; b.Answered == 0 {
		return b, errors.New("no request was answered as asked")
	}
	return b, nil
}

// run runs a tool that should take a while, and returns what it printed. It ends
// with ctx, or when it takes much longer than that.
func run(ctx context.Context, while time.Duration, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 4*while+Patience, fmt.Errorf("%s takes too long", program))
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %.300s", program, errors.Join(err, context.Cause(ctx)), out)
	}
	return string(out), nil
}
