package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"xylem/bench/contest"
	"xylem/bench/report"
)

func sampleReport(name, cell string) report.Report {
	return report.Report{
		Name: name, Title: "What " + name + " is", Command: "go run ./bench -only " + name, Measured: "on a day, 3 rounds",
		Goals:  []report.Goal{{What: name + " against others", Bound: 1.1, Measured: 1.05}},
		Tables: []report.Table{{Columns: []string{"server", "us"}, Rows: [][]string{{"ours", cell}}}},
		Charts: []report.Chart{{Title: "A < B", Unit: "us", Bars: []report.Bar{
			{Label: "ours", Value: 2, Least: 1, Most: 3, Ours: true}, {Label: "a & b", Value: 4, Least: 4, Most: 4},
		}}},
		Notes: []string{"A note."}, Skipped: []string{"memcached: not installed"},
	}
}

func TestVerdicts(t *testing.T) {
	for want, g := range map[string]report.Goal{
		"met":                    {Bound: 1, Measured: 1},
		"**missed**":             {Bound: 1, Measured: 0.9, Least: true},
		"not measured: no redis": {Bound: 1, Unmeasured: "no redis"},
	} {
		if got := g.Verdict(); got != want {
			t.Errorf("%+v: got %s", g, got)
		}
	}
}

func TestText(t *testing.T) {
	r := sampleReport("get", "2")
	for _, want := range []string{"What get is", "ours    2", "skipped: memcached", "goal met: get against others: 1.050, at most 1.1"} {
		if !strings.Contains(r.Text(), want) {
			t.Errorf("the text lacks %q:\n%s", want, r.Text())
		}
	}
}

// TestPage writes two reports, then one of them anew: the page shows the new one
// and keeps the other, and what people wrote around them.
func TestPage(t *testing.T) {
	page := filepath.Join(t.TempDir(), "speed.md")
	head := "# Speed\n\n<!-- figures: written by go run ./bench -write FILE -->\n"
	if err := os.WriteFile(page, []byte(head+"old\n<!-- end of figures -->\nThe end.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	names := []string{"get", "put", "never"}
	if err := report.Write(page, names, []report.Report{sampleReport("put", "7"), sampleReport("get", "2")}); err != nil {
		t.Fatal(err)
	}
	if err := report.Write(page, names, []report.Report{sampleReport("put", "8")}); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(written)
	for _, want := range []string{head, "The end.\n", "| ours | 2 |", "| ours | 8 |", "![A < B](speed/get.svg)", "| at most 1.1 | 1.050 | met |", "Skipped: memcached: not installed."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	for _, unwanted := range []string{"old", "| ours | 7 |"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the page has %q", unwanted)
		}
	}
	if strings.Index(text, "What get is") > strings.Index(text, "What put is") {
		t.Error("the reports are not in the order of their names")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(page), "speed", "put.svg")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(page, []byte("no markers"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := report.Write(page, names, nil); err == nil {
		t.Error("a page without markers was written")
	}
}

func TestChartIsXML(t *testing.T) {
	chart := sampleReport("get", "2").Charts[0]
	chart.Bars = append(chart.Bars, report.Bar{Label: strings.Repeat("long ", 20), Value: 1000, Least: 900, Most: 2000}, report.BarOf(contest.Score{Name: "none"}, "x", false))
	text := chart.SVG()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	for _, want := range []string{"A &lt; B", "a &amp; b", ">1000, cut off</text>", "textLength"} {
		if !strings.Contains(text, want) {
			t.Errorf("the chart lacks %q:\n%s", want, text)
		}
	}
}
