package node

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// description is the OpenAPI document of a node, loaded from what it serves, and
// valid.
func description(t *testing.T, p *process) *openapi3.T {
	t.Helper()
	_, body := ask(t, asking(p).get(pathOpenAPI))
	document, err := openapi3.NewLoader().LoadFromData(body)
	if err == nil {
		err = document.Validate(t.Context(), openapi3.EnableExamplesValidation())
	}
	if err != nil {
		t.Fatalf("the document of NODE-%d: %v", p.k, err)
	}
	return document
}

// operations are the document's operations, by "METHOD /path".
func operations(document *openapi3.T) map[string]*openapi3.Operation {
	found := map[string]*openapi3.Operation{}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			found[method+" "+path] = operation
		}
	}
	return found
}

// wildcards are the names in the document of what the routes call *.
var wildcards = map[string]string{"/store/*": "/store/{key}", "/docs/*": "/docs/{asset}"}

// routed is what a node's HTTP server takes, as "METHOD /path". HEAD goes with
// GET.
func routed(n *Node) []string {
	parameter := regexp.MustCompile(`:(\w+)`)
	found := map[string]bool{}
	for _, route := range n.newApp().GetRoutes(true) {
		path := parameter.ReplaceAllString(route.Path, "{$1}")
		if named, isWildcard := wildcards[path]; isWildcard {
			path = named
		}
		if route.Method != http.MethodHead {
			found[route.Method+" "+path] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestOpenAPIDescribesEveryRouteAndNoOther(t *testing.T) {
	tr := startTree(t, 2)
	root, other := tr.nodes[0], tr.nodes[1]
	all := slices.Sorted(maps.Keys(operations(description(t, root))))
	if routes := routed(root.node); !slices.Equal(routes, all) {
		t.Errorf("the root's routes:\n%q\nand its document:\n%q", routes, all)
	}
	some := slices.Sorted(maps.Keys(operations(description(t, other))))
	routes := routed(other.node)
	for _, operation := range some {
		if !slices.Contains(routes, operation) {
			t.Errorf("NODE-2 describes %s, and has no such route", operation)
		}
	}
	left := slices.DeleteFunc(routes, func(route string) bool { return slices.Contains(some, route) })
	want := []string{"GET /nodes", "GET /nodes/parent/{node}", "GET /nodes/structure", "POST /nodes/root", "POST /tree/join", "POST /tree/leave"}
	if !slices.Equal(left, want) {
		t.Errorf("NODE-2 describes %q, which leaves out %q; want the root's to be left out: %q", some, left, want)
	}
	for _, route := range left {
		method, path, _ := strings.Cut(route, " ")
		resp, body := ask(t, question{to: other, method: method, target: path, proof: root.node.peers})
		if resp.StatusCode != http.StatusForbidden || !bytes.Contains(body, []byte(`"urn:xylem:problem:ask-the-root"`)) {
			t.Errorf("%s is not described at NODE-2, which answers %d %s", route, resp.StatusCode, body)
		}
	}
}

// What is only the root's is in no corner of the other nodes' document.
func TestOpenAPILeavesOutWhatIsTheRoots(t *testing.T) {
	tr := startTree(t, 2)
	_, atRoot := ask(t, asking(tr.nodes[0]).get(pathOpenAPI))
	_, elsewhere := ask(t, asking(tr.nodes[1]).get(pathOpenAPI))
	for _, what := range []string{"x-root-only", "binary_tree_array", `"next_run"`, `"adopting"`, `"Announcement"`} {
		if !bytes.Contains(atRoot, []byte(what)) {
			t.Errorf("the root's document has no %s", what)
		}
		if bytes.Contains(elsewhere, []byte(what)) {
			t.Errorf("the document of NODE-2 has %s", what)
		}
	}
	document := description(t, tr.nodes[1])
	if len(document.Servers) != 2 || document.Servers[0].URL != "/" || document.Servers[1].URL != "http://"+tr.nodes[1].address {
		t.Errorf("the servers are %+v", document.Servers)
	}
	if !strings.Contains(document.Info.Description, "ask the root") {
		t.Error("the description does not say whom to ask for the rest")
	}
}

// An example of a problem is named by the slug of its type, and has the status of
// the answer that it stands with.
func TestOpenAPINamesExamplesBySlug(t *testing.T) {
	for name, operation := range operations(description(t, startTree(t, 1).nodes[0])) {
		for status, response := range operation.Responses.Map() {
			content := response.Value.Content["application/problem+json"]
			if content == nil {
				continue
			}
			if len(content.Examples) == 0 {
				t.Errorf("%s: %s has no example", name, status)
			}
			for slug, example := range content.Examples {
				value := example.Value.Value.(map[string]any)
				if value["type"] != problemType+slug {
					t.Errorf("%s: %s: the example %s has type %v", name, status, slug, value["type"])
				}
				code := int(value["status"].(float64))
				if status != "default" && status != strconv.Itoa(code) || value["title"] != http.StatusText(code) {
					t.Errorf("%s: %s: the example %s has status %d %v", name, status, slug, code, value["title"])
				}
			}
		}
	}
}

// slugs finds the problems that the code can answer with, where they are made.
var slugs = regexp.MustCompile(`(?:slug: |p\.slug, p\.detail = |badRequest\(|unavailable\()"([a-z-]+)"`)

func TestOpenAPIHasEveryProblemAndNoOther(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{
		// writeAck takes these from the protocol's outcomes.
		"not-root": true, "old-epoch": true, "gap": true, "foreign": true, "other-tree": true, "damaged": true, "failed": true,
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") {
			for _, match := range slugs.FindAllSubmatch(text, -1) {
				made[string(match[1])] = true
			}
		}
	}
	described := map[string]bool{}
	document := description(t, startTree(t, 1).nodes[0])
	collect := func(responses map[string]*openapi3.ResponseRef) {
		for _, response := range responses {
			if content := response.Value.Content["application/problem+json"]; content != nil {
				for slug := range content.Examples {
					described[slug] = true
				}
			}
		}
	}
	collect(document.Components.Responses)
	for _, operation := range operations(document) {
		collect(operation.Responses.Map())
	}
	if got, want := slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(made)); !slices.Equal(got, want) {
		t.Errorf("the document has the problems\n%q, the code\n%q", got, want)
	}
}

// The order of the YAML is the author's, and the reader's.
func TestOpenAPIKeepsItsOrder(t *testing.T) {
	_, body := ask(t, asking(startTree(t, 1).nodes[0]).get(pathOpenAPI))
	if !json.Valid(body) {
		t.Fatal("it is not JSON")
	}
	last := 0
	for _, next := range []string{`"openapi":`, `"info":`, `"paths":`, `"/store":`, `"/store/{key}":`, `"/":`, `"/nodes":`, `"components":`} {
		i := bytes.Index(body[last:], []byte(next))
		if i < 0 {
			t.Fatalf("%s does not follow in its place", next)
		}
		last += i
	}
}
