package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// cases are the configurations, and what is to be made of them.
var cases = []struct{ config, golden string }{
	{"configs/tree.yaml", folder + "/compose.yaml"},
	{folder + "/testdata/one.yaml", folder + "/testdata/one.compose.yaml"},
	{folder + "/testdata/root-2.yaml", folder + "/testdata/root-2.compose.yaml"},
}

func TestComposeFilesAreWhatTheConfigurationSays(t *testing.T) {
	t.Chdir("../..")
	for _, test := range cases {
		var got bytes.Buffer
		if err := run([]string{"--config", test.config}, "", &got); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(test.golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(test.golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s is not what %s makes now: `make compose`, or `go test ./deployments/compose -update`, writes it anew; it would be:\n%s",
				test.golden, test.config, got.Bytes())
		}
	}
}

func TestComposeTakesTheFiles(t *testing.T) {
	if _, err := exec.LookPath("docker-compose"); err != nil {
		t.Fatal("docker-compose is missing: `make deployers` installs it, on Debian and Ubuntu")
	}
	t.Chdir("../..")
	for _, test := range cases {
		if out, err := exec.Command("docker-compose", "-f", test.golden, "config", "-q").CombinedOutput(); err != nil {
			t.Errorf("docker-compose does not take %s: %v: %s", test.golden, err, out)
		}
	}
}

func TestTheConfigurationIsNamedAsTheComposeFileSeesIt(t *testing.T) {
	t.Chdir("../..")
	elsewhere := filepath.Join(t.TempDir(), "a $b: c.yaml")
	if err := os.WriteFile(elsewhere, []byte("tree: {depth: 2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	doubled := strings.ReplaceAll(elsewhere, "$", "$$")
	for _, test := range []struct {
		args              []string
		environment, want string
	}{
		{nil, "", "../../configs/tree.yaml"},
		{nil, "./configs/tree.yaml", "../../configs/tree.yaml"},
		{nil, elsewhere, doubled},
		{[]string{"--config", elsewhere}, "configs/tree.yaml", doubled},
	} {
		var got strings.Builder
		if err := run(test.args, test.environment, &got); err != nil {
			t.Fatal(err)
		}
		if want := `source: "` + test.want + `"`; !strings.Contains(got.String(), want) {
			t.Errorf("%v, XYLEM_CONFIG=%s: want %s in\n%s", test.args, test.environment, want, got.String())
		}
	}
}

// Compose leaves a container alone whose part of the file is as it was, and a change in
// the mounted configuration is none in the file.
func TestAnotherSettingIsAnotherDigest(t *testing.T) {
	t.Chdir("../..")
	file := filepath.Join(t.TempDir(), "tree.yaml")
	of := func(text string) string {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		made, err := compose(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(made)
	}
	lazy := of("sync: {eager: false}\n")
	if lazy == of("sync: {eager: true}\n") {
		t.Error("another setting makes the same file, so that nodes would keep the former one")
	}
	if lazy != of("# slow\nsync:\n  eager: false\n") {
		t.Error("the same setting in other words makes another file")
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	t.Chdir("../..")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("tree: {depth: 17}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(want string, args ...string) {
		t.Helper()
		var got strings.Builder
		err := run(args, "", &got)
		if err == nil || !strings.Contains(err.Error(), want) || got.Len() > 0 {
			t.Errorf("%v: got %v, want %q, and this was written: %q", args, err, want, got.String())
		}
	}
	refused("tree.depth", "--config", bad)
	refused("there is no such file", "--config", "nowhere.yaml")
	refused(`takes no argument "configs/tree.yaml"`, "configs/tree.yaml")
	t.Chdir(t.TempDir())
	refused("run this in the project's folder", "--config", bad)
}
