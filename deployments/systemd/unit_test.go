// Package systemd holds the unit against systemd's own tools. What it does for real is tried in deployments/trial.
package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	unit = "xylem@.service"
	// exposure is the most that `systemd-analyze security` may say, in tenths. It says 1.1 in release 252; others count
	// a little differently.
	exposure = "15"
)

// analyze runs systemd-analyze on a unit, with the program that it starts replaced by one that is there.
func analyze(t *testing.T, text string, args ...string) (said string, err error) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Fatal("systemd-analyze is missing, which checks the unit: apt-get install --no-install-recommends systemd")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), unit)
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "/usr/local/bin/xylem ", program+" ")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", append(args, name)...).CombinedOutput()
	return string(out), err
}

func verify(t *testing.T, text string) (string, error) {
	t.Helper()
	return analyze(t, text, "verify", "--man=no")
}

func secure(t *testing.T, text string) (string, error) {
	t.Helper()
	return analyze(t, text, "security", "--offline=yes", "--no-pager", "--threshold="+exposure)
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestUnitIsWhatSystemdTakes(t *testing.T) {
	// What systemd does not know it only mentions, and goes on.
	if said, err := verify(t, read(t)); err != nil || strings.Contains(said, unit) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
}

func TestUnitIsHardened(t *testing.T) {
	if said, err := secure(t, read(t)); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, said)
	}
}

// TestMistakesAreFound plants a mistake for each tool.
func TestMistakesAreFound(t *testing.T) {
	text := read(t)
	for _, mistake := range [][2]string{
		{"ProtectHome=", "ProtectHouse="},
		{"TimeoutStopSec=30", "TimeoutStopSec=long"},
		{"SystemCallFilter=@system-service", "SystemCallFilter=@system-services"},
	} {
		wrong := strings.Replace(text, mistake[0], mistake[1], 1)
		if said, err := verify(t, wrong); wrong == text || err == nil && !strings.Contains(said, unit) {
			t.Errorf("%s: nothing found: %s", mistake[1], said)
		}
	}
	lax := strings.Replace(text, "CapabilityBoundingSet=\n", "", 1)
	if said, err := secure(t, lax); lax == text || err == nil {
		t.Errorf("all capabilities: nothing found: %s", said)
	}
}
