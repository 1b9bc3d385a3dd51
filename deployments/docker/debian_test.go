package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// standIn puts commands of the given names and scripts first on the PATH.
func standIn(t *testing.T, scripts map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
}

// TestDebianIsTheOneAskedFor has base make Debians for images that cannot be pulled, with a
// debootstrap that makes none.
func TestDebianIsTheOneAskedFor(t *testing.T) {
	standIn(t, map[string]string{
		"docker":      `[ "$1" = info ]`,
		"debootstrap": `echo "no mirror for $2"; exit 1`,
		"sudo":        `shift; exec "$@"`,
	})
	known := t.TempDir()
	t.Setenv("DEBOOTSTRAP_DIR", known)
	if err := os.Mkdir(filepath.Join(known, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, suite := range []string{"bullseye", "bookworm", "trixie", "stable", "jammy"} {
		if err := os.WriteFile(filepath.Join(known, "scripts", suite), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for image, suite := range map[string]string{
		"debian:bookworm-slim": "bookworm", "debian:bookworm-20250101-slim": "bookworm", "debian:stable": "stable",
		"debian:11": "bullseye", "debian:12-slim": "bookworm", "debian:12.9": "bookworm", "debian:13.1-slim": "trixie",
		"registry.example:5000/library/debian:12": "bookworm",
	} {
		out, err := exec.Command("bash", "base", "--again", image).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "making a Debian "+suite+" with") || !strings.Contains(string(out), "no mirror for "+suite+"\n") {
			t.Errorf("for %s base said %q (%v), want %s", image, out, err, suite)
		}
	}
	for _, image := range []string{
		"debian", "debian:latest", "debian:9", "debian:1", "registry.example:5000/debian", "debian:12@sha256:3f0909", "ubuntu:jammy", "ubuntu:12.04",
	} {
		refused(t, "base: "+image+" cannot be pulled, and is no Debian that debootstrap makes: ", "base", "--again", image)
	}
}

// TestPackagesAreInstalledWhereTheyMayBe runs .ci/need with an apt-get that installs nothing
// but one file.
func TestPackagesAreInstalledWhereTheyMayBe(t *testing.T) {
	folder := t.TempDir()
	there, asked := filepath.Join(folder, "there"), filepath.Join(folder, "asked")
	standIn(t, map[string]string{
		"sudo":    `shift; exec "$@"`,
		"apt-get": `echo "$@" >>` + asked + `; case "$*" in install*tree) touch ` + there + ` ;; *) echo "no such thing"; exit 100 ;; esac`,
	})
	for range 2 { // the second time it is there
		if out, err := exec.Command("bash", "../../.ci/need", "Xylem is a tree", "test -e "+there, "tree").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	said, err := os.ReadFile(asked)
	if err != nil {
		t.Fatal(err)
	}
	// An apt that is at work is waited for.
	if text := string(said); strings.Count(text, "install -q") != 1 || !strings.Contains(text, " -o DPkg::Lock::Timeout=") {
		t.Errorf("apt-get was asked\n%s", text)
	}
	out, err := exec.Command("bash", "../../.ci/need", "Xylem is a forest", "false", "forest").CombinedOutput()
	if want := "no such thing\nneed: Xylem is a forest, as Debian and Ubuntu package it, and it could not be installed from here: " +
		"as root, do apt-get install --no-install-recommends forest\n"; err == nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("need said %q (%v), want %q", out, err, want)
	}
}
