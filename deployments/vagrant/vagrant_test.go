// Package vagrant_test runs the real `vagrant` on the real Vagrantfile, with a stand-in for docker, and
// compares what docker was told with testdata. It needs the package vagrant, and no engine.
package vagrant_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.txt instead of comparing with them")

// foreign are the variables that a test does without.
var foreign = regexp.MustCompile(`^(XYLEM|VAGRANT|DOCKER)_`)

// stubs is a Vagrantfile for all projects of a user, which Vagrant reads first. It stands in for what the
// containers would answer by ssh, and for the host's ports, of which some may be taken here.
const stubs = `
Vagrant::Action::Builtin::WaitForCommunicator.class_eval { define_method(:call) { |env| @app.call(env) } }
TCPServer.define_singleton_method(:new) do |_, port|
  raise Errno::EADDRINUSE if File.exist?(File.join(ENV['STANDIN'], "taken-#{port}"))
  Struct.new(:close).new
end
`

// checkout is a copy of what `vagrant` reads of the repository, with an engine of its own.
type checkout struct {
	t      *testing.T
	folder string
	engine string // where the stand-in keeps its containers
	env    []string
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	if _, err := exec.LookPath("vagrant"); err != nil {
		t.Fatal("the package vagrant is missing: apt-get install --no-install-recommends vagrant")
	}
	c := &checkout{t: t, folder: t.TempDir(), engine: t.TempDir()}
	home, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"Vagrantfile", "configs/tree.yaml"} {
		c.write(filepath.Join(c.folder, name), read(t, filepath.Join("../..", name)))
	}
	for _, name := range []string{"settings.rb", "plan.rb", "engine.rb", "refusals.rb"} {
		c.write(filepath.Join(c.folder, "deployments/vagrant", name), read(t, name))
	}
	c.write(filepath.Join(home, "Vagrantfile"), stubs)
	c.write(filepath.Join(bin, "docker"), read(t, "testdata/docker"))
	for _, name := range []string{"build", "secrets"} {
		c.write(filepath.Join(c.folder, "deployments/docker", name), `#!/usr/bin/env bash
set -euo pipefail
mkdir -p deployments/secrets
touch deployments/secrets/id_ed25519
echo "$(basename "$0")" >>"$STANDIN/record"
`)
	}
	for _, pair := range os.Environ() {
		if !foreign.MatchString(pair) {
			c.env = append(c.env, pair)
		}
	}
	c.env = append(c.env, "STANDIN="+c.engine, "VAGRANT_HOME="+home, "VAGRANT_CHECKPOINT_DISABLE=1",
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return c
}

// configure gives the checkout a configuration, beside the defaults.
func (c *checkout) configure(yaml string) {
	path := filepath.Join(c.folder, "own.yaml")
	c.write(path, yaml)
	c.env = append(c.env, "XYLEM_CONFIG="+path)
}

// vagrant runs a command, and gives back what it showed.
func (c *checkout) vagrant(args ...string) (shown string, err error) {
	c.t.Helper()
	return c.run("vagrant", args...)
}

func (c *checkout) run(command string, args ...string) (shown string, err error) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), command, args...)
	cmd.Dir, cmd.Env = c.folder, c.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// must runs a command that has to succeed.
func (c *checkout) must(args ...string) string {
	c.t.Helper()
	shown, err := c.vagrant(args...)
	if err != nil {
		c.t.Fatalf("vagrant %s: %v\n%s", strings.Join(args, " "), err, shown)
	}
	return shown
}

var digest = regexp.MustCompile(`xylem\.plan=[0-9a-f]+`)

// recorded is what was done so far, without what differs from one run to the next.
func (c *checkout) recorded() string {
	content, err := os.ReadFile(filepath.Join(c.engine, "record"))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	text := strings.ReplaceAll(string(content), c.folder, "CHECKOUT")
	if id, err := os.ReadFile(filepath.Join(c.folder, "deployments/secrets/checkout")); err == nil {
		text = strings.ReplaceAll(text, "xylem.checkout="+strings.TrimSpace(string(id)), "xylem.checkout=ID")
	}
	return digest.ReplaceAllString(text, "xylem.plan=DIGEST")
}

// move renames the checkout's folder.
func (c *checkout) move() {
	c.t.Helper()
	moved := filepath.Join(c.t.TempDir(), "moved")
	if err := os.Rename(c.folder, moved); err != nil {
		c.t.Fatal(err)
	}
	c.folder = moved
}

// mark lets the engine be in some state that the stand-in knows.
func (c *checkout) mark(name, content string) {
	c.write(filepath.Join(c.engine, name), content)
}

func (c *checkout) write(path, content string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		c.t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// compare holds got against a file of testdata.
func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := read(t, path); got != want {
		t.Errorf("not as in %s (go test ./deployments/vagrant -update writes it anew):\n%s", path, got)
	}
}
