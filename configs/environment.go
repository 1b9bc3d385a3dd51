package configs

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// prefix is what the environment variables of Xylem begin with.
const prefix = "XYLEM_"

// pathVariable names the file, as Source.Path does, and overrides no key.
const pathVariable = prefix + "CONFIG"

// variable is the name of the environment variable that overrides a key.
func variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// serviceLink matches the variables that Kubernetes gives to every pod for each
// Service of its namespace, and Docker for each link.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_|$)|_PORT(_[0-9]+_(TCP|UDP)|$)`)

// variablesOf are the variables that begin with XYLEM_, by name, and apart from them
// the path that one of them gives.
func variablesOf(environ []string) (byName map[string]string, path string) {
	byName = map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case name == pathVariable:
			path = value
		case strings.HasPrefix(name, prefix) && value != "":
			byName[name] = value
		}
	}
	return byName, path
}

// readEnvironment puts variables over the file. It does not use viper's own lookup,
// which takes XYLEM_SYNC for the whole section.
func (l *layers) readEnvironment(variables map[string]string) {
	keys := map[string]string{}
	for key := range l.schema.lists {
		keys[variable(key)] = key
	}
	texts := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		key, known := keys[name]
		if !known {
			l.problems.add(name, l.unknownVariable(name))
			continue
		}
		texts[key] = variables[name]
		l.origin[key] = name
	}
	l.add(texts)
}

// unknownVariable says what is allowed instead. It leaves the value out, which
// may be a secret under a misspelt name.
func (l *layers) unknownVariable(name string) string {
	if serviceLink.MatchString(name) {
		return "unknown key: it looks like one that Kubernetes makes for a Service named xylem; " +
			"set enableServiceLinks: false in the pod, or give the Service another name"
	}
	section := ""
	for candidate := range l.schema.sections {
		if candidate != "" && strings.HasPrefix(name+"_", variable(candidate)+"_") && len(candidate) > len(section) {
			section = candidate
		}
	}
	if section != "" && name == variable(section) {
		return "names a section, not a key: " + l.variablesIn(section)
	}
	return "unknown key: " + l.variablesIn(section)
}

// variablesIn lists the variables of a section, or how all are made.
func (l *layers) variablesIn(section string) string {
	if section == "" {
		return "allowed is XYLEM_SECTION_KEY, where " + strings.TrimPrefix(l.schema.allowedIn(""), "allowed are ")
	}
	var names []string
	for key := range l.schema.lists {
		if strings.HasPrefix(key, section+".") {
			names = append(names, variable(key))
		}
	}
	slices.Sort(names)
	return "allowed are " + strings.Join(names, ", ")
}
