package check

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"
)

// oldest is the release of Kubernetes whose schema kustomize carries: what it allows, all later ones do.
const oldest = "v1.21.2"

// api is the schema of the Kubernetes API, made strict: a field that it does not know is refused, as `kubectl apply`
// refuses it.
type api struct {
	compiler    *jsonschema.Compiler
	definitions map[string]string // by apiVersion and kind, as in "apps/v1 StatefulSet"
}

func newAPI() (*api, error) {
	if version := openapi.GetSchemaVersion(); version != oldest {
		return nil, fmt.Errorf("kustomize carries the schema of Kubernetes %s now: say so here, and in docs/deploy-kubernetes.md", version)
	}
	text, err := json.Marshal(map[string]any{"definitions": openapi.Schema().Definitions})
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	a := &api{compiler: jsonschema.NewCompiler(), definitions: map[string]string{}}
	for name, definition := range document.(map[string]any)["definitions"].(map[string]any) {
		definition := definition.(map[string]any)
		if kinds, _ := definition["x-kubernetes-group-version-kind"].([]any); len(kinds) == 1 {
			kind := kinds[0].(map[string]any)
			version := strings.TrimPrefix(fmt.Sprintf("%v/%v", kind["group"], kind["version"]), "/")
			a.definitions[fmt.Sprintf("%s %v", version, kind["kind"])] = name
		}
		if strings.HasSuffix(name, ".Quantity") {
			definition["type"] = []any{"string", "number"}
		}
	}
	tighten(document)
	a.compiler.DefaultDraft(jsonschema.Draft4)
	return a, a.compiler.AddResource("kubernetes.json", document)
}

// tighten closes every object whose fields are listed, and lets what may be a number or a string be either, which the
// published schema says in a format of its own.
func tighten(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if schema["format"] == "int-or-string" {
			schema["type"] = []any{"integer", "string"}
		}
		_, listed := schema["properties"].(map[string]any)
		if _, open := schema["additionalProperties"]; listed && !open {
			schema["additionalProperties"] = false
		}
		for _, inner := range schema {
			tighten(inner)
		}
	case []any:
		for _, inner := range schema {
			tighten(inner)
		}
	}
}

// validate holds one object, in YAML, against the schema of its kind.
func (a *api) validate(object []byte) error {
	text, err := yaml.YAMLToJSONStrict(object)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	fields, _ := value.(map[string]any)
	kind := fmt.Sprintf("%v %v", fields["apiVersion"], fields["kind"])
	definition, known := a.definitions[kind]
	if !known {
		return fmt.Errorf("%s: Kubernetes %s has no such kind", kind, oldest)
	}
	schema, err := a.compiler.Compile("kubernetes.json#/definitions/" + definition)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}
