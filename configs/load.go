package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// Source is where a configuration is read from. The zero Source is the file of
// the working directory or the built-in copy, and nothing else.
type Source struct {
	// Path is the YAML file that was asked for. Empty: the one that XYLEM_CONFIG in
	// Environ names, else configs/tree.yaml, if the working directory has it. What it
	// leaves out is as in the copy that is built in.
	Path string
	// Environ has NAME=value pairs, as os.Environ gives them. Those that begin
	// with XYLEM_ override the file; an empty value counts as not set.
	Environ []string
	// Overrides has values by dotted key, as flags give them. They override all
	// else. A value is a string, bool, integer, time.Duration or []string.
	Overrides map[string]any
	// WithoutSecretFile leaves the files of secrets unread, for commands that only
	// speak to clients' endpoints and may not be allowed to read them.
	WithoutSecretFile bool
}

// Load reads the configuration: the built-in tree.yaml, overridden by the file, the
// environment, then Overrides. The error names every problem at once, and
// errors.Is(err, ErrInvalid) holds for it. It contains no secret.
func Load(source Source) (Config, error) {
	l := newLayers()
	l.read(source)
	config := Default()
	l.apply(&config)
	l.check(config)
	if !source.WithoutSecretFile {
		l.readSecretFiles(&config)
	}
	if err := l.problems.err(); err != nil {
		return Config{}, err
	}
	return config, nil
}

// Value is what one key is set to, as it would stand in the environment.
type Value struct {
	Key, Text string
}

// Values lists what Load would take the configuration from: all keys but those of
// secrets, in the order of tree.yaml. Whether it is valid only Load says.
func Values(source Source) []Value {
	l := newLayers()
	l.read(source)
	var config Config
	var values []Value
	for _, s := range config.settings() {
		if !isSecret(s.key) {
			values = append(values, Value{s.key, l.viper.GetString(s.key)})
		}
	}
	return values
}

// layers gathers what the sources say. Each source is first brought to the same
// form, text by known key, and only then given to viper, which so never sees
// what it would take for something else: an empty or a scalar section, a key in
// capitals, a value of another type.
type layers struct {
	viper    *viper.Viper
	schema   schema
	origin   map[string]string // by key, the place of the value that counts
	failed   map[string]bool   // by key, whether its value was refused
	problems problems
}

func newLayers() *layers {
	return &layers{
		viper:  viper.New(),
		schema: newSchema(),
		origin: map[string]string{},
		failed: map[string]bool{},
	}
}

// read takes in all sources, those that count more over those that count less.
func (l *layers) read(source Source) {
	variables, path := variablesOf(source.Environ)
	if source.Path != "" {
		path = source.Path
	}
	l.readBuiltIn()
	l.readFile(path)
	l.readEnvironment(variables)
	l.readOverrides(source.Overrides)
}

// add puts a layer of texts by key over those before.
func (l *layers) add(texts map[string]string) {
	for key, text := range texts {
		nested := map[string]any{}
		inner := nested
		path := strings.Split(key, ".")
		for _, name := range path[:len(path)-1] {
			next := map[string]any{}
			inner[name] = next
			inner = next
		}
		inner[path[len(path)-1]] = text
		if err := l.viper.MergeConfigMap(nested); err != nil {
			l.problems.add(l.origin[key], key+" cannot be set: "+err.Error())
		}
	}
}

// readOverrides puts the flags over everything.
func (l *layers) readOverrides(overrides map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(overrides)) {
		const place = "flags"
		if !l.schema.isKey(key) {
			l.problems.add(place, l.schema.unknown(key))
			continue
		}
		text, ok := textOf(overrides[key])
		if !ok {
			l.problems.add(place, fmt.Sprintf("%s is a %T: allowed is text, a number, true or false, or a duration", key, overrides[key]))
			l.failed[key] = true
			continue
		}
		l.origin[key] = place
		l.viper.Set(key, text)
	}
}

// textOf is the text of an override, as it would stand in the environment.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case Secret:
		return string(v), true
	case []string:
		return strings.Join(v, ","), true
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, time.Duration:
		return fmt.Sprint(v), true
	}
	return "", false
}

// apply reads the text that counts of every key into config.
func (l *layers) apply(config *Config) {
	for _, s := range config.settings() {
		if l.failed[s.key] || !l.viper.IsSet(s.key) {
			continue
		}
		text := l.viper.GetString(s.key)
		if err := s.read(text); err != nil {
			l.refuse(s.key, text, err)
		}
	}
}

// check looks at what values must be to one another. A check that rests on a
// value that was refused already is left out: it would only mislead.
func (l *layers) check(config Config) {
	for _, c := range config.checks() {
		if l.failed[c.key] || slices.ContainsFunc(c.needs, func(key string) bool { return l.failed[key] }) {
			continue
		}
		if err := c.check(); err != nil {
			l.refuse(c.key, c.value, err)
		}
	}
}

// readSecretFiles takes from its file each secret that came from nowhere else.
func (l *layers) readSecretFiles(config *Config) {
	for _, s := range config.secrets() {
		if *s.value != "" || l.failed[s.key] || *s.file == "" {
			continue
		}
		secret, err := readSecret(*s.file, s.check)
		if err != nil {
			l.refuse(s.fileKey, *s.file, err)
		}
		*s.value = secret
	}
}

// refuse notes that a key's value is not allowed. err says what is wrong or
// what is allowed, and must not repeat the value.
func (l *layers) refuse(key, text string, err error) {
	l.failed[key] = true
	place := l.origin[key]
	if place == "" {
		place = "default"
	}
	l.problems.add(place, key+shown(key, text)+": "+err.Error())
}

// shown is a value as an error may repeat it: not when it is a secret or a URL
// with a password in it, and not at full length when it is long.
func shown(key, text string) string {
	const longest = 80
	switch {
	case isSecret(key), strings.Contains(text, "@") && strings.Contains(text, "://"):
		return ""
	case len(text) > longest:
		return fmt.Sprintf(" is %q...", text[:longest])
	}
	return fmt.Sprintf(" is %q", text)
}
