//go:build engine

package trial

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// composeProject is a project of the trial's own, so that it neither takes over nor
// removes what runs here from the same file.
const (
	composeProject = "xylem-trial"
	composeLabel   = "com.docker.compose.project=" + composeProject
)

// stack is a tree under Docker Compose.
type stack struct {
	tree
	command []string
}

// TestCompose starts the committed file, or what XYLEM_CONFIG makes of it, cuts a
// node off, loses the root, and leaves nothing.
func TestCompose(t *testing.T) {
	s := newStack(t)
	sweep(t)
	t.Cleanup(s.remove)
	s.compose("up", "-d")
	for k := range s.config.Nodes() {
		s.awaitHealthy(s.config.NodeName(k + 1))
	}
	s.phase("up")

	s.walkThrough()
	s.phase("walk-through")

	last := s.config.Nodes()
	s.cutOff(last)
	s.phase("a node cut off, and back")

	s.loseRoot()
	s.phase("another root elected, the former back")

	s.crash(s.awaitRoot())
	s.phase("the root's process killed, started again by the engine")

	s.remove()
	for _, kind := range []string{"container", "network", "volume"} {
		if left := s.made(kind); left != "" {
			t.Errorf("docker-compose down -v left these of kind %s: %s", kind, left)
		}
	}
	s.phase("down")
}

func newStack(t *testing.T) *stack {
	t.Chdir("../..")
	const folder = "deployments/compose"
	s := &stack{tree: newTree(t), command: []string{"docker-compose", "-p", composeProject, "-f", folder + "/compose.yaml"}}
	if os.Getenv("XYLEM_CONFIG") != "" {
		file := filepath.Join(t.TempDir(), "compose.yaml")
		if err := os.WriteFile(file, []byte(run(t, "go", "run", "./"+folder)), 0o600); err != nil {
			t.Fatal(err)
		}
		s.command = []string{"docker-compose", "-p", composeProject, "--project-directory", folder, "-f", file}
	}
	return s
}

// compose runs a command of Docker Compose and returns what it printed.
func (s *stack) compose(args ...string) string {
	s.t.Helper()
	return run(s.t, s.command[0], append(s.command[1:], args...)...)
}

// remove takes everything down that the trial has started.
func (s *stack) remove() {
	if s.t.Failed() {
		for _, ask := range [][]string{{"ps"}, {"logs", "--no-color", "--tail", "20"}} {
			said, _ := exec.Command(s.command[0], append(s.command[1:], ask...)...).CombinedOutput()
			s.t.Logf("%s", said)
		}
	}
	s.compose("down", "-v", "--remove-orphans")
}

// made lists what there is of the project, of one kind.
func (s *stack) made(kind string) string {
	args := []string{kind, "ls", "--quiet", "--filter", "label=" + composeLabel}
	if kind == "container" {
		args = append(args, "--all")
	}
	return run(s.t, "docker", args...)
}

// container is the id of a service's container.
func (s *stack) container(service string) string {
	s.t.Helper()
	return strings.TrimSpace(s.compose("ps", "-q", service))
}

// inspect is one field of what the engine says of a service's container.
func (s *stack) inspect(service, field string) string {
	s.t.Helper()
	return strings.TrimSpace(run(s.t, "docker", "inspect", "--format", "{{"+field+"}}", s.container(service)))
}

func (s *stack) awaitHealthy(service string) {
	s.t.Helper()
	await(s.t, service+" is healthy", func() error {
		if health := s.inspect(service, ".State.Health.Status"); health != "healthy" {
			return fmt.Errorf("it is %s", health)
		}
		return nil
	})
}

// awaitEqual waits until `xylem status`, run in a container beside the nodes, says
// that all are equal.
func (s *stack) awaitEqual() {
	s.t.Helper()
	want := fmt.Sprintf("all %d nodes are equal", s.config.Nodes())
	await(s.t, want, func() error {
		if said := s.compose("run", "--rm", "-T", "cli"); !strings.Contains(said, want) {
			return fmt.Errorf("xylem status says\n%s", said)
		}
		return nil
	})
}

func (s *stack) walkThrough() {
	last := s.config.Nodes()
	s.put(last-1, "greeting", "hello-world")
	s.put(last, "greeting", "hello-mars")
	s.awaitEverywhere("greeting", "hello-mars")
	if said := s.compose("run", "--rm", "-T", "cli", "put", strconv.Itoa(last-1), "hello", "world"); !strings.HasPrefix(said, `200 {"key":"hello","value":"world"`) {
		s.t.Errorf("xylem put in the container cli says %s", said)
	}
	s.awaitEverywhere("hello", "world")
	root := s.node(s.config.Tree.Root)
	defer root.Close()
	places, err := root.Structure(s.t.Context())
	if err != nil || len(places) != last || places[0] != s.config.NodeName(s.config.Tree.Root) {
		s.t.Errorf("GET /nodes/structure: %v, %v", places, err)
	}
	s.awaitEqual()
}

// cutOff takes NODE-k out of the network and back. The engine closes its port on the
// host as well, so that it is spoken to inside its container.
func (s *stack) cutOff(k int) {
	name := s.config.NodeName(k)
	network := composeProject + "_default"
	run(s.t, "docker", "network", "disconnect", network, s.container(name))
	inside := func(want string, args ...string) {
		s.t.Helper()
		args = append([]string{"exec", "-T", name, "xylem", "--client-url", "http://localhost:{api.port}"}, args...)
		if said := s.compose(args...); !strings.HasPrefix(said, want) {
			s.t.Errorf("cut off, %s says %s, want %s", strings.Join(args[3:], " "), said, want)
		}
	}
	inside(`200 {"key":"greeting","value":"hello-mars"`, "get", name, "greeting")
	inside("202 ", "put", name, "queued", "while away")
	inside(`200 {"key":"queued","value":"while away"`, "get", name, "queued")
	s.put(1, "meanwhile", "elsewhere")
	node := s.node(1)
	defer node.Close()
	if answer, err := node.Get(s.t.Context(), "queued"); err == nil {
		s.t.Errorf("the write of a node that is cut off is at NODE-1: %s", answer.Body)
	}
	run(s.t, "docker", "network", "connect", "--alias", name, network, s.container(name))
	s.awaitAt(k, "meanwhile", "elsewhere")
	s.awaitEverywhere("queued", "while away")
	s.awaitEqual()
}

// loseRoot kills the root, which `docker-compose kill` keeps dead, waits for the next
// and brings the former back.
func (s *stack) loseRoot() {
	former := s.awaitRoot()
	s.compose("kill", s.config.NodeName(former))
	next := s.awaitRoot()
	s.t.Logf("NODE-%d was the root, NODE-%d is", former, next)
	s.put(former%s.config.Nodes()+1, "greeting", "hello-again")
	for k := 1; k <= s.config.Nodes(); k++ {
		if k != former {
			s.awaitAt(k, "greeting", "hello-again")
			s.awaitAt(k, "queued", "while away")
		}
	}
	s.compose("up", "-d")
	s.awaitHealthy(s.config.NodeName(former))
	s.awaitEverywhere("greeting", "hello-again")
	s.awaitEqual()
}

// crash kills the process of NODE-k, as a fault in it would end it: what `docker kill`
// ends is not started again.
func (s *stack) crash(k int) {
	name := s.config.NodeName(k)
	pid, err := strconv.Atoi(s.inspect(name, ".State.Pid"))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		s.t.Fatalf("the process of %s could not be killed (which takes root on the engine's own machine): %v", name, err)
	}
	await(s.t, name+" is started again", func() error {
		if restarts := s.inspect(name, ".RestartCount"); restarts != "1" {
			return fmt.Errorf("it was restarted %s times", restarts)
		}
		return nil
	})
	s.put(k, "greeting", "hello-once-more")
	s.awaitEverywhere("greeting", "hello-once-more")
	s.awaitEqual()
}
