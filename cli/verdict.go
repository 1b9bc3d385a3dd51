package main

import (
	"fmt"
	"strings"

	"xylem/client"
	"xylem/sync/version"
)

// verdict says whether the nodes that answered are equal: of one tree, at one version, with one digest.
type verdict struct {
	answered  int
	reference *client.Synchronization // what the others are held against: the root, else who is furthest
	different []string                // who differs, and in what
	missing   []string                // who did not answer
}

func compare(reports []report) verdict {
	var v verdict
	for _, r := range reports {
		switch {
		case r.sync == nil:
			v.missing = append(v.missing, r.name)
			continue
		case v.reference == nil, better(r.sync, v.reference):
			v.reference = r.sync
		}
		v.answered++
	}
	for _, r := range reports {
		if r.sync == nil {
			continue
		}
		if what := difference(r.sync, v.reference); what != "" {
			v.different = append(v.different, r.name+" ("+what+")")
		}
	}
	return v
}

// better reports whether a is the better reference: a root before others, of the same role the later version.
func better(a, b *client.Synchronization) bool {
	if rootA, rootB := a.Role == "root", b.Role == "root"; rootA != rootB {
		return rootA
	}
	versionA, _ := version.Parse(a.Version) // the zero version where there is none
	versionB, _ := version.Parse(b.Version)
	return versionB.Before(versionA)
}

func difference(s, reference *client.Synchronization) string {
	switch {
	case s.TreeID == "":
		return "not joined yet"
	case s.TreeID != reference.TreeID:
		return "another tree"
	case s.Version != reference.Version:
		return "at " + orUnknown(s.Version)
	case s.Digest != reference.Digest:
		return "digest " + orUnknown(short(s.Digest))
	}
	return ""
}

// equal reports whether all nodes answered and are equal.
func (v verdict) equal(nodes int) bool {
	return v.answered == nodes && len(v.different) == 0 && !v.deeper(nodes)
}

// deeper reports whether the root tells of more nodes than were asked: the tree has more levels than this command
// was told.
func (v verdict) deeper(nodes int) bool { return v.reference != nil && len(v.reference.Nodes) > nodes }

// text is the last line of `xylem status`.
func (v verdict) text(nodes int) string {
	if v.answered == 0 {
		return fmt.Sprintf("none of the %d nodes answered", nodes)
	}
	at := fmt.Sprintf("version %s, digest %s", orUnknown(v.reference.Version), orUnknown(short(v.reference.Digest)))
	if v.deeper(nodes) {
		at += fmt.Sprintf("; the tree has %d: see tree.depth and --depth", len(v.reference.Nodes))
	}
	if v.equal(nodes) {
		return fmt.Sprintf("all %d nodes are equal: %s", nodes, at)
	}
	text := fmt.Sprintf("%d of %d nodes are equal: %s", v.answered-len(v.different), nodes, at)
	if len(v.different) > 0 {
		text += "; different: " + some(v.different)
	}
	if len(v.missing) > 0 {
		text += "; unreachable: " + some(v.missing)
	}
	return oneLine(text)
}

// some names the first few of a list.
func some(names []string) string {
	const shown = 8
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}
