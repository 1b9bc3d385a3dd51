package main

import (
	"fmt"
	"math"
	"strings"
)

// chart is lines over the number of nodes, both axes logarithmic.
type chart struct {
	title, unit string
	low, high   float64 // of the vertical axis, powers of ten
	lines       []line
	mark        float64 // a horizontal line, 0 for none
	marked      string  // what it is
}

// line is one curve of the model, with what was simulated as dots.
type line struct {
	label  string
	color  string
	dashed bool
	points [][2]float64
	dots   [][2]float64
}

// Sizes of a chart, in pixels; nodes from 10^2.7 to 10^6.1 are shown.
const (
	chartWidth, chartHeight                          = 800, 420
	leftEdge, rightEdge, topEdge, bottomEdge         = 70.0, 560.0, 60.0, 370.0
	leastNodes, mostNodes                    float64 = 2.7, 6.1
)

func (c *chart) x(nodes float64) float64 {
	return leftEdge + (math.Log10(nodes)-leastNodes)/(mostNodes-leastNodes)*(rightEdge-leftEdge)
}

func (c *chart) y(value float64) float64 {
	low, high := math.Log10(c.low), math.Log10(c.high)
	return bottomEdge - (math.Log10(min(max(value, c.low), c.high))-low)/(high-low)*(bottomEdge-topEdge)
}

// SVG draws the chart.
func (c *chart) SVG() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		chartWidth, chartHeight, chartWidth, chartHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n"+`<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", c.title, chartWidth, chartHeight)
	fmt.Fprintf(&b, `<text x="12" y="22" font-size="15" fill="#1f2933">%s</text>`+"\n"+`<text x="12" y="40" fill="#52606d">%s; lines: model, dots: simulated</text>`+"\n", c.title, c.unit)
	c.grid(&b)
	for i, l := range c.lines {
		dash := ""
		if l.dashed {
			dash = ` stroke-dasharray="6 4"`
		}
		var path strings.Builder
		for j, p := range l.points {
			verb := "L"
			if j == 0 {
				verb = "M"
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", verb, c.x(p[0]), c.y(p[1]))
		}
		fmt.Fprintf(&b, `<path d="%s" stroke="%s" fill="none" stroke-width="2"%s/>`+"\n", path.String(), l.color, dash)
		for _, p := range l.dots {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", c.x(p[0]), c.y(p[1]), l.color)
		}
		y := topEdge + 20*float64(i) + 8
		fmt.Fprintf(&b, `<path d="M575 %.0fh24" stroke="%s" stroke-width="2"%s/><text x="606" y="%.0f" fill="#1f2933">%s</text>`+"\n", y, l.color, dash, y+4, l.label)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// grid draws the axes.
func (c *chart) grid(b *strings.Builder) {
	for value := c.low; value <= c.high*1.001; value *= 10 {
		fmt.Fprintf(b, `<path d="M%.0f %.1fH%.0f" stroke="#e4e7eb"/><text x="%.0f" y="%.1f" text-anchor="end" fill="#52606d">%s</text>`+"\n",
			leftEdge, c.y(value), rightEdge, leftEdge-6, c.y(value)+4, fmt.Sprintf("%g", round(value)))
	}
	for _, nodes := range []float64{1e3, 1e4, 1e5, 1e6} {
		fmt.Fprintf(b, `<path d="M%.1f %.0fV%.0f" stroke="#e4e7eb"/><text x="%.1f" y="%.0f" text-anchor="middle" fill="#52606d">%s nodes</text>`+"\n",
			c.x(nodes), topEdge, bottomEdge, c.x(nodes), bottomEdge+18, thousands(int(nodes)))
	}
	if c.mark > 0 {
		fmt.Fprintf(b, `<path d="M%.0f %.1fH%.0f" stroke="#c53030" stroke-dasharray="2 3"/><text x="%.0f" y="%.1f" fill="#c53030">%s</text>`+"\n",
			leftEdge, c.y(c.mark), rightEdge, leftEdge+6, c.y(c.mark)-5, c.marked)
	}
}

// round takes the noise of repeated multiplication off a power of ten.
func round(x float64) float64 { return math.Pow(10, math.Round(math.Log10(x))) }

// charts are the page's, by the names of their files.
func (w *writer) charts() map[string]*chart {
	last := &chart{title: "Until the last node has a write, idle tree, p50", unit: "milliseconds", low: 1, high: 100000}
	cpu := &chart{title: "Processor time of the root, idle and with 100 writes a second, one data centre", unit: "shares of one processor", low: 0.001, high: 1000, mark: 1, marked: "one processor"}
	bytes := &chart{title: "Bytes that the root sends, idle and with 100 writes a second, one data centre", unit: "kB a second", low: 10, high: 1e7}
	colors := map[string]string{"dc": "#2f855a", "region": "#2b6cb0", "world": "#b7791f"}
	for _, p := range places() {
		for _, fanout := range fanouts {
			l := line{label: p.name + ", " + fanout, color: colors[p.key], dashed: fanout == "direct"}
			for depth := 10; depth <= 20; depth++ {
				s := w.of(p, fanout, depth, mainLoss, nil)
				l.points = append(l.points, [2]float64{float64(s.size()), 1000 * predict(s).lastP50})
			}
			for _, depth := range modelDepths {
				if r := w.find(p.key, fanout, depth, mainLoss); r != nil && r.Overloaded == "" {
					l.dots = append(l.dots, [2]float64{float64(int(1)<<depth - 1), r.Wave.LastP50})
				}
			}
			last.lines = append(last.lines, l)
			if p.key == "dc" {
				for _, rate := range []float64{0, 100} {
					busy, sent := w.curves(p, fanout, rate)
					cpu.lines, bytes.lines = append(cpu.lines, busy), append(bytes.lines, sent)
				}
			}
		}
	}
	return map[string]*chart{"last.svg": last, "processor.svg": cpu, "bytes.svg": bytes}
}

// curves are the root's processor and the bytes that it sends.
func (w *writer) curves(p place, fanout string, rate float64) (busy, sent line) {
	color := map[string]string{"direct": "#b7791f", "tree": "#2f855a"}[fanout]
	busy = line{label: fmt.Sprintf("%s, %v writes/s", fanout, rate), color: color, dashed: rate == 0}
	sent = busy
	for depth := 10; depth <= 20; depth++ {
		s := w.of(p, fanout, depth, mainLoss, nil)
		nodes := float64(s.size())
		m := predictLoad(s, rate)
		busy.points = append(busy.points, [2]float64{nodes, m.busy})
		sent.points = append(sent.points, [2]float64{nodes, m.bytesOut / 1000})
	}
	for _, depth := range modelDepths {
		r := w.find(p.key, fanout, depth, mainLoss)
		if r == nil || r.Overloaded != "" || r.Liveness != 1 {
			continue
		}
		for _, l := range r.Loads {
			if l.Writes == rate {
				nodes := float64(int(1)<<depth - 1)
				busy.dots, sent.dots = append(busy.dots, [2]float64{nodes, l.Busy}), append(sent.dots, [2]float64{nodes, l.BytesOut / 1000})
			}
		}
	}
	return busy, sent
}
