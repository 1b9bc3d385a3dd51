package configs

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// walk goes through a document and gathers the texts of known keys.
type walk struct {
	*layers
	name  string // of the file
	texts map[string]string
}

// section reads a mapping: the whole document, or what stands under a section's
// name. One with nothing in it is as if it were not there.
func (w *walk) section(key string, node *yaml.Node) {
	if node = target(node); isNull(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		what := "the file"
		if key != "" {
			what = key
		}
		w.problems.add(at(w.name, node.Line), fmt.Sprintf("%s is %s, not a section: %s", what, kindOf(node), w.schema.allowedIn(key)))
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if line, twice := first[name.Value]; twice {
			w.problems.add(at(w.name, name.Line), fmt.Sprintf("%s stands here again, after line %d: allowed is once", join(key, name.Value), line))
			continue
		}
		first[name.Value] = name.Line
		w.entry(key, name, value)
	}
}

// entry reads one name of a section and what it stands for.
func (w *walk) entry(section string, name, value *yaml.Node) {
	key := join(section, name.Value)
	place := at(w.name, name.Line)
	switch {
	case name.Kind != yaml.ScalarNode:
		w.problems.add(place, kindOf(name)+" stands where a key should: "+w.schema.allowedIn(section))
	case strings.Contains(name.Value, ".") && w.schema.isKey(key):
		w.problems.add(place, fmt.Sprintf("%q has a dot in it: write its last part under its section, on a line of its own", name.Value))
	case isSecret(key):
		w.problems.add(place, key+" must not stand in a file: set "+variable(key)+", or "+key+"_file")
	case !strings.Contains(name.Value, ".") && w.schema.isSection(key):
		w.section(key, value)
	case w.schema.isKey(key):
		w.leaf(key, place, target(value))
	default:
		w.problems.add(place, w.schema.unknown(key))
	}
}

// leaf reads the value of a key.
func (w *walk) leaf(key, place string, value *yaml.Node) {
	allowed := "text, a number, or true or false"
	switch {
	case isNull(value):
		w.problems.add(place, key+` has no value: give it one ("" for none), or remove the line`)
	case value.Kind == yaml.ScalarNode:
		w.texts[key], w.origin[key] = value.Value, place
		return
	case w.schema.isList(key) && value.Kind == yaml.SequenceNode:
		if text, ok := joined(value); ok {
			w.texts[key], w.origin[key] = text, place
			return
		}
		w.problems.add(place, key+" has more in it than text: allowed is a list of "+allowed)
	default:
		w.problems.add(place, key+" is "+kindOf(value)+": allowed is "+allowed)
	}
	w.failed[key] = true
}

// joined is a list's texts with commas between.
func joined(list *yaml.Node) (string, bool) {
	var items []string
	for _, item := range list.Content {
		if item = target(item); item.Kind != yaml.ScalarNode || isNull(item) {
			return "", false
		}
		items = append(items, item.Value)
	}
	return strings.Join(items, ","), true
}

// target is what an alias stands for.
func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}

// join appends a name to a section's key.
func join(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}
