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
	only    []string      // names of measurements; empty for all
	fanouts []string      // values of sync.fanout, where that matters
	quick   bool          // a few short rounds, to see that it works
	rounds  int           // of every measurement
	period  time.Duration // of a round of load
	page    string        // markdown file whose figures are written anew, if any
	timeout time.Duration // of everything
}

func readFlags(args []string) (settings, error) {
	set := settings{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "measure only these, with commas between: "+strings.Join(names(), ", "))
	fanouts := flags.String("fanout", "direct,tree", "values of sync.fanout, with commas between: direct, tree")
	flags.BoolVar(&set.quick, "quick", false, "few and short rounds, and less data: to see that it works, not for figures")
	flags.IntVar(&set.rounds, "rounds", 0, "rounds of every measurement, 1 to 100 (default 21, with -quick 3); the long ones take fewer at most")
	flags.StringVar(&set.page, "write", "", "write the figures into this markdown `file`, between its markers, and into the folder beside it; those not measured stay")
	flags.DurationVar(&set.timeout, "timeout", time.Hour, "give up after this long")
	if err := flags.Parse(args); err != nil {
		return set, err
	}
	var err error
	if set.only, err = list("-only", *only, names()); err != nil {
		return set, complain(flags, err)
	}
	if set.fanouts, err = list("-fanout", *fanouts, []string{"direct", "tree"}); err != nil {
		return set, complain(flags, err)
	}
	// Many short rounds rather than few long ones: what disturbs the machine then
	// disturbs whole rounds, which a median passes over.
	set.period = 400 * time.Millisecond
	if set.quick {
		set.period = 200 * time.Millisecond
	}
	switch {
	case flags.NArg() > 0:
		return set, complain(flags, fmt.Errorf("it takes no arguments, and got %q", flags.Arg(0)))
	case len(set.fanouts) == 0:
		return set, complain(flags, fmt.Errorf("-fanout is empty: want direct, tree or both"))
	case set.rounds < 0 || set.rounds > mostRounds:
		return set, complain(flags, fmt.Errorf("-rounds is %d: want 1 to %d", set.rounds, mostRounds))
	case set.rounds == 0 && set.quick:
		set.rounds = 3
	case set.rounds == 0:
		set.rounds = 21
	}
	return set, nil
}

// list takes apart words with commas between, each of which must be known.
func list(flag, text string, known []string) ([]string, error) {
	var words []string
	for word := range strings.SplitSeq(text, ",") {
		switch {
		case word == "":
		case !slices.Contains(known, word):
			return nil, fmt.Errorf("%s: there is no %q", flag, word)
		default:
			words = append(words, word)
		}
	}
	return words, nil
}

func complain(flags *flag.FlagSet, err error) error {
	fmt.Fprintln(os.Stderr, "bench:", err)
	flags.Usage()
	return err
}

// mostRounds bounds -rounds.
const mostRounds = 100

// most is the rounds of a measurement of which so many at most are played: where that
// is fewer than may be asked for, each takes long, and with -quick there is one.
func (set settings) most(rounds int) int {
	if set.quick && rounds < mostRounds {
		return 1
	}
	return min(set.rounds, rounds)
}

// command is how to measure one thing again.
func (set settings) command(name string) string {
	command := fmt.Sprintf("go run ./bench -only %s -rounds %d", name, set.rounds)
	if set.quick {
		command += " -quick"
	}
	if len(set.fanouts) == 1 {
		command += " -fanout " + set.fanouts[0]
	}
	return command
}
