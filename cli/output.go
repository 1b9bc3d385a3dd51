package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// addOutput adds --output and its completion.
func addOutput(cmd *cobra.Command) {
	cmd.Flags().StringP("output", "o", "text", "text for people, json for programs")
	_ = cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp
	})
}

// wantsJSON reads --output.
func wantsJSON(cmd *cobra.Command) (bool, error) {
	format, err := cmd.Flags().GetString("output")
	if err != nil {
		return false, err
	}
	switch format {
	case "json":
		return true, nil
	case "text":
		return false, nil
	}
	return false, usage("--output %q: want text or json", format)
}

// writeJSON writes doc in one line, with the characters of values as they are.
func writeJSON(w io.Writer, doc any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(doc); err != nil {
		return failed("writing the answer: %w", err)
	}
	return nil
}

// writeTable writes rows in aligned columns, the first being the heading.
func writeTable(w io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = orDash(oneLine(cell))
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	if err := table.Flush(); err != nil {
		return failed("writing the table: %w", err)
	}
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// lag shows milliseconds for people; nothing when unknown.
func lag(millis *float64) string {
	switch {
	case millis == nil:
		return ""
	case *millis < 10:
		return fmt.Sprintf("%.1f ms", *millis)
	case *millis < 10_000:
		return fmt.Sprintf("%.0f ms", *millis)
	}
	return (time.Duration(math.Round(*millis/1000)) * time.Second).String()
}

// ago shows how long before now an RFC 3339 time was; the text itself where clocks differ or it is no time.
func ago(now time.Time, text string) string {
	when, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || when.After(now.Add(time.Second)) {
		return text
	}
	passed := max(now.Sub(when), 0)
	if passed < 10*time.Second {
		return passed.Round(100*time.Millisecond).String() + " ago"
	}
	return passed.Round(time.Second).String() + " ago"
}

// short cuts a digest to what people compare.
func short(digest string) string { return digest[:min(len(digest), 12)] }
