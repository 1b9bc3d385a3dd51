// Package report is how what was measured is shown: as text, as a page of
// markdown, and as charts. It keeps what each contest found in a file of its own,
// so that one can be measured anew and the page stays whole.
package report

import (
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"
)

// Goal is a figure with its bound, which it may reach.
type Goal struct {
	// What is measured, as a ratio or with its unit.
	What string `json:"what"`
	// Bound is the most that is allowed, or the least with Least.
	Bound float64 `json:"bound"`
	// Least makes the bound a lower one.
	Least bool `json:"least,omitempty"`
	// Measured is the median of all rounds.
	Measured float64 `json:"measured"`
	// Unmeasured is why there is no figure, or empty.
	Unmeasured string `json:"unmeasured,omitempty"`
}

// Verdict says whether the goal is met.
func (g Goal) Verdict() string {
	switch {
	case g.Unmeasured != "":
		return "not measured: " + g.Unmeasured
	case g.Least && g.Measured >= g.Bound, !g.Least && g.Measured <= g.Bound:
		return "met"
	}
	return "**missed**"
}

// figure is what was measured, for people.
func (g Goal) figure() string {
	if g.Unmeasured != "" {
		return ""
	}
	return fmt.Sprintf("%.3f", g.Measured)
}

// bound is the bound with its direction.
func (g Goal) bound() string {
	if g.Least {
		return fmt.Sprintf("at least %g", g.Bound)
	}
	return fmt.Sprintf("at most %g", g.Bound)
}

// Table is rows of text under their columns. The first column is text, the
// others are numbers.
type Table struct {
	// Title stands above a table that is not alone.
	Title string `json:"title,omitempty"`
	// Columns are the heads.
	Columns []string `json:"columns"`
	// Rows have a cell for each column.
	Rows [][]string `json:"rows"`
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Report is what a contest found.
type Report struct {
	// Name is the contest's, as -only takes it; files are called after it.
	Name string `json:"name"`
	// Title is a line about what was measured.
	Title string `json:"title"`
	// Command is how to run it again.
	Command string `json:"command"`
	// Measured tells when, where and with how many rounds.
	Measured string `json:"measured"`
	// Goals are the bounds that the figures are held against.
	Goals []Goal `json:"goals,omitempty"`
	// Tables hold the figures.
	Tables []Table `json:"tables"`
	// Charts show some of them.
	Charts []Chart `json:"charts,omitempty"`
	// Notes are sentences below the tables.
	Notes []string `json:"notes,omitempty"`
	// Skipped are those that did not take part, with the reason.
	Skipped []string `json:"skipped,omitempty"`
}

// Note appends a sentence.
func (r *Report) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Text is the report for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", r.Title)
	for _, t := range r.Tables {
		if t.Title != "" {
			fmt.Fprintf(&b, " %s\n", t.Title)
		}
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, cells := range append([][]string{t.Columns}, t.Rows...) {
			fmt.Fprintf(w, "  %s\n", strings.Join(cells, "\t"))
		}
		_ = w.Flush() // never fails
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "  %s\n", note)
	}
	for _, skipped := range r.Skipped {
		fmt.Fprintf(&b, "  skipped: %s\n", skipped)
	}
	for _, g := range r.Goals {
		fmt.Fprintf(&b, "  goal %s: %s: %s, %s\n", strings.Trim(g.Verdict(), "*"), g.What, g.figure(), g.bound())
	}
	return b.String()
}

// Machine describes in general words where this runs. load is the load average.
func Machine(load string) string {
	return fmt.Sprintf("%d cores shared with everything else, %s/%s, %s, loopback, load average at the start %s",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), load)
}
