package main

import (
	"fmt"
	"io"
	"strings"

	"xylem/configs"
)

// pictureLevels is how many levels `xylem up` shows node by node; the nodes of deeper ones are counted.
const pictureLevels = 4

// picture shows a tree as it forms: one line for each node, set in by its level.
type picture struct {
	out     io.Writer
	cfg     configs.Config
	width   int // of the column of names
	uncited int // nodes that got no line
}

func newPicture(out io.Writer, cfg configs.Config) *picture {
	levels := min(cfg.Tree.Depth, pictureLevels)
	return &picture{out: out, cfg: cfg, width: 2*(levels-1) + len(cfg.NodeName(cfg.Nodes()))}
}

// add shows a node that has been started.
func (p *picture) add(m *member) {
	if m.level() > pictureLevels {
		p.uncited++
		return
	}
	name := strings.Repeat("  ", m.level()-1) + m.name
	fmt.Fprintf(p.out, "%-*s  %s  %s\n", p.width, name, m.url, m.place())
}

// finish counts the nodes that got no line of their own.
func (p *picture) finish() {
	if p.uncited > 0 {
		base := p.cfg.API.HostPortBase
		fmt.Fprintf(p.out, "and %d more below: NODE-k is at port %d+k, up to %d (see `xylem nodes`)\n",
			p.uncited, base, base+p.cfg.Nodes())
	}
}

// place says in words where a node is.
func (m *member) place() string {
	switch {
	case m.position == 0:
		return "not in the tree yet; it goes on trying"
	case m.position == 1:
		return "root"
	case m.position%2 == 0:
		return "left of " + m.parent
	}
	return "right of " + m.parent
}
