// Package kubernetes holds what the overlays say in environment variables against the configuration that the nodes make
// of them. What is rendered is held against Kubernetes in the module in check.
package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"xylem/configs"
)

// overlay is what a kustomization.yaml has to say about the nodes.
type overlay struct {
	Replicas []struct {
		Name  string
		Count int
	}
	ConfigMapGenerator []struct {
		Name           string
		Envs, Literals []string
	} `yaml:"configMapGenerator"`
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readOverlay(t *testing.T, folder string) (o overlay) {
	t.Helper()
	err := yaml.Unmarshal([]byte(readFile(t, folder+"/kustomization.yaml")), &o)
	if err != nil || len(o.ConfigMapGenerator) != 1 {
		t.Fatalf("%s: %v, %d ConfigMaps, not 1", folder, err, len(o.ConfigMapGenerator))
	}
	return o
}

// variables are the lines of the files that the base makes its ConfigMap of.
func variables(t *testing.T) (pairs []string) {
	t.Helper()
	for _, name := range readOverlay(t, "base").ConfigMapGenerator[0].Envs {
		for line := range strings.Lines(readFile(t, "base/"+name)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				pairs = append(pairs, line)
			}
		}
	}
	return pairs
}

func TestOverlaysConfigureTheirTree(t *testing.T) {
	statefulSet := readFile(t, "base/statefulset.yaml")
	for _, folder := range []string{"depth-2", "depth-3"} {
		overlay := readOverlay(t, folder)
		config, err := configs.Load(configs.Source{
			Path:              filepath.Join("..", "..", "configs", "tree.yaml"),
			Environ:           append(variables(t), overlay.ConfigMapGenerator[0].Literals...),
			WithoutSecretFile: true,
		})
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		if len(overlay.Replicas) != 1 || overlay.Replicas[0].Count != config.Nodes() {
			t.Errorf("%s: replicas %v for a tree of %d nodes", folder, overlay.Replicas, config.Nodes())
		}
		if want := fmt.Sprintf("depth-%d", config.Tree.Depth); folder != want {
			t.Errorf("%s has a tree of %s", folder, want)
		}
		if config.Coordinator.Kind != "zookeeper" {
			t.Errorf("%s: the coordinator is %s", folder, config.Coordinator.Kind)
		}
		if want := fmt.Sprintf("containerPort: %d\n", config.API.Port); !strings.Contains(statefulSet, want) {
			t.Errorf("base/statefulset.yaml has no %s", want)
		}
		for k := 1; k <= config.Nodes(); k++ {
			want := fmt.Sprintf("http://xylem-%d.xylem:%d", k-1, config.API.Port)
			if config.AdvertiseURL(k) != want || config.ClientURL(k) != want {
				t.Errorf("%s: %s is at %s and %s, not at %s", folder, config.NodeName(k), config.AdvertiseURL(k), config.ClientURL(k), want)
			}
		}
	}
}
