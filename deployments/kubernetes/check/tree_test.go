package check

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// tree is what an overlay makes, in the types of a current release of Kubernetes.
type tree struct {
	set            appsv1.StatefulSet
	names, clients corev1.Service
	budget         policyv1.PodDisruptionBudget
	settings       corev1.ConfigMap
}

// render is what `kubectl kustomize` prints for a folder, object by object.
func render(folder string) ([][]byte, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	var objects [][]byte
	for _, resource := range resources.Resources() {
		object, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// read decodes the objects strictly: one of each kind and name, and nothing else.
func read(objects [][]byte) (*tree, error) {
	made := &tree{}
	places := map[string]any{
		"StatefulSet xylem":         &made.set,
		"Service xylem":             &made.names,
		"Service xylem-client":      &made.clients,
		"PodDisruptionBudget xylem": &made.budget,
		"ConfigMap":                 &made.settings,
	}
	for _, object := range objects {
		var head struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal(object, &head); err != nil {
			return nil, err
		}
		what := head.Kind + " " + head.Metadata.Name
		if head.Kind == "ConfigMap" {
			what = head.Kind // its name ends in a digest
		}
		place, expected := places[what]
		if !expected {
			return nil, fmt.Errorf("%s is not expected, or is there twice", what)
		}
		delete(places, what)
		if err := yaml.UnmarshalStrict(object, place); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	for what := range places {
		return nil, fmt.Errorf("there is no %s", what)
	}
	return made, nil
}
