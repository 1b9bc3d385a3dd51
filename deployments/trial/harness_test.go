//go:build engine

// Package trial runs the deployments for real, in a container engine.
package trial

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"xylem/client"
	"xylem/configs"
	"xylem/eventually"
)

// tree is a tree that a deployment has started, as its ports on this host show it.
type tree struct {
	t      *testing.T
	config configs.Config
	began  time.Time // the phase
}

// newTree reads the configuration that the deployment reads.
func newTree(t *testing.T) tree {
	t.Helper()
	config, err := configs.Load(configs.Source{Path: os.Getenv("XYLEM_CONFIG"), WithoutSecretFile: true})
	if err != nil {
		t.Fatal(err)
	}
	if config.Nodes() < 3 {
		t.Fatalf("the trial needs three nodes, and tree.depth is %d", config.Tree.Depth)
	}
	return tree{t: t, config: config, began: time.Now()}
}

// phase ends a phase and says how long it took.
func (r *tree) phase(name string) {
	r.t.Logf("%5.1f s  %s", time.Since(r.began).Seconds(), name)
	r.began = time.Now()
}

// node is a client of NODE-k at its port on this host.
func (r *tree) node(k int) *client.Client {
	return client.New(fmt.Sprintf("http://127.0.0.1:%d", r.config.HostPort(k)), client.WithTimeout(3*time.Second))
}

// put writes at a node until the root has ordered it.
func (r *tree) put(k int, key, value string) {
	r.t.Helper()
	node := r.node(k)
	defer node.Close()
	await(r.t, fmt.Sprintf("%s has a write of %s ordered", r.config.NodeName(k), key), func() error {
		answer, err := node.Put(r.t.Context(), key, json.RawMessage(strconv.Quote(value)))
		if err == nil && answer.Pending {
			err = fmt.Errorf("it is pending: %s", answer.Body)
		}
		return err
	})
}

// awaitEverywhere waits until all nodes answer the value.
func (r *tree) awaitEverywhere(key, value string) {
	r.t.Helper()
	for k := 1; k <= r.config.Nodes(); k++ {
		r.awaitAt(k, key, value)
	}
}

func (r *tree) awaitAt(k int, key, value string) {
	r.t.Helper()
	node := r.node(k)
	defer node.Close()
	await(r.t, fmt.Sprintf("%s has %s=%s", r.config.NodeName(k), key, value), func() error {
		answer, err := node.Get(r.t.Context(), key)
		if err == nil && string(answer.Value) != strconv.Quote(value) {
			err = fmt.Errorf("it has %s", answer.Body)
		}
		return err
	})
}

// awaitRoot waits for a root that orders writes and returns its k.
func (r *tree) awaitRoot() (root int) {
	r.t.Helper()
	await(r.t, "a node is the root", func() error {
		for k := 1; k <= r.config.Nodes(); k++ {
			node := r.node(k)
			said, err := node.Synchronization(r.t.Context())
			node.Close()
			if err == nil && said.Role == "root" && said.State == "ordering" {
				root = k
				return nil
			}
		}
		return fmt.Errorf("none says so")
	})
	return root
}

// patience is how long the trial waits for what is to happen.
const patience = 90 * time.Second

// sweep removes what trials have made, whichever it was: containers with their data, networks, volumes. Each begins with it,
// for what an interrupted one has left has the names or the ports that the next needs. So an engine has room for one at a time.
func sweep(t *testing.T) {
	t.Helper()
	for _, label := range []string{composeLabel, podLabel, machineLabel, vagrantLabel} {
		filter := "label=" + label
		for _, container := range strings.Fields(run(t, "docker", "container", "ls", "--all", "--quiet", "--filter", filter)) {
			run(t, "docker", "rm", "--force", "--volumes", container)
		}
		for _, kind := range []string{"network", "volume"} {
			for _, left := range strings.Fields(run(t, "docker", kind, "ls", "--quiet", "--filter", filter)) {
				run(t, "docker", kind, "rm", left)
			}
		}
	}
}

// logOnFailure logs what a command says when a trial that has failed ends.
func logOnFailure(t *testing.T, what, command string, args ...string) {
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := exec.Command(command, args...).CombinedOutput()
			t.Logf("%s:\n%s", what, said)
		}
	})
}

func run(t *testing.T, command string, args ...string) string {
	t.Helper()
	var out, stderr strings.Builder
	cmd := exec.Command(command, args...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", command, strings.Join(args, " "), err, out.String(), stderr.String())
	}
	return out.String()
}

func await(t *testing.T, what string, condition func() error) {
	t.Helper()
	eventually.Await(t, patience, 200*time.Millisecond, what, condition)
}
