// Package check renders the overlays, as `kubectl apply -k` does, and holds what comes out against the schema of the
// Kubernetes API, against the types of a current release, and against what the documentation promises. It has a module
// of its own, so that Xylem's stays small, and needs neither kubectl nor a cluster.
package check

import (
	"strings"
	"testing"
)

var overlays = []struct {
	folder string
	nodes  int32
}{{"../depth-2", 3}, {"../depth-3", 7}}

func TestOverlaysAreWhatKubernetesTakes(t *testing.T) {
	for _, overlay := range overlays {
		accept(t, overlay.folder, overlay.nodes)
	}
}

// accept renders a folder, and reports whatever is wrong with a tree of so many nodes.
func accept(t *testing.T, folder string, nodes int32) *tree {
	t.Helper()
	api, err := newAPI()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := render(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if err := api.validate(object); err != nil {
			t.Errorf("%s: %v\n%s", folder, err, object)
		}
	}
	made, err := read(objects)
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	for _, complaint := range made.complaints(nodes) {
		t.Errorf("%s: %s", folder, complaint)
	}
	return made
}

// planted is a mistake in what is rendered: old is replaced by new wherever it stands, and found is how it shows.
type planted struct{ name, old, new, found string }

// TestMistakesAreFound plants mistakes in an overlay that is right, and looks whether each is found.
func TestMistakesAreFound(t *testing.T) {
	api, err := newAPI()
	if err != nil {
		t.Fatal(err)
	}
	right, err := render("../depth-3")
	if err != nil {
		t.Fatal(err)
	}
	inSchema := []planted{
		{"misspelt field", "podManagementPolicy:", "podManagmentPolicy:", "podManagmentPolicy"},
		{"misspelt field deep inside", "readOnlyRootFilesystem:", "readonlyRootFilesystem:", "readonlyRootFilesystem"},
		{"string for a number", "replicas: 7", "replicas: seven", "/spec/replicas"},
		{"number for a string", "serviceName: xylem", "serviceName: 7", "/spec/serviceName"},
		{"string for a truth", "publishNotReadyAddresses: true", `publishNotReadyAddresses: "true"`, "publishNotReadyAddresses"},
		{"required field missing", "  serviceName: xylem\n", "", "serviceName"},
		{"required field missing deep inside", "- mountPath: /data\n          name: data", "- name: data", "mountPath"},
		{"list for a map", "matchLabels:\n      app.kubernetes.io/name: xylem", "matchLabels: []", "matchLabels"},
		{"old version of the API", "policy/v1", "policy/v1alpha1", "no such kind"},
		{"field given twice", "  replicas: 7\n", "  replicas: 7\n  replicas: 7\n", "already set"},
	}
	for _, mistake := range inSchema {
		var found []string
		for _, object := range mistake.plant(t, right) {
			if err := api.validate(object); err != nil {
				found = append(found, err.Error())
			}
		}
		mistake.expect(t, found)
	}
	inStructure := []planted{
		{"unknown to the types", "terminationGracePeriodSeconds:", "terminationGraceSeconds:", "unknown field"},
		{"an object missing", "name: xylem-client", "name: xylem-clients", "not expected"},
		{"too few nodes", "replicas: 7", "replicas: 3", "replicas is not 7"},
		{"wrong depth", `XYLEM_TREE_DEPTH: "3"`, `XYLEM_TREE_DEPTH: "2"`, "depth"},
		{"selector", "    matchLabels:\n      app.kubernetes.io/name: xylem", "    matchLabels:\n      app.kubernetes.io/name: oak", "selects no pod"},
		{"one after the other", "podManagementPolicy: Parallel", "podManagementPolicy: OrderedReady", "not Parallel"},
		{"probe of another port", "            port: http", "            port: https", "asks a port"},
		{"probe of another path", "path: /readyz", "path: /ready", "/readyz"},
		{"service of another port", "    port: 5000", "    port: 80", "port 80"},
		{"links of services", "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks"},
		{"secret elsewhere", "mountPath: /run/secrets/xylem", "mountPath: /secret", "the secret is not where"},
		{"another secret", "secretName: xylem", "secretName: oak", "not the Secret"},
		{"root", "runAsNonRoot: true", "runAsNonRoot: false", "runs as root"},
		{"capability", "- ALL", "- NET_RAW", "has capabilities"},
	}
	for _, mistake := range inStructure {
		made, err := read(mistake.plant(t, right))
		if err != nil {
			mistake.expect(t, []string{err.Error()})
			continue
		}
		mistake.expect(t, made.complaints(7))
	}
}

// plant makes the mistake in all objects.
func (p planted) plant(t *testing.T, objects [][]byte) [][]byte {
	t.Helper()
	var wrong [][]byte
	times := 0
	for _, object := range objects {
		times += strings.Count(string(object), p.old)
		wrong = append(wrong, []byte(strings.ReplaceAll(string(object), p.old, p.new)))
	}
	if times == 0 {
		t.Fatalf("%s: there is no %q to replace", p.name, p.old)
	}
	return wrong
}

// expect looks for the mistake among what was found.
func (p planted) expect(t *testing.T, found []string) {
	t.Helper()
	if all := strings.Join(found, "\n"); !strings.Contains(all, p.found) {
		t.Errorf("%s: nothing found that says %q, only %q", p.name, p.found, all)
	}
}
