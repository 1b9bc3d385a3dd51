package check

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const page = "../../../docs/deploy-kubernetes.md"

var exampleOverlay = regexp.MustCompile("(?s)```\n(apiVersion: kustomize.*?)```")

// TestOverlayOnThePageIsWhatKubernetesTakes renders the example that readers copy.
func TestOverlayOnThePageIsWhatKubernetesTakes(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	example := exampleOverlay.FindSubmatch(text)
	if example == nil {
		t.Fatalf("%s shows no overlay", page)
	}
	folder := t.TempDir()
	kubernetes, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if kubernetes, err = filepath.Rel(folder, kubernetes); err != nil {
		t.Fatal(err)
	}
	overlay := strings.Replace(string(example[1]), "../xylem/deployments/kubernetes", kubernetes, 1)
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(overlay), 0o644); err != nil {
		t.Fatal(err)
	}
	made := accept(t, folder, 7)
	if image := made.set.Spec.Template.Spec.Containers[0].Image; image != "registry.example/xylem/node:1.0.0" {
		t.Errorf("the image is %s", image)
	}
	if servers := made.settings.Data["XYLEM_COORDINATOR_ZOOKEEPER_SERVERS"]; !strings.HasPrefix(servers, "zk-0.zk:2181,") {
		t.Errorf("ZooKeeper's servers are %s", servers)
	}
	if size := made.set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage(); size.String() != "20Gi" {
		t.Errorf("the volumes have %s", size)
	}
}
