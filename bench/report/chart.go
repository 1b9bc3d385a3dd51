package report

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"xylem/bench/contest"
)

// Chart is figures as horizontal bars, each with a whisker from the least round to
// the greatest.
type Chart struct {
	// Title says what is shown.
	Title string `json:"title"`
	// Unit is that of the figures, and which way is better.
	Unit string `json:"unit"`
	// Bars are drawn from the top.
	Bars []Bar `json:"bars"`
}

// Bar is one figure of a Chart. Invariant: 0 <= Least <= Value <= Most.
type Bar struct {
	// Label stands before the bar.
	Label string `json:"label"`
	// Value is the median of all rounds.
	Value float64 `json:"value"`
	// Least is the least round.
	Least float64 `json:"least"`
	// Most is the greatest round.
	Most float64 `json:"most"`
	// Ours tells a node of Xylem from what it is compared with.
	Ours bool `json:"ours,omitempty"`
}

// Sizes of a chart, in pixels.
const (
	chartWidth = 800
	labelWidth = 290
	valueWidth = 110
	barHeight  = 18
	barPitch   = 26
	headHeight = 52
	charWidth  = 6.1 // of the labels' letters, about
)

// SVG draws the chart. A bar that goes beyond twenty times the median bar is cut
// off at the edge, with its figure beside it: one that is far slower would leave
// no room for the others.
func (c Chart) SVG() string {
	height := headHeight + barPitch*len(c.Bars) + 12
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		chartWidth, height, chartWidth, height)
	fmt.Fprintf(&b, "<title>%s</title>\n"+`<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", escaped(c.Title), chartWidth, height)
	fmt.Fprintf(&b, `<text x="12" y="22" font-size="15" fill="#1f2933">%s</text>`+"\n", escaped(c.Title))
	fmt.Fprintf(&b, `<text x="12" y="40" fill="#52606d">%s; the line is from the least round to the greatest</text>`+"\n", escaped(c.Unit))
	scale := c.scale()
	for i, bar := range c.Bars {
		c.bar(&b, bar, headHeight+barPitch*i, scale)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// BarOf is the bar of a contestant's metric.
func BarOf(s contest.Score, m contest.Metric, ours bool) Bar {
	values := s.Of(m)
	if len(values) == 0 {
		return Bar{Label: s.Name, Ours: ours}
	}
	return Bar{Label: s.Name, Value: contest.Median(values), Least: slices.Min(values), Most: slices.Max(values), Ours: ours}
}

// scale is how many pixels a unit has.
func (c Chart) scale() float64 {
	longest, typical := 0.0, medianBar(c.Bars)
	for _, bar := range c.Bars {
		end := max(bar.Value, bar.Most)
		if bar.Value <= 20*typical {
			end = min(end, max(2*bar.Value, typical)) // a whisker does not set the scale
		} else {
			end = 0
		}
		longest = max(longest, end)
	}
	if longest == 0 {
		return 0
	}
	return (chartWidth - labelWidth - valueWidth) / longest
}

func (c Chart) bar(b *strings.Builder, bar Bar, y int, scale float64) {
	const edge = chartWidth - valueWidth
	at := func(value float64) float64 { return min(labelWidth+value*scale, edge) }
	color := "#9aa5b1"
	if bar.Ours {
		color = "#2f855a"
	}
	middle := y + barHeight/2
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#1f2933"%s>%s</text>`+"\n", labelWidth-8, middle+4, squeezed(bar.Label), escaped(bar.Label))
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y, at(bar.Value)-labelWidth, barHeight, color)
	if bar.Most > bar.Least {
		fmt.Fprintf(b, `<path d="M%.1f %dH%.1fM%.1f %dv8M%.1f %dv8" stroke="#1f2933" fill="none"/>`+"\n",
			at(bar.Least), middle, at(bar.Most), at(bar.Least), middle-4, at(bar.Most), middle-4)
	}
	text := contest.Figure(bar.Value)
	if labelWidth+bar.Value*scale > edge {
		text += ", cut off"
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="#1f2933">%s</text>`+"\n", at(max(bar.Value, bar.Most))+6, middle+4, text)
}

// medianBar is the value of the bar in the middle.
func medianBar(bars []Bar) float64 {
	values := make([]float64, len(bars))
	for i, bar := range bars {
		values[i] = bar.Value
	}
	return contest.Median(values)
}

// squeezed makes a label narrower that would not fit.
func squeezed(label string) string {
	if float64(len(label))*charWidth <= labelWidth-16 {
		return ""
	}
	return fmt.Sprintf(` textLength="%d" lengthAdjust="spacingAndGlyphs"`, labelWidth-16)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // never fails
	return b.String()
}
