package configs

import (
	"bytes"
	_ "embed" // for tree.yaml
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// DefaultPath is the file that is read when none is asked for and the working
// directory has it.
const DefaultPath = "configs/tree.yaml"

//go:embed tree.yaml
var builtIn []byte

// readFile reads the file that was asked for, or the one in the working directory if
// there is one, over the copy that is built in.
func (l *layers) readFile(path string) {
	name := path
	if name == "" {
		name = filepath.FromSlash(DefaultPath)
	}
	content, err := os.ReadFile(name)
	switch {
	case path == "" && errors.Is(err, fs.ErrNotExist):
		return
	case errors.Is(err, fs.ErrNotExist):
		l.problems.add(name, "there is no such file: give --config or "+pathVariable+" the path of a YAML file, or neither for "+
			DefaultPath+" or the built-in defaults")
		return
	case err != nil:
		l.problems.add(name, "cannot be read: "+err.Error())
		return
	}
	l.readYAML(name, content)
}

// readBuiltIn reads the copy that is built in.
func (l *layers) readBuiltIn() { l.readYAML("built-in tree.yaml", builtIn) }

// readYAML reads one YAML document. It walks the document itself, since a
// decoder neither knows which keys there are nor where a wrong one stands.
func (l *layers) readYAML(name string, content []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return // nothing in it, so nothing is overridden
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			l.problems.add(at(name, second.Line), "a second document begins: allowed is one")
			return
		}
	}
	if !errors.Is(err, io.EOF) {
		line := faultLine(err, content)
		l.problems.add(at(name, line), "is not valid YAML, here or just after: "+lineNumber.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), ""))
		return
	}
	if len(document.Content) == 0 {
		return
	}
	w := walk{layers: l, name: name, texts: map[string]string{}}
	w.section("", document.Content[0])
	l.add(w.texts)
}

// at is a place in a file.
func at(name string, line int) string { return name + ":" + strconv.Itoa(line) }

var (
	lineNumber  = regexp.MustCompile(`line (\d+): `)
	lostAnchor  = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
	controlByte = regexp.MustCompile(`[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]`)
)

// faultLine is the line of a syntax error, or, as the parser counts, at times the
// one before. It leaves the number out on the first line, for bytes that are no
// text, and for anchors.
func faultLine(err error, content []byte) int {
	if found := lineNumber.FindStringSubmatch(err.Error()); found != nil {
		line, _ := strconv.Atoi(found[1])
		return line
	}
	offset := 0
	if found := lostAnchor.FindStringSubmatch(err.Error()); found != nil {
		offset = bytes.Index(content, []byte("*"+found[1]))
	} else if place := controlByte.FindIndex(content); place != nil {
		offset = place[0]
	} else {
		offset = bytes.IndexRune(content, utf8.RuneError) // the first bytes that are no text
	}
	return 1 + bytes.Count(content[:max(0, offset)], []byte("\n"))
}
