//go:build engine

package trial

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	podNetwork = "xylem-trial-pods"
	podLabel   = "xylem.trial=pods"
	pods       = 3
)

// TestPods runs containers as the pods of deployments/kubernetes are run, without a Kubernetes: their variables, their
// names, their user, and no more rights. What Kubernetes itself does of it is not tried.
func TestPods(t *testing.T) {
	t.Chdir("../..")
	run(t, "deployments/docker/build", "node", "zookeeper")
	zookeeper := strings.TrimSpace(run(t, "bin/xylem", "config", "deployment.zookeeper_image"))
	sweep(t)
	t.Cleanup(func() { sweep(t) })
	run(t, "docker", "network", "create", "--label", podLabel, podNetwork)

	start := func(name string, args ...string) {
		container := "xylem-trial-" + name
		logOnFailure(t, name, "docker", "logs", "--tail", "20", container)
		run(t, "docker", append([]string{"run", "--detach", "--label", podLabel, "--name", container, "--network", podNetwork}, args...)...)
	}
	start("zookeeper", "--network-alias", "zookeeper", zookeeper)
	secret := filepath.Join(t.TempDir(), "cluster.secret")
	write(t, secret, "the secret of this trial, and of no other\n")
	for ordinal := range pods {
		name := fmt.Sprintf("xylem-%d", ordinal)
		start(name, "--hostname", name, "--network-alias", name+".xylem", "--user", "65532:65532", "--read-only",
			"--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--env-file", "deployments/kubernetes/base/node.env", "--env", "XYLEM_TREE_DEPTH=2",
			"--volume", secret+":/run/secrets/xylem/cluster.secret:ro", "--volume", "/data",
			"xylem/node", "node", "--ordinal", name)
	}
	says := func(ordinal int, want string, args ...string) {
		t.Helper()
		await(t, fmt.Sprintf("xylem-%d says %s", ordinal, want), func() error {
			said, _ := exec.Command("docker", append([]string{"exec", fmt.Sprintf("xylem-trial-xylem-%d", ordinal), "xylem"}, args...)...).CombinedOutput()
			if !strings.Contains(string(said), want) {
				return fmt.Errorf("it says %s", said)
			}
			return nil
		})
	}
	for ordinal := range pods {
		await(t, fmt.Sprintf("xylem-%d is ready", ordinal), func() error {
			return healthy(t, fmt.Sprintf("xylem-trial-xylem-%d", ordinal))
		})
	}
	says(2, `200 {"key":"greeting","value":"hello"`, "put", "NODE-3", "greeting", "hello")
	says(1, "all 3 nodes are equal", "status")
	says(0, `200 {"key":"greeting","value":"hello"`, "get", "NODE-2", "greeting")
	says(0, "http://xylem-2.xylem:5000", "nodes")
}

// healthy asks the health check of the container's image.
func healthy(t *testing.T, container string) error {
	t.Helper()
	if health := strings.TrimSpace(run(t, "docker", "inspect", "--format", "{{.State.Health.Status}}", container)); health != "healthy" {
		return fmt.Errorf("it is %s", health)
	}
	return nil
}
