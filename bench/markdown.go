package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// The figures in docs/benchmarks.md are between these lines.
const (
	beginFigures = "<!-- figures: written by go run ./bench -write FILE -->\n"
	endFigures   = "<!-- end of figures -->\n"
)

// markdown is all reports as docs/benchmarks.md holds them: the goals, then the
// tables.
func markdown(reports []report, set settings, machine string, began time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s: %s. %d rounds of %v, medians.\n\n",
		began.UTC().Format(time.DateOnly), machine, set.rounds, set.period)
	b.WriteString("| goal | at most | measured | | command |\n|---|---|---|---|---|\n")
	for _, r := range reports {
		for _, g := range r.goals {
			fmt.Fprintf(&b, "| %s | %g | %.3f | %s | `%s` |\n", g.what, g.most, g.measured, g.verdict(), r.command)
		}
	}
	for _, r := range reports {
		fmt.Fprintf(&b, "\n### %s\n\n`%s`\n\n", r.title, r.command)
		markdownRow(&b, r.table.columns)
		b.WriteString("|---" + strings.Repeat("|--:", len(r.table.columns)-1) + "|\n")
		for _, cells := range r.table.rows {
			markdownRow(&b, cells)
		}
		for _, note := range r.notes {
			fmt.Fprintf(&b, "\n%s\n", note)
		}
	}
	return b.String()
}

func markdownRow(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// writeMarkdown puts page between the markers of a file and leaves the rest of it.
func writeMarkdown(name, page string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), beginFigures)
	_, after, ends := strings.Cut(rest, endFigures)
	if !begins || !ends {
		return fmt.Errorf("%s has no place for figures: it needs the lines %q and %q", name, beginFigures, endFigures)
	}
	return os.WriteFile(name, []byte(before+beginFigures+"\n"+page+"\n"+endFigures+after), 0o644)
}
