// Command scale finds out what a tree of a thousand to a hundred thousand nodes costs: it runs
// the real protocol core of every node in virtual time, on processors and a network
// that are drawn from written distributions, and holds what it measures against a
// model (docs/scale.md).
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
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

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	depths := flags.String("depth", "10,13", "levels of the trees, with commas")
	fanouts := flags.String("fanout", "direct,tree", "direct, tree or both")
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
		return o, err
	}
	var err error
	number := func(text string) float64 {
		x, wrong := strconv.ParseFloat(text, 64)
		if wrong != nil {
			err = wrong
		}
		return x
	}
	for _, text := range strings.FieldsFunc(*depths, comma) {
		o.depths = append(o.depths, int(number(text)))
	}
	for _, text := range strings.FieldsFunc(*losses, comma) {
		o.losses = append(o.losses, number(text))
	}
	for _, text := range strings.FieldsFunc(*rates, comma) {
		o.plan.rates = append(o.plan.rates, number(text))
	}
	o.fanouts = strings.FieldsFunc(*fanouts, comma)
	for _, p := range places() {
		if slices.Contains(strings.FieldsFunc(*where, comma), p.key) {
			o.places = append(o.places, p)
		}
	}
	return o, err
}

func comma(r rune) bool { return r == ',' }

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.page != "" {
		return writePage(o.page, o.results, o.cost)
	}
	debug.SetGCPercent(200)
	if o.profile != "" {
		file, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	for _, depth := range o.depths {
		for _, p := range o.places {
			for _, loss := range o.losses {
				for _, fanout := range o.fanouts {
					select {
					case <-interrupted:
						return nil
					default:
					}
					if err := o.one(depth, p, loss, fanout); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// one does one run, prints it beside the model and keeps it.
func (o *options) one(depth int, p place, loss float64, fanout string) error {
	s := defaults(depth, fanout == "tree", p)
	s.loss, s.cost, s.liveness = loss, o.cost, o.liveness
	began := time.Now()
	r, err := measureTree(s, o.plan)
	fmt.Printf("%s, %s, %d nodes, loss %v: %v\n", p.name, fanout, s.nodes(), loss, time.Since(began).Round(time.Second))
	if err != nil {
		fmt.Println("  ", err)
		r.Overloaded = err.Error()
	}
	m := predict(s)
	m.last = nil
	fmt.Printf("   %+v\n   model %+v\n", r, m)
	for _, l := range r.Loads {
		fmt.Printf("   %+v\n   model %+v\n", l, predictLoad(s, l.Writes, entryBytes))
	}
	if o.results == "" {
		return nil
	}
	return keep(o.results, r)
}

// entryBytes is what a write of these runs takes in a push.
const entryBytes = 134
