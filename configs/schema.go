package configs

import (
	"fmt"
	"slices"
	"strings"
)

// schema knows the keys, their sections and what kind of value each takes.
type schema struct {
	lists    map[string]bool     // by key, whether it takes a list
	sections map[string][]string // by section ("" is the whole), the names in it, sorted
}

func newSchema() schema {
	s := schema{lists: map[string]bool{}, sections: map[string][]string{}}
	var config Config
	for _, setting := range config.settings() {
		s.lists[setting.key] = setting.list
		for key := setting.key; key != ""; {
			section, name := "", key
			if dot := strings.LastIndexByte(key, '.'); dot >= 0 {
				section, name = key[:dot], key[dot+1:]
			}
			if !slices.Contains(s.sections[section], name) {
				s.sections[section] = append(s.sections[section], name)
				slices.Sort(s.sections[section])
			}
			key = section
		}
	}
	return s
}

func (s schema) isKey(key string) bool {
	_, known := s.lists[key]
	return known
}

func (s schema) isSection(key string) bool { return key != "" && len(s.sections[key]) > 0 }

// isList reports whether a key takes a list.
func (s schema) isList(key string) bool { return s.lists[key] }

// unknown says that there is no such key, and what there is instead.
func (s schema) unknown(key string) string {
	if s.isSection(key) {
		return fmt.Sprintf("%q is a section, not a key: %s", key, s.allowedIn(key))
	}
	for known := range s.lists {
		if variable(known) == variable(key) {
			return fmt.Sprintf("unknown key %q: allowed is %s", key, known)
		}
	}
	section := key
	for section != "" && !s.isSection(section) {
		section = section[:max(0, strings.LastIndexByte(section, '.'))]
	}
	return fmt.Sprintf("unknown key %q: %s", key, s.allowedIn(section))
}

// allowedIn lists the names in a section, or the sections.
func (s schema) allowedIn(section string) string {
	names := strings.Join(s.sections[section], ", ")
	if section == "" {
		return "allowed are the sections " + names
	}
	return "allowed in " + section + " are " + names
}
