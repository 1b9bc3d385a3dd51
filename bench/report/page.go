package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The figures on a page are between these lines.
const (
	beginFigures = "<!-- figures: written by go run ./bench -write FILE -->\n"
	endFigures   = "<!-- end of figures -->\n"
)

// Markdown is all reports as a page holds them: the goals, then the tables with
// their charts, which are files in a folder beside the page.
func Markdown(reports []Report, folder string) string {
	var b strings.Builder
	b.WriteString("| goal | | measured | | command |\n|---|---|--:|---|---|\n")
	for _, r := range reports {
		for _, g := range r.Goals {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` |\n", g.What, g.bound(), g.figure(), g.Verdict(), r.Command)
		}
	}
	for _, r := range reports {
		fmt.Fprintf(&b, "\n### %s\n\n`%s`: %s.\n", r.Title, r.Command, r.Measured)
		for _, t := range r.Tables {
			if t.Title != "" {
				fmt.Fprintf(&b, "\n%s\n", t.Title)
			}
			b.WriteByte('\n')
			markdownRow(&b, t.Columns)
			b.WriteString("|---" + strings.Repeat("|--:", len(t.Columns)-1) + "|\n")
			for _, cells := range t.Rows {
				markdownRow(&b, cells)
			}
		}
		for i, c := range r.Charts {
			fmt.Fprintf(&b, "\n![%s](%s/%s)\n", c.Title, folder, r.chartFile(i))
		}
		for _, note := range r.Notes {
			fmt.Fprintf(&b, "\n%s\n", note)
		}
		for _, skipped := range r.Skipped {
			fmt.Fprintf(&b, "\nSkipped: %s.\n", skipped)
		}
	}
	return b.String()
}

func markdownRow(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// chartFile is the name of the file with the i-th chart.
func (r *Report) chartFile(i int) string {
	if i == 0 {
		return r.Name + ".svg"
	}
	return fmt.Sprintf("%s-%d.svg", r.Name, i+1)
}

// Write keeps the reports and their charts in the folder that is called like the
// page, less its ending, and puts all reports in that folder between the page's markers, in
// the order of names. What the page says around them stays.
func Write(page string, names []string, reports []Report) error {
	folder := strings.TrimSuffix(page, filepath.Ext(page))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, r := range reports {
		if err := r.keep(folder); err != nil {
			return err
		}
	}
	all, err := load(folder, names)
	if err != nil {
		return err
	}
	return Between(page, beginFigures, Markdown(all, filepath.Base(folder))+"\n")
}

// Between puts figures on a page, between the line begin and the next that ends figures. What
// the page says around them stays.
func Between(page, begin, figures string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), begin)
	_, after, ends := strings.Cut(rest, endFigures)
	if !begins || !ends {
		return fmt.Errorf("%s has no place for figures: it needs the lines %q and %q", page, begin, endFigures)
	}
	return os.WriteFile(page, []byte(before+begin+"\n"+figures+endFigures+after), 0o644)
}

// keep writes the report and its charts into the folder.
func (r *Report) keep(folder string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	if err := os.WriteFile(filepath.Join(folder, r.Name+".json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	for i, c := range r.Charts {
		if err := os.WriteFile(filepath.Join(folder, r.chartFile(i)), []byte(c.SVG()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// load reads the reports of those names that the folder has.
func load(folder string, names []string) ([]Report, error) {
	var all []Report
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(folder, name+".json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var r Report
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s.json: %w", name, err)
		}
		all = append(all, r)
	}
	return all, nil
}
