package main

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

// What is refused is told with the flag, the value and what is allowed.
func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct{ arg, names string }{
		{"-depth=17", `-depth: "17" is not allowed; allowed are whole numbers from 1 to 16`},
		{"-depth=0", `-depth: "0"`},
		{"-depth=10,1.5", `-depth: "1.5"`},
		{"-depth=", `-depth: ""`},
		{"-fanout=tree,star", `-fanout: "star" is not allowed; allowed are direct and tree`},
		{"-place=moon", `-place: "moon" is not allowed; allowed are dc, region and world`},
		{"-loss=1.1", `-loss: "1.1" is not allowed; allowed are numbers from 0 to 1`},
		{"-loss=NaN", `-loss: "NaN"`},
		{"-loss=-0.1", `-loss: "-0.1"`},
		{"-writes=1,many", `-writes: "many"`},
		{"-waves=0", "-waves: 0"},
		{"-waves=x", "-waves"},
		{"-pushes=NaN", "-pushes: NaN"},
		{"-cost=0s", "-cost: 0s"},
		{"-liveness=1ms", "-liveness: 1ms is not allowed; allowed is 10ms to 10m"},
		{"-page=x", "-page: needs -results"},
		{"more", `"more" is no flag`},
	} {
		if _, err := parse([]string{c.arg}, io.Discard); err == nil || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %v, want an error with %s", c.arg, err, c.names)
		}
	}
	o, err := parse([]string{"-depth=1,16", "-fanout=tree", "-place=world,dc", "-loss=0,1", "-writes="}, io.Discard)
	if err != nil || len(o.depths) != 2 || len(o.fanouts) != 1 || len(o.places) != 2 || len(o.losses) != 2 || len(o.plan.rates) != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	var help strings.Builder
	if _, err := parse([]string{"-help"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "-fanout") {
		t.Errorf("%v, %s", err, help.String())
	}
}
