package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// settings is what the command line says.
type settings struct {
	only     []string      // names of measurements; empty for all
	quick    bool          // a few short rounds, to see that it works
	rounds   int           // of every measurement
	period   time.Duration // of a round of load
	markdown string        // file whose block of figures is written anew, if any
	timeout  time.Duration // of everything
}

func readFlags(args []string) (settings, error) {
	names := make([]string, len(measurements))
	for i, m := range measurements {
		names[i] = m.name
	}
	set := settings{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "measure only these, with commas between: "+strings.Join(names, ", "))
	flags.BoolVar(&set.quick, "quick", false, "few and short rounds: to see that it works, not for figures")
	flags.IntVar(&set.rounds, "rounds", 0, fmt.Sprintf("rounds of every measurement, 1 to 100 (default 21, with -quick 3; of drain at most %d)", mostDrains))
	flags.StringVar(&set.markdown, "write", "", "write the figures into this markdown `file`, between its markers")
	flags.DurationVar(&set.timeout, "timeout", 10*time.Minute, "give up after this long")
	if err := flags.Parse(args); err != nil {
		return set, err
	}
	for name := range strings.SplitSeq(*only, ",") {
		switch {
		case name == "":
		case !slices.Contains(names, name):
			return set, complain(flags, "-only: there is no %q", name)
		default:
			set.only = append(set.only, name)
		}
	}
	// Many short rounds rather than few long ones: what disturbs the machine then
	// disturbs whole rounds, which a median passes over.
	set.period = 400 * time.Millisecond
	if set.quick {
		set.period = 200 * time.Millisecond
	}
	switch {
	case flags.NArg() > 0:
		return set, complain(flags, "it takes no arguments, and got %q", flags.Arg(0))
	case set.rounds < 0 || set.rounds > 100:
		return set, complain(flags, "-rounds is %d: want 1 to 100", set.rounds)
	case set.rounds == 0 && set.quick:
		set.rounds = 3
	case set.rounds == 0:
		set.rounds = 21
	}
	return set, nil
}

func complain(flags *flag.FlagSet, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	fmt.Fprintln(os.Stderr, "bench:", err)
	flags.Usage()
	return err
}

// command is how to measure one thing again.
func (set settings) command(name string) string {
	return fmt.Sprintf("go run ./bench -only %s -rounds %d", name, set.rounds) + map[bool]string{true: " -quick"}[set.quick]
}
