package main

import (
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"
)

// goal is a figure with its bound, which it may reach and not exceed.
type goal struct {
	what     string
	measured float64
	most     float64
}

func (g goal) verdict() string {
	if g.measured <= g.most {
		return "met"
	}
	return "missed"
}

// table is rows of text under their columns. The first column is text, the
// others are numbers.
type table struct {
	columns []string
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// report is what a measurement found.
type report struct {
	title   string
	command string // how to run it again
	goals   []goal
	table   table
	notes   []string // sentences below the table
}

// text is the report for a terminal.
func (r report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", r.title)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, cells := range append([][]string{r.table.columns}, r.table.rows...) {
		fmt.Fprintf(w, "  %s\n", strings.Join(cells, "\t"))
	}
	_ = w.Flush() // never fails
	for _, note := range r.notes {
		fmt.Fprintf(&b, "  %s\n", note)
	}
	for _, g := range r.goals {
		fmt.Fprintf(&b, "  goal %s: %s: %.3f, at most %g\n", g.verdict(), g.what, g.measured, g.most)
	}
	return b.String()
}

// machine describes in general words where this runs.
func machine() string {
	return fmt.Sprintf("%d cores shared with everything else, %s/%s, %s, loopback; load average at the start %s",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), loadAverage())
}
