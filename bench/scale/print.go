package main

import (
	"fmt"
	"io"
	"time"
)

// printRun tells of one run what the page's tables have of it: what was simulated, and in brackets the
// model and by how much the simulated is more.
func printRun(to io.Writer, s settings, r *result, took time.Duration) {
	printf := func(format string, args ...any) { _, _ = fmt.Fprintf(to, format, args...) }
	printf("%s, %s, %s nodes, %s of packets lost: simulated (model, difference); took %v\n",
		s.place.name, r.Fanout, nodesOf(s, r), percent(s.loss), took.Round(100*time.Millisecond))
	if r.Wave.Writes > 0 && s.depth > 1 {
		m, w := predict(s), r.Wave
		printf("  a write on the idle tree, ms: a node p50 %s, p99 %s; the last p50 %s, p99 %s\n",
			beside(w.NodeP50, 1000*m.nodeP50), beside(w.NodeP99, 1000*m.nodeP99), beside(w.LastP50, 1000*m.lastP50), beside(w.LastP99, 1000*m.lastP99))
	}
	for _, l := range r.Loads {
		m := predictLoad(s, l.Writes)
		printf("  %v writes a second, at the root: requests out %s, kB out %s, requests in %s, kB in %s, %% of a processor %s\n", l.Writes,
			beside(l.RequestsOut, m.requestsOut), beside(l.BytesOut/1000, m.bytesOut/1000), beside(l.RequestsIn, m.requestsIn), beside(l.BytesIn/1000, m.bytesIn/1000),
			beside(100*l.Busy, 100*m.busy))
		if l.Writes > 0 && s.depth > 1 {
			printf("    until a node has a write, ms: p50 %s, p99 %s\n", figure(l.NodeP50), figure(l.NodeP99))
		}
	}
	if r.Killed > 0 {
		printf("  a node half way down dies, ms until its subtree has the next write: killed %s, vanished %s\n", figure(r.Killed), figure(r.Vanished))
	}
	if r.Overloaded != "" {
		printf("  not measured to the end: %s\n", r.Overloaded)
	}
}
