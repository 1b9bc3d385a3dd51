//go:build engine

package trial

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkout is an id of the trial's own, so that it neither takes over nor removes what was deployed from this checkout.
const (
	checkout     = "trial"
	vagrantLabel = "xylem.checkout=" + checkout
)

// vagrant is a tree under Vagrant.
type vagrant struct {
	tree
}

// TestVagrant goes through the life of a deployment: up, the walk-through, halt and up, a node and the root
// lost and started again, another depth, destroy.
func TestVagrant(t *testing.T) {
	v := newVagrant(t)
	t.Cleanup(v.remove)
	v.vagrant("validate")
	v.vagrant("up")
	for _, name := range v.machines() {
		if state := v.state(name); state != "running" {
			t.Errorf("vagrant status: %s is %q", name, state)
		}
	}
	v.phase("up")

	v.walkThrough()
	v.phase("walk-through, by port and by ssh")

	v.vagrant("halt")
	if running := v.list("container", "--filter", "status=running"); len(running) > 0 {
		t.Errorf("after vagrant halt these run: %v", running)
	}
	v.phase("halt")
	v.vagrant("up")
	v.holdsAll()
	v.phase("up again, all data there")

	v.loseParent()
	v.phase("NODE-2 killed, its children served")
	v.loseRoot()
	v.phase("the root killed, another one elected")
	v.vagrant("up")
	v.awaitEverywhere("meanwhile", "without a root")
	v.holdsAll()
	v.phase("up, both are back")

	v.shrink()
	v.phase("one level less, and another root")

	v.destroy()
	v.phase("destroy")
	v.refusesTakenPort()
	v.phase("a taken port refused")
}

func newVagrant(t *testing.T) *vagrant {
	t.Chdir("../..")
	v := &vagrant{tree: newTree(t)}
	if v.config.Tree.Depth != 3 || v.config.Tree.Root != 1 {
		t.Fatal("the trial is written for tree.depth 3 and tree.root 1")
	}
	if _, err := exec.LookPath("vagrant"); err != nil {
		t.Fatal("the package vagrant is missing: apt-get install --no-install-recommends vagrant")
	}
	sweep(t)
	// Nothing that a user has set up counts, and nothing stays.
	t.Setenv("VAGRANT_XYLEM_CHECKOUT", checkout)
	t.Setenv("VAGRANT_HOME", t.TempDir())
	t.Setenv("VAGRANT_DOTFILE_PATH", filepath.Join(t.TempDir(), "state"))
	return v
}

func (v *vagrant) vagrant(args ...string) string {
	v.t.Helper()
	return run(v.t, "vagrant", args...)
}

// ssh runs a command as `vagrant ssh` lets users do.
func (v *vagrant) ssh(name, command string) string {
	v.t.Helper()
	return v.vagrant("ssh", name, "-c", command)
}

// machines are the names of all containers.
func (v *vagrant) machines() []string {
	names := []string{"zookeeper", "cli"}
	for k := range v.config.Nodes() {
		names = append(names, v.config.NodeName(k+1))
	}
	return names
}

// state is what `vagrant status` says of a machine.
func (v *vagrant) state(name string) string {
	v.t.Helper()
	for line := range strings.Lines(v.vagrant("status", "--machine-readable", name)) {
		if fields := strings.Split(strings.TrimSpace(line), ","); len(fields) > 3 && fields[1] == name && fields[2] == "state" {
			return fields[3]
		}
	}
	return ""
}

// list names what there is of a kind that the trial made.
func (v *vagrant) list(kind string, filters ...string) []string {
	v.t.Helper()
	args := []string{kind, "ls", "--filter", "label=" + vagrantLabel}
	switch kind {
	case "container":
		args = append(args, "--all", "--format", "{{.Names}}")
	default:
		args = append(args, "--format", "{{.Name}}")
	}
	names := strings.Fields(run(v.t, "docker", append(args, filters...)...))
	slices.Sort(names)
	return names
}

func (v *vagrant) walkThrough() {
	v.put(6, "greeting", "hello-world")
	v.put(7, "greeting", "hello-mars")
	v.awaitEverywhere("greeting", "hello-mars")
	if said := v.ssh("cli", "xylem put 6 hello world"); !strings.HasPrefix(said, `200 {"key":"hello","value":"world"`) {
		v.t.Errorf("xylem put in the container cli says %s", said)
	}
	v.holdsAll()
	root := v.node(1)
	defer root.Close()
	want := []string{"NODE-1", "NODE-2", "NODE-3", "NODE-4", "NODE-5", "NODE-6", "NODE-7"}
	if places, err := root.Structure(v.t.Context()); err != nil || !slices.Equal(places, want) {
		v.t.Errorf("GET /nodes/structure: %v, %v", places, err)
	}
	if said := v.ssh("NODE-4", "hostname && xylem get 4 hello"); !strings.HasPrefix(said, "NODE-4\n200 ") {
		v.t.Errorf("vagrant ssh NODE-4 says %s", said)
	}
	await(v.t, "xylem status in the container cli says that all 7 nodes are equal", func() error {
		out, err := exec.Command("vagrant", "ssh", "cli", "-c", "xylem status").CombinedOutput()
		if err == nil && !strings.Contains(string(out), "all 7 nodes are equal") {
			err = errors.New("it says something else")
		}
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
}

// holdsAll waits until all nodes have what the walk-through wrote.
func (v *vagrant) holdsAll() {
	v.t.Helper()
	v.awaitEverywhere("greeting", "hello-mars")
	v.awaitEverywhere("hello", "world")
}

// loseParent kills NODE-2. Its children answer, and their writes reach the root past it.
func (v *vagrant) loseParent() {
	run(v.t, "docker", "kill", "NODE-2")
	v.awaitAt(4, "hello", "world")
	v.put(4, "orphans", "of 2")
	v.put(5, "orphans", "of 2, still")
	for _, k := range []int{1, 3, 4, 5, 6, 7} {
		v.awaitAt(k, "orphans", "of 2, still")
	}
}

// loseRoot kills NODE-1 as well. Another node orders what is written then, and has what was there.
func (v *vagrant) loseRoot() {
	run(v.t, "docker", "kill", "NODE-1")
	v.awaitAt(7, "hello", "world")
	v.put(7, "meanwhile", "without a root")
	root := v.awaitRoot()
	v.t.Logf("NODE-1 was the root, NODE-%d is", root)
	for _, k := range []int{3, 4, 5, 6, 7} {
		v.awaitAt(k, "meanwhile", "without a root")
		v.awaitAt(k, "orphans", "of 2, still")
	}
}

// shrink takes the lowest level away. What its nodes had the others have, too.
func (v *vagrant) shrink() {
	v.t.Setenv("XYLEM_TREE_DEPTH", "2")
	v.t.Setenv("XYLEM_TREE_ROOT", "3")
	v.config.Tree.Depth = 2
	v.vagrant("up")
	if left, want := v.list("container"), []string{"NODE-1", "NODE-2", "NODE-3", "cli", "zookeeper"}; !slices.Equal(left, want) {
		v.t.Errorf("there are %v, want %v", left, want)
	}
	v.holdsAll()
	v.put(1, "levels", "two")
	v.awaitEverywhere("levels", "two")
}

// destroy leaves nothing, the volumes of the nodes that are no more included.
func (v *vagrant) destroy() {
	v.t.Helper()
	v.vagrant("destroy", "-f")
	for _, kind := range []string{"container", "volume", "network"} {
		if left := v.list(kind); len(left) > 0 {
			v.t.Errorf("vagrant destroy -f left these of kind %s: %v", kind, left)
		}
	}
}

// refusesTakenPort holds a port of the highest node: nothing is made then.
func (v *vagrant) refusesTakenPort() {
	port := fmt.Sprintf("127.0.0.1:%d", v.config.HostPort(v.config.Nodes()))
	held, err := net.Listen("tcp", port)
	if err != nil {
		v.t.Fatal(err)
	}
	defer held.Close()
	said, err := exec.Command("vagrant", "up").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "is taken: ") {
		v.t.Errorf("vagrant up with %s taken: %v\n%s", port, err, said)
	}
	if made := v.list("container"); len(made) > 0 {
		v.t.Errorf("vagrant up with %s taken made %v", port, made)
	}
}

// remove takes away what a failed trial left.
func (v *vagrant) remove() {
	if v.t.Failed() {
		for _, name := range v.list("container") {
			logs, _ := exec.Command("docker", "logs", "--tail", "20", name).CombinedOutput()
			v.t.Logf("%s:\n%s", name, logs)
		}
	}
	v.destroy()
}
