// Package xylem_test keeps the rules of the house: which room may enter which,
// that names are documented, and that what is written stays readable. It reads
// the source of the whole repository, tests included.
package xylem_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module           = "xylem"
	maxFunctionLines = 70  // what fits on a screen
	maxFileLines     = 500 // one concept a file
)

// room is a folder, the rooms that it may import beside itself, and why not more.
type room struct {
	name string
	may  []string
	why  string
}

// rooms is the plan of the house. A room covers the folders below it, unless
// they are listed before it.
var rooms = []room{
	{"cli", []string{"node", "configs", "client", "coordinator", "store", "sync"}, "the benchmarks are no part of the command"},
	{"bench", []string{"node", "configs", "client", "coordinator", "store", "sync"}, "a command is not imported"},
	{"node", []string{"configs", "coordinator", "store", "sync"}, "imports run cli -> node -> {coordinator, sync, store, configs}"},
	{"client", []string{"sync/version"}, "a program that uses the client should not carry a node with it"},
	{"eventually", nil, "all tests may wait, whatever they are about"},
	{"configs", nil, "the configuration is read before anything else exists"},
	{"deployments", []string{"configs"}, "what starts nodes reads their configuration and talks to them from outside"},
	{"coordinator", []string{"configs"}, "who is where and how nodes stay equal never meet"},
	{"store", []string{"sync/version"}, "the store knows versions and nothing of networks"},
	{"sync/version", nil, "everything speaks of versions, so they depend on nothing"},
	{"sync/wire", []string{"sync/version", "store"}, "the push format knows versions and entries, not who sends them when"},
	{"sync", []string{"sync", "store"}, "how nodes stay equal and who is where never meet"},
}

// owners says where the packages of others live.
var owners = []struct {
	prefix string
	rooms  []string
	why    string
}{
	{"github.com/spf13/viper", []string{"configs"}, "its traps are handled in one place"},
	{"github.com/gofiber/", []string{"node", "bench"}, "its buffers are reused, which one room has to know"},
	{"github.com/valyala/fasthttp", []string{"node", "bench"}, "its buffers are reused, which one room has to know"},
	{"github.com/robfig/cron", []string{"node"}, "it is unmaintained, and guarded in one place"},
	{"github.com/go-zookeeper/", []string{"coordinator"}, "it stays behind our interface"},
}

// pure lists the rooms that run in the simulation as they run in a node, and
// what they must not use outside tests, by import path and name ("" is all of
// it).
var pure = []struct {
	rooms  []string
	path   string
	names  []string
	why    string
	prefix bool // the packages below path too
}{
	{core, "time", []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}, "the core is told the time, so that a seed replays a run exactly", false},
	{core, "os", nil, "the core does no I/O", true},
	{core, "net", nil, "the core does no I/O", true},
	{core, "syscall", nil, "the core does no I/O", false},
	{core, "math/rand", nil, "the core draws no random number, so that a seed replays a run exactly", true},
	{core, "crypto/rand", nil, "the core draws no random number, so that a seed replays a run exactly", false},
	{[]string{"store"}, "net", nil, "the store knows nothing of networks", true},
}

var core = []string{"sync/replica", "sync/version", "sync/wire"}

// source is one Go file.
type source struct {
	name string // path from the repository's root, with slashes
	fset *token.FileSet
	file *ast.File
}

func (s source) folder() string { return path.Dir(s.name) }
func (s source) isTest() bool   { return strings.HasSuffix(s.name, "_test.go") }

// complaint is a broken rule, where, and why there is the rule.
func (s source) complaint(pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", s.name, s.fset.Position(pos).Line, fmt.Sprintf(format, args...))
}

// parse reads one file; text nil reads it from the disk.
func parse(name string, text any) (source, error) {
	s := source{name: filepath.ToSlash(name), fset: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments)
	return s, err
}

// rules are checked on every file.
var rules = []func(source) []string{imports, purity, documented, sizes, sleeps}

func TestHouse(t *testing.T) {
	packages := map[string][]source{}
	pages := map[string]string{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == ".git"):
			return filepath.SkipDir
		case entry.IsDir():
			for _, complaint := range folderName(name) {
				t.Error(complaint)
			}
			return nil
		case strings.HasSuffix(name, ".md"):
			text, err := os.ReadFile(name)
			pages[filepath.ToSlash(name)] = string(text)
			return err
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		s, err := parse(name, nil)
		if err != nil {
			t.Error(err)
			return nil
		}
		packages[s.folder()] = append(packages[s.folder()], s)
		for _, rule := range rules {
			for _, complaint := range rule(s) {
				t.Error(complaint)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, sources := range packages {
		for _, complaint := range packageComment(sources) {
			t.Error(complaint)
		}
	}
	tests := testNames(packages)
	for name, text := range pages {
		for _, complaint := range namesTests(name, text, tests) {
			t.Error(complaint)
		}
	}
	if len(packages["configs"]) == 0 || len(pages["docs/operations.md"]) == 0 {
		t.Error("the walk did not come to configs/ and docs/: nothing was checked")
	}
}

// in reports whether a folder is a room or below it.
func in(folder, room string) bool {
	return folder == room || strings.HasPrefix(folder, room+"/")
}

func inAny(folder string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { return in(folder, room) })
}

// imports holds a file's imports against rooms and owners.
func imports(s source) []string {
	var complaints []string
	for _, spec := range s.file.Imports {
		target, _ := strconv.Unquote(spec.Path.Value)
		for _, owner := range owners {
			if strings.HasPrefix(target, owner.prefix) && !inAny(s.folder(), owner.rooms) {
				complaints = append(complaints, s.complaint(spec.Pos(), "%s is imported outside %s: %s",
					target, strings.Join(owner.rooms, " and "), owner.why))
			}
		}
		other, ours := strings.CutPrefix(target, module+"/")
		if !ours {
			continue
		}
		i := slices.IndexFunc(rooms, func(r room) bool { return in(s.folder(), r.name) })
		if i < 0 {
			complaints = append(complaints, s.complaint(spec.Pos(), "%s is not in the table of rooms: say there what it may import, and why", s.folder()))
		} else if r := rooms[i]; !in(other, r.name) && !inAny(other, r.may) && !(s.isTest() && inAny(other, []string{"client", "eventually"})) {
			// Tests of any room may use the client, and wait: that is what they are for, too.
			complaints = append(complaints, s.complaint(spec.Pos(), "%s must not import %s: %s", r.name, other, r.why))
		}
	}
	return complaints
}

// purity holds the files of the deterministic core, and of the store, against
// what they must not use.
func purity(s source) []string {
	if s.isTest() {
		return nil
	}
	var complaints []string
	for _, rule := range pure {
		if !inAny(s.folder(), rule.rooms) {
			continue
		}
		for _, spec := range s.file.Imports {
			target, _ := strconv.Unquote(spec.Path.Value)
			if rule.names == nil && (target == rule.path || rule.prefix && strings.HasPrefix(target, rule.path+"/")) {
				complaints = append(complaints, s.complaint(spec.Pos(), "%s must not import %s: %s", s.folder(), target, rule.why))
			}
		}
		for _, use := range uses(s.file, rule.path) {
			if slices.Contains(rule.names, use.Sel.Name) {
				complaints = append(complaints, s.complaint(use.Pos(), "%s must not use %s.%s: %s", s.folder(), rule.path, use.Sel.Name, rule.why))
			}
		}
	}
	if inAny(s.folder(), core) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if n, ok := n.(*ast.GoStmt); ok {
				complaints = append(complaints, s.complaint(n.Pos(), "%s must not start goroutines: the core is stepped from outside", s.folder()))
			}
			return true
		})
	}
	return complaints
}

// uses are the places where a file names something of an imported package.
func uses(file *ast.File, importPath string) []*ast.SelectorExpr {
	local := ""
	for _, spec := range file.Imports {
		if target, _ := strconv.Unquote(spec.Path.Value); target == importPath {
			local = path.Base(importPath)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	var found []*ast.SelectorExpr
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && local != "" {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				found = append(found, sel)
			}
		}
		return true
	})
	return found
}

// documented looks for exported names without a comment.
func documented(s source) []string {
	if s.isTest() {
		return nil
	}
	var complaints []string
	missing := func(name *ast.Ident) {
		complaints = append(complaints, s.complaint(name.Pos(),
			"%s has no doc comment: it says what the name cannot (units, bounds, errors, who may call)", name.Name))
	}
	for _, decl := range s.file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Name.IsExported() && decl.Doc == nil && (decl.Recv == nil || ast.IsExported(receiver(decl))) {
				missing(decl.Name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				for _, name := range undocumented(decl, spec) {
					missing(name)
				}
			}
		}
	}
	return complaints
}

// undocumented are the exported names of a declaration without a comment. The
// comment above a group counts for the constants and variables in it.
func undocumented(decl *ast.GenDecl, spec ast.Spec) []*ast.Ident {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		alone := !decl.Lparen.IsValid()
		if spec.Name.IsExported() && spec.Doc == nil && (!alone || decl.Doc == nil) {
			return []*ast.Ident{spec.Name}
		}
	case *ast.ValueSpec:
		if decl.Doc != nil || spec.Doc != nil || spec.Comment != nil {
			return nil
		}
		return slices.DeleteFunc(slices.Clone(spec.Names), func(name *ast.Ident) bool { return !name.IsExported() })
	}
	return nil
}

// receiver is the name of the type that a method belongs to.
func receiver(decl *ast.FuncDecl) string {
	name := ""
	ast.Inspect(decl.Recv.List[0].Type, func(n ast.Node) bool {
		if ident, ok := n.(*ast.Ident); ok && name == "" {
			name = ident.Name
		}
		return name == ""
	})
	return name
}

// packageComment looks for a package that no file introduces.
func packageComment(sources []source) []string {
	introduced := func(s source) bool { return s.file.Doc != nil }
	if slices.ContainsFunc(sources, introduced) {
		return nil
	}
	s := sources[0]
	return []string{s.complaint(s.file.Package, "package %s has no doc comment in any file: a newcomer starts reading there", s.file.Name.Name)}
}

// sizes looks for what does not fit on a screen.
func sizes(s source) []string {
	var complaints []string
	if lines := s.fset.File(s.file.Pos()).LineCount(); lines > maxFileLines {
		complaints = append(complaints, s.complaint(s.file.Package, "%d lines, and at most %d are allowed: one concept a file", lines, maxFileLines))
	}
	for _, decl := range s.file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines := s.fset.Position(f.End()).Line - s.fset.Position(f.Type.Pos()).Line + 1
		if lines > maxFunctionLines {
			complaints = append(complaints, s.complaint(f.Pos(), "%s has %d lines, and at most %d are allowed: a function fits on a screen",
				f.Name.Name, lines, maxFunctionLines))
		}
	}
	return complaints
}

// sleeps looks for tests that wait for time to pass. Inside synctest.Test no real
// time does.
func sleeps(s source) []string {
	if !s.isTest() {
		return nil
	}
	var bubbles []*ast.CallExpr
	tests := uses(s.file, "testing/synctest")
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(tests, sel) {
				bubbles = append(bubbles, call)
			}
		}
		return true
	})
	var complaints []string
	for _, use := range uses(s.file, "time") {
		inside := func(call *ast.CallExpr) bool { return call.Pos() < use.Pos() && use.Pos() < call.End() }
		if use.Sel.Name == "Sleep" && !slices.ContainsFunc(bubbles, inside) {
			complaints = append(complaints, s.complaint(use.Pos(),
				"a test must not call time.Sleep outside synctest.Test: it is slow or it fails at times; wait for the condition"))
		}
	}
	return complaints
}

// testNames are the names of all tests.
func testNames(packages map[string][]source) map[string]bool {
	names := map[string]bool{}
	for _, sources := range packages {
		for _, s := range sources {
			for _, decl := range s.file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && s.isTest() && f.Recv == nil {
					names[f.Name.Name] = true
				}
			}
		}
	}
	return names
}

var testName = regexp.MustCompile(`\bTest[A-Z]\w+`)

// namesTests looks on a page for tests that there are not: what they would show, nothing shows.
func namesTests(name, text string, tests map[string]bool) []string {
	var complaints []string
	for i, line := range strings.Split(text, "\n") {
		for _, test := range testName.FindAllString(line, -1) {
			if !tests[test] {
				complaints = append(complaints, fmt.Sprintf("%s:%d: there is no test %s", name, i+1, test))
			}
		}
	}
	return complaints
}

// folderName looks for folders whose name says nothing.
func folderName(folder string) []string {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(folder)), "s")
	if slices.Contains([]string{"util", "common", "helper", "manager"}, name) {
		return []string{filepath.ToSlash(folder) + ":1: a folder is named for what is in it, and this name fits anything"}
	}
	return nil
}

// TestHouseSeesWhatItForbids shows that each rule finds something.
func TestHouseSeesWhatItForbids(t *testing.T) {
	long := strings.Repeat("\n", maxFunctionLines)
	tests := []struct{ name, text, want string }{
		{"store/a.go", `import "xylem/node"`, "a.go:2: store must not import node"},
		{"store/journal/a.go", `import "xylem/sync/wire"`, "store must not import sync/wire"},
		{"store/a.go", `import "net/http"`, "must not import net/http"},
		{"client/a.go", `import "xylem/configs"`, "client must not import configs"},
		{"client/a.go", `import "xylem/sync/replica"`, "client must not import sync/replica"},
		{"sync/replica/a.go", `import "xylem/coordinator"`, "sync must not import coordinator"},
		{"coordinator/a_test.go", `import "xylem/sync/version"`, "coordinator must not import sync/version"},
		{"attic/a.go", `import "xylem/node"`, "attic is not in the table of rooms"},
		{"cli/a.go", `import "github.com/spf13/viper"`, "viper is imported outside configs"},
		{"cli/a.go", `import _ "github.com/gofiber/fiber/v2"`, "outside node and bench"},
		{"sync/replica/a.go", `import "math/rand/v2"`, "draws no random number"},
		{"sync/wire/a.go", "import clock \"time\"\nvar now = clock.Now", "a.go:3: sync/wire must not use time.Now"},
		{"sync/version/a.go", "func f() {\ngo f() }", "a.go:3: sync/version must not start goroutines"},
		{"node/a.go", "type A int", "A has no doc comment"},
		{"node/a.go", "// All of them.\ntype ( A int )", "A has no doc comment"},
		{"node/a.go", "// A is.\ntype A[T any] int\nfunc (*A[T]) Do() {}", "a.go:4: Do has no doc comment"},
		{"node/a.go", "const ( A = 1\n// B is.\nB = 2 )", "A has no doc comment"},
		{"node/a.go", "func f() {" + long + "}", "f has 71 lines, and at most 70"},
		{"node/a_test.go", strings.Repeat("\n", maxFileLines-1), "501 lines, and at most 500"},
		{"node/a_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", "must not call time.Sleep"},
		{"node/a.go", "import (\"xylem/sync/wire\"; \"time\")\nvar now = time.Now\nfunc (a) Do() {}", ""},
		{"sync/replica/a_test.go", "import (\"os\"; \"math/rand\")", ""},
		{"node/a_test.go", "import (\"time\"; \"testing/synctest\")\nfunc f() { synctest.Test(nil, func() { time.Sleep(1) }) }", ""},
	}
	for _, test := range tests {
		s, err := parse(test.name, "package a\n"+test.text+"\n")
		if err != nil {
			t.Fatal(err)
		}
		var complaints []string
		for _, rule := range rules {
			complaints = append(complaints, rule(s)...)
		}
		got := strings.Join(complaints, "\n")
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q: got %q, want %q", test.name, test.text, got, test.want)
		}
	}
	if folderName("node/utils") == nil || folderName("node") != nil {
		t.Error("folders are not judged by their names")
	}
	if got := namesTests("a.md", "as\n`TestIs` and `TestWas` show; TestOf", map[string]bool{"TestIs": true, "TestOf": true}); len(got) != 1 || got[0] != "a.md:2: there is no test TestWas" {
		t.Errorf("of the tests that a page names it complains %q", got)
	}
}
