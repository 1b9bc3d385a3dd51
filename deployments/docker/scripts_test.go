// Package docker tests what the scripts that build the images do where no engine answers.
// That the images work is tested in deployments/trial.
package docker

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// refused runs a script without an engine in reach. It demands exit status 1, and one
// line that begins with want.
func refused(t *testing.T, want, script string, args ...string) {
	t.Helper()
	cmd := exec.Command("bash", append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=tcp://127.0.0.1:1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%s %v: %v, want exit status 1", script, args, err)
	}
	said := strings.TrimSuffix(string(out), "\n")
	if strings.Contains(said, "\n") || !strings.HasPrefix(said, want) {
		t.Errorf("%s %v said %q, want one line: %s", script, args, said, want)
	}
}

func TestScriptsSayInOneLineWhatIsMissing(t *testing.T) {
	refused(t, "build: no engine answers: do deployments/engine start", "build")
	refused(t, "build: there is no image nodes: allowed are", "build", "nodes")
	refused(t, "base: no engine answers: do deployments/engine start", "base")
	refused(t, "base: usage: ", "base", "--agian")
	refused(t, "engine: nothing answers at DOCKER_HOST: start the engine there", "../engine", "start")
	refused(t, "engine: usage: ", "../engine")
}

func TestSecretsAreMadeOnce(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("there is no ssh-keygen here: install openssh-client")
	}
	script, err := os.ReadFile("secrets")
	if err != nil {
		t.Fatal(err)
	}
	checkout := t.TempDir()
	if err := os.Mkdir(filepath.Join(checkout, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(checkout, "docker", "secrets")
	if err := os.WriteFile(copied, script, 0o644); err != nil {
		t.Fatal(err)
	}

	var first map[string][]byte
	for range 2 {
		if out, err := exec.Command("bash", copied).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		made := secrets(t, filepath.Join(checkout, "secrets"))
		if first == nil {
			first = made
		}
		for name := range made {
			if !bytes.Equal(made[name], first[name]) {
				t.Errorf("%s was made again", name)
			}
		}
	}
}

// secrets reads what was made, and checks who may read it.
func secrets(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	modes := map[string]os.FileMode{
		"": 0o700 | os.ModeDir, "cluster.secret": 0o444, "id_ed25519": 0o600, "id_ed25519.pub": 0o600,
	}
	made := make(map[string][]byte)
	for name, mode := range modes {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), mode)
		}
		if info.IsDir() {
			continue
		}
		if made[name], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		if len(made[name]) < 16 {
			t.Errorf("%s has %d bytes", path, len(made[name]))
		}
	}
	return made
}
