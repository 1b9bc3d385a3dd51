package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	depths   []int
	fanouts  []string
	places   []place
	losses   []float64
	cost     time.Duration
	liveness time.Duration
	plan     plan
	results  string
	page     string
	profile  string
}

// mostDepth is that of the largest tree that Xylem takes.
const mostDepth = 16

// parse reads the command line. What is wrong is an error that names the flag, the value and what
// is allowed; flag.ErrHelp says that help was asked for, and written.
func parse(args []string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	depths := flags.String("depth", "10,13", "levels of the trees, with commas")
	ways := flags.String("fanout", "direct,tree", "direct, tree or both")
	where := flags.String("place", "dc,region,world", "where the nodes stand: dc, region, world")
	losses := flags.String("loss", "0.0001", "shares of packets that are lost")
	rates := flags.String("writes", "0,100,1000", "steady loads, in writes a second; empty for none")
	flags.IntVar(&o.plan.waves, "waves", 100, "single writes on the idle tree")
	flags.Float64Var(&o.plan.pushes, "pushes", 2e6, "most pushes of a steady load: that bounds how long it lasts")
	flags.BoolVar(&o.plan.deaths, "deaths", true, "have nodes die at last")
	flags.DurationVar(&o.cost, "cost", 20*time.Microsecond, "processor time of a request sent, its answer read, or of one taken and answered")
	flags.DurationVar(&o.liveness, "liveness", time.Second, "liveness.timeout")
	flags.StringVar(&o.results, "results", "", "file of results to add to; empty: print only")
	flags.StringVar(&o.page, "page", "", "page whose figures are written anew from the results; nothing is run")
	flags.StringVar(&o.profile, "profile", "", "file for a profile of the processor")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(help)
			flags.PrintDefaults()
		}
		return o, err
	}
	var errs [5]error
	o.depths, errs[0] = list("depth", *depths, fmt.Sprintf("whole numbers from 1 to %d", mostDepth), func(text string) (int, bool) {
		depth, err := strconv.Atoi(text)
		return depth, err == nil && depth >= 1 && depth <= mostDepth
	})
	o.fanouts, errs[1] = list("fanout", *ways, "direct and tree", func(text string) (string, bool) { return text, slices.Contains(fanouts, text) })
	o.places, errs[2] = list("place", *where, "dc, region and world", placeOf)
	o.losses, errs[3] = list("loss", *losses, "numbers from 0 to 1", func(text string) (float64, bool) { return number(text, 1) })
	if *rates != "" {
		o.plan.rates, errs[4] = list("writes", *rates, "numbers from 0 to 1e6", func(text string) (float64, bool) { return number(text, 1e6) })
	}
	return o, errors.Join(errors.Join(errs[:]...), o.check(flags.Args()))
}

// check is what is wrong with the flags that are no lists.
func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is no flag; allowed are those that -help lists", rest[0])
	case o.plan.waves < 1 || o.plan.waves > 1e6:
		return fmt.Errorf("-waves: %d is not allowed; allowed is 1 to 1000000", o.plan.waves)
	case !(o.plan.pushes >= 1 && o.plan.pushes <= 1e12):
		return fmt.Errorf("-pushes: %v is not allowed; allowed is 1 to 1e12", o.plan.pushes)
	case o.cost < time.Nanosecond || o.cost > time.Second:
		return fmt.Errorf("-cost: %v is not allowed; allowed is 1ns to 1s", o.cost)
	case o.liveness < 10*time.Millisecond || o.liveness > 10*time.Minute:
		return fmt.Errorf("-liveness: %v is not allowed; allowed is 10ms to 10m", o.liveness)
	case o.page != "" && o.results == "":
		return errors.New("-page: needs -results, the file that its figures are from")
	}
	return nil
}

// list takes the value of a flag apart at its commas.
func list[T any](name, value, allowed string, read func(string) (T, bool)) ([]T, error) {
	var all []T
	for text := range strings.SplitSeq(value, ",") {
		one, fine := read(strings.TrimSpace(text))
		if !fine {
			return nil, fmt.Errorf("-%s: %q is not allowed; allowed are %s, with commas between them", name, text, allowed)
		}
		all = append(all, one)
	}
	return all, nil
}

// number reads a number from 0 to most.
func number(text string, most float64) (float64, bool) {
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil && !math.IsNaN(x) && x >= 0 && x <= most
}

// placeOf is the place with a key.
func placeOf(key string) (place, bool) {
	all := places()
	i := slices.IndexFunc(all, func(p place) bool { return p.key == key })
	if i < 0 {
		return place{}, false
	}
	return all[i], true
}
