package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	reports "xylem/bench/report"
)

// beginFigures is the line behind which a page has its figures.
const beginFigures = "<!-- figures: written by go run ./bench/scale -page FILE -results FILE -->\n"

// modelDepths are those whose figures the page tells: the last is that of a million nodes.
var modelDepths = []int{10, 13, 16, 20}

// mainLoss is the share of packets that is lost in most of the figures.
const mainLoss = 0.0001

// writePage writes the figures of a page anew, and its charts beside the results.
func writePage(page, results string, cost time.Duration) error {
	measured, err := read(results)
	if err != nil {
		return err
	}
	slices.SortStableFunc(measured, func(a, b result) int {
		return cmp.Or(a.Depth-b.Depth, strings.Compare(a.Place, b.Place), strings.Compare(a.Fanout, b.Fanout), cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.Liveness, b.Liveness))
	})
	w := &writer{measured: measured, cost: cost}
	w.waves()
	w.losses()
	w.loads()
	w.reports()
	w.deaths()
	for name, c := range w.charts() {
		if err := os.WriteFile(filepath.Join(filepath.Dir(results), name), []byte(c.SVG()), 0o644); err != nil {
			return err
		}
	}
	return reports.Between(page, beginFigures, w.text.String())
}

// writer puts the figures of a page together.
type writer struct {
	text     strings.Builder
	measured []result
	cost     time.Duration
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(&w.text, format, args...) }

// find is the result of a run, nil where there is none. Where there are runs with several
// time-outs of liveness, it is the one with the default.
func (w *writer) find(place, fanout string, depth int, loss float64) *result {
	var found *result
	for i := range w.measured {
		r := &w.measured[i]
		if r.Place == place && r.Fanout == fanout && r.Depth == depth && r.Loss == loss && (found == nil || found.Overloaded != "") {
			found = r
		}
	}
	return found
}

// of are the settings of a row.
func (w *writer) of(p place, fanout string, depth int, loss float64, r *result) settings {
	s := defaults(depth, fanout == "tree", p)
	s.loss, s.cost = loss, w.cost
	if r != nil {
		s.liveness = time.Duration(r.Liveness * float64(time.Second))
	}
	return s
}

var fanouts = []string{"direct", "tree"}

// waves tells of single writes on the idle tree.
func (w *writer) waves() {
	w.printf("### A write on an idle tree, until nodes have it\n\n")
	w.printf("Milliseconds, %v of packets lost. Simulated, then the model in brackets.\n\n", percent(mainLoss))
	w.printf("| place | fan-out | nodes | writes | a node, p50 | a node, p99 | the last, p50 | the last, p99 |\n|---|---|--:|--:|--:|--:|--:|--:|\n")
	for _, p := range places() {
		for _, fanout := range fanouts {
			for _, depth := range modelDepths {
				r := w.find(p.key, fanout, depth, mainLoss)
				w.wave(p, fanout, depth, mainLoss, r)
			}
		}
	}
	w.printf("\n")
}

func (w *writer) wave(p place, fanout string, depth int, loss float64, r *result) {
	s := w.of(p, fanout, depth, loss, r)
	m := predict(s)
	var of waveOf
	if r != nil {
		of = r.Wave
	}
	w.printf("| %s | %s | %s | %s | %s | %s | %s | %s |\n", p.name, fanout, nodesOf(s, r), count(of.Writes),
		beside(of.NodeP50, 1000*m.nodeP50), beside(of.NodeP99, 1000*m.nodeP99), beside(of.LastP50, 1000*m.lastP50), beside(of.LastP99, 1000*m.lastP99))
}

// losses tells what lost packets cost.
func (w *writer) losses() {
	w.printf("### What lost packets cost\n\n| place | fan-out | nodes | lost | writes | a node, p50 | a node, p99 | the last, p50 | the last, p99 |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, p := range places() {
		for _, fanout := range fanouts {
			for _, loss := range []float64{0, mainLoss, 0.001} {
				r := w.find(p.key, fanout, 13, loss)
				if r == nil || r.Overloaded != "" {
					continue
				}
				m := predict(w.of(p, fanout, 13, loss, r))
				w.printf("| %s | %s | 8,191 | %v | %d | %s | %s | %s | %s |\n", p.name, fanout, percent(loss), r.Wave.Writes,
					beside(r.Wave.NodeP50, 1000*m.nodeP50), beside(r.Wave.NodeP99, 1000*m.nodeP99), beside(r.Wave.LastP50, 1000*m.lastP50), beside(r.Wave.LastP99, 1000*m.lastP99))
			}
		}
	}
	w.printf("\n")
}

// loads tells what a steady load costs the root.
func (w *writer) loads() {
	w.printf("### What a steady load costs the root\n\nA second; simulated, then the model in brackets. The requests are those between nodes.\n\n")
	w.printf("| place | fan-out | nodes | writes | requests out | kB out | requests in | kB in | of a processor | p50 ms | p99 ms |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, p := range places() {
		for _, fanout := range fanouts {
			for _, depth := range modelDepths {
				r := w.find(p.key, fanout, depth, mainLoss)
				if depth == 20 && p.key != "dc" {
					continue
				}
				for _, rate := range []float64{0, 100, 1000} {
					w.load(p, fanout, depth, rate, r)
				}
			}
		}
	}
	w.printf("\nThe last two columns are how long it took from a write until a node had it, simulated.\n\n")
}

func (w *writer) load(p place, fanout string, depth int, rate float64, r *result) {
	s := w.of(p, fanout, depth, mainLoss, r)
	m := predictLoad(s, rate)
	var l steady
	if r != nil {
		if i := slices.IndexFunc(r.Loads, func(l steady) bool { return l.Writes == rate }); i >= 0 {
			l = r.Loads[i]
		} else {
			r = nil
		}
	}
	if r == nil && depth != 20 && depth != 16 {
		return
	}
	lag := "| |"
	if r != nil && rate > 0 {
		lag = fmt.Sprintf("%s | %s |", figure(l.NodeP50), figure(l.NodeP99))
	}
	w.printf("| %s | %s | %s | %v | %s | %s | %s | %s | %s | %s\n", p.name, fanout, nodesOf(s, r), rate,
		beside(l.RequestsOut, m.requestsOut), beside(l.BytesOut/1000, m.bytesOut/1000), beside(l.RequestsIn, m.requestsIn), beside(l.BytesIn/1000, m.bytesIn/1000),
		beside(l.Busy, m.busy), lag)
}

// reports tells where no tree could be measured.
func (w *writer) reports() {
	for i := range w.measured {
		if r := &w.measured[i]; r.Overloaded != "" {
			w.printf("Not measured: %s, %s, %s nodes, `liveness.timeout` %v s. The root cannot keep up.\n\n", r.settings(w.cost).place.name, r.Fanout, thousands(1<<r.Depth-1), r.Liveness)
		}
	}
}

// deaths tells what the death of an inner node costs, and the start of a root.
func (w *writer) deaths() {
	w.printf("### The root starts; a node half way down dies\n\n%v of packets lost. *Heard* is when the last node had heard of the root's new epoch, *in* what came into the root until a second later. Nodes die in trees that relay only.\n\n",
		percent(mainLoss))
	w.printf("| place | fan-out | nodes | heard, ms | in, kB | killed: its subtree has the next write, ms | its machine vanished: the same, ms |\n|---|---|--:|--:|--:|--:|--:|\n")
	for i := range w.measured {
		r := &w.measured[i]
		if r.Overloaded != "" || r.Loss != mainLoss {
			continue
		}
		w.printf("| %s | %s | %s | %s | %s | %s | %s |\n", r.settings(w.cost).place.name, r.Fanout, nodesOf(r.settings(w.cost), r), figure(r.Restart), figure(r.RestartIn/1000), figure(r.Killed), figure(r.Vanished))
	}
	w.printf("\n")
}

// nodesOf is the size of a row's tree, with what is not the default.
func nodesOf(s settings, r *result) string {
	text := thousands(s.size())
	if r != nil && s.liveness != time.Second {
		text += fmt.Sprintf(", liveness %v", s.liveness)
	}
	return text
}

// beside is a simulated figure with the model's, and by how much it is more than that. 0 is no figure.
func beside(simulated, model float64) string {
	switch {
	case simulated == 0 && model == 0:
		return "0"
	case model == 0 || math.IsInf(model, 1):
		return figure(simulated)
	case simulated == 0:
		return "(" + figure(model) + ")"
	}
	return fmt.Sprintf("%s (%s, %+.0f %%)", figure(simulated), figure(model), 100*(simulated/model-1))
}

// figure is a number with three digits that count; empty for 0.
func figure(x float64) string {
	switch {
	case x == 0:
		return ""
	case x >= 1000:
		return thousands(int(math.Round(x)))
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.4f", x)
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return thousands(n)
}

// thousands groups digits by three.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func percent(share float64) string { return fmt.Sprintf("%g %%", 100*share) }
