package configs

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestTreeYAMLExplainsEveryKey holds tree.yaml against the table of keys: all
// are in it, each right below a comment. The secrets must be there as comments.
func TestTreeYAMLExplainsEveryKey(t *testing.T) {
	var document yaml.Node
	if err := yaml.Unmarshal(builtIn, &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	leaves("", document.Content[0], found)
	lines := strings.Split(string(builtIn), "\n")
	for key, line := range found {
		if !strings.HasPrefix(strings.TrimSpace(lines[line-2]), "# ") {
			t.Errorf("tree.yaml:%d: %s has no comment above it", line, key)
		}
	}
	var config Config
	for _, s := range config.secrets() {
		name := s.key[strings.LastIndexByte(s.key, '.')+1:]
		if !strings.Contains(string(builtIn), " # "+name+":\n") {
			t.Errorf("tree.yaml does not explain %s", s.key)
		}
		found[s.key] = 0
	}
	got, want := slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(newSchema().lists))
	if !slices.Equal(got, want) {
		t.Errorf("keys in tree.yaml\n%v\nkeys that are read\n%v", got, want)
	}
}

// leaves gathers the keys that have values, and their lines.
func leaves(section string, node *yaml.Node, found map[string]int) {
	for i := 0; i < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		key := join(section, name.Value)
		if value.Kind == yaml.MappingNode {
			leaves(key, value, found)
			continue
		}
		found[key] = name.Line
	}
}

// TestVariablesAreUnambiguous: no two keys or sections share a variable.
func TestVariablesAreUnambiguous(t *testing.T) {
	s := newSchema()
	seen := map[string]string{}
	keys := slices.Concat(slices.Collect(maps.Keys(s.lists)), slices.Collect(maps.Keys(s.sections)))
	for _, key := range keys {
		if other, taken := seen[variable(key)]; taken {
			t.Errorf("%s is the variable of both %q and %q", variable(key), key, other)
		}
		seen[variable(key)] = key
	}
}

// FuzzFile reads any bytes as a file: nothing panics, what is refused says so as
// one of ours, and what is taken keeps the promises of a Config.
func FuzzFile(f *testing.F) {
	f.Add(builtIn)
	for _, seed := range []string{"a: &a [*a]", "? [x]\n: {}", "--- !!binary x", "sync: {<<: *x}", "sync: &s {eager: *s}", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		l := newLayers()
		l.readYAML("tree.yaml", content)
		config := Default()
		l.apply(&config)
		l.check(config)
		err := l.problems.err()
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("the error is not an ErrInvalid: %v", err)
		}
		if err == nil && (config.Tree.Root > config.Nodes() || config.HostPort(config.Nodes()) > 65535) {
			t.Errorf("a configuration out of bounds was taken: %+v", config)
		}
	})
}

// TestAFileLiesOverTheCopyThatIsBuiltIn: an edited tree.yaml that was built in counts
// where another file leaves something out, for what is loaded and for what is shown.
func TestAFileLiesOverTheCopyThatIsBuiltIn(t *testing.T) {
	defer func(before []byte) { builtIn = before }(builtIn)
	builtIn = []byte(strings.Replace(string(builtIn), "depth: 3", "depth: 2", 1))
	path := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(path, []byte("sync: {eager: false}"), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := Load(Source{Path: path})
	if err != nil || config.Tree.Depth != 2 || config.Sync.Eager {
		t.Errorf("%+v, %v", config, err)
	}
	values := Values(Source{Path: path})
	for _, want := range []Value{{"tree.depth", "2"}, {"sync.eager", "false"}} {
		if !slices.Contains(values, want) {
			t.Errorf("%+v is not shown", want)
		}
	}
}
