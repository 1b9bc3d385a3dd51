//go:build engine

package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a container needs to be a machine that systemd runs: all that --privileged gives but SYS_RESOURCE, which not
// every host of an engine has to give. The control groups are the host's: systemd makes its own below the container's.
var asMachine = []string{
	"--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
	"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
	"--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup",
	"--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp", "--env", "container=docker",
}

const (
	machineImage   = "xylem/trial-systemd"
	machineNetwork = "xylem-trial-systemd"
	machineLabel   = "xylem.trial=systemd"
)

// machine is a container in which systemd runs NODE-k.
type machine struct {
	t *testing.T
	k int
}

// TestSystemd installs the unit on three machines as docs/deploy-systemd.md says, and has a node crash, stop, refuse its
// configuration and be restored.
func TestSystemd(t *testing.T) {
	began := time.Now()
	phase := func(name string) {
		t.Logf("%5.1f s  %s", time.Since(began).Seconds(), name)
		began = time.Now()
	}
	t.Chdir("../..")
	run(t, "make", "build")
	buildMachine(t)
	phase("binary and image")

	sweep(t)
	t.Cleanup(func() { sweep(t) })
	run(t, "docker", "network", "create", "--label", machineLabel, machineNetwork)
	files := t.TempDir()
	machines := []*machine{{t, 1}, {t, 2}, {t, 3}}
	write(t, filepath.Join(files, "tree.yaml"), "tree: {depth: 2, startup_delay: 0s}\nclient: {url: 'http://NODE-{id}:{api.port}'}\n")
	write(t, filepath.Join(files, "cluster.secret"), "the secret of this trial, and of no other\n")
	for _, m := range machines {
		m.boot()
		m.install(files)
	}
	machines[2].sh(`echo "XYLEM_NODE_ADVERTISE=http://$(hostname -i):5000" > /etc/xylem/node.env`)
	for _, m := range machines {
		m.sh("systemctl enable --now xylem@%d", m.k)
	}
	for _, m := range machines {
		m.awaitReady()
	}
	phase("three machines, up")

	machines[2].awaitSays(`200 {"key":"greeting","value":"hello"`, "xylem put 3 greeting hello")
	machines[1].awaitSays("3 nodes are equal", "xylem status")
	machines[1].awaitSays(`200 {"key":"greeting","value":"hello"`, "xylem get 2 greeting")
	if advertised := machines[0].sh("xylem nodes"); !strings.Contains(advertised, "http://"+strings.TrimSpace(machines[2].sh("hostname -i"))+":5000") {
		t.Errorf("NODE-3 does not advertise what its node.env says:\n%s", advertised)
	}
	machines[2].confined()
	phase("written, read, confined")

	machines[0].crash()
	machines[0].restart()
	phase("crashed, stopped, started")
	machines[1].refuse()
	phase("a wrong configuration refused")
	restore(machines)
	phase("restored from a backup")
}

// buildMachine makes the image of the machines. It stays: it has some 20 MB that are not the base's, and saves the next
// trial a network and the packages. What it replaces goes, for that would keep the whole of a former base.
func buildMachine(t *testing.T) {
	run(t, "deployments/docker/base")
	t.Setenv("DOCKER_BUILDKIT", "0")
	run(t, "docker", "build", "--quiet", "--network", "host", "--build-arg", "http_proxy", "--build-arg", "https_proxy",
		"--label", machineLabel, "--tag", machineImage, "deployments/trial/testdata/systemd")
	run(t, "docker", "image", "prune", "--force", "--filter", "label="+machineLabel)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) container() string { return fmt.Sprintf("xylem-trial-systemd-%d", m.k) }

// boot starts the machine and waits until systemd says that it runs.
func (m *machine) boot() {
	name := fmt.Sprintf("NODE-%d", m.k)
	logOnFailure(m.t, "the journal of "+name, "docker", "exec", m.container(), "journalctl", "--no-pager", "--lines", "40", "--unit", fmt.Sprintf("xylem@%d", m.k))
	args := append([]string{
		"run", "--detach", "--label", machineLabel, "--name", m.container(), "--hostname", name,
		"--network", machineNetwork, "--network-alias", name,
	}, asMachine...)
	run(m.t, "docker", append(args, machineImage)...)
	m.awaitSays("up", "systemctl is-active --quiet multi-user.target && echo up")
}

// install puts what the page says to where it says.
func (m *machine) install(files string) {
	for from, to := range map[string]string{
		"bin/xylem":                            "/root/xylem",
		"deployments/systemd/xylem@.service":   "/root/xylem@.service",
		filepath.Join(files, "tree.yaml"):      "/root/tree.yaml",
		filepath.Join(files, "cluster.secret"): "/root/cluster.secret",
	} {
		run(m.t, "docker", "cp", from, m.container()+":"+to)
	}
	m.sh(`cd /root
		install -m 755 xylem /usr/local/bin/
		install -m 644 xylem@.service /etc/systemd/system/
		install -d /etc/xylem
		install -m 644 tree.yaml /etc/xylem/
		install -m 600 cluster.secret /etc/xylem/
		systemctl daemon-reload`)
}

// sh runs a script on the machine and returns what it printed.
func (m *machine) sh(script string, args ...any) string {
	m.t.Helper()
	return run(m.t, "docker", "exec", "--env", "XYLEM_CONFIG=/etc/xylem/tree.yaml", m.container(), "bash", "-euc", fmt.Sprintf(script, args...))
}

// awaitSays waits until a script prints what is wanted. It may fail until then.
func (m *machine) awaitSays(want, script string, args ...any) {
	m.t.Helper()
	await(m.t, fmt.Sprintf("NODE-%d says %s", m.k, want), func() error {
		if said := m.sh("{ "+script+"; } 2>&1 || true", args...); !strings.Contains(said, want) {
			return fmt.Errorf("it says %s", said)
		}
		return nil
	})
}

func (m *machine) awaitReady() {
	m.t.Helper()
	m.awaitSays("ready", "xylem ready")
}

// property is one of the unit's, as ActiveState.
func (m *machine) property(name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.sh("systemctl show --value --property %s xylem@%d", name, m.k))
}

// confined looks at whether what the unit forbids is forbidden in the process that runs.
func (m *machine) confined() {
	status := m.sh("cat /proc/%s/status", m.property("MainPID"))
	for _, want := range []string{"CapBnd:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want) {
			m.t.Errorf("the process has not %q:\n%s", want, status)
		}
	}
	if strings.Contains(status, "Uid:\t0\t") {
		m.t.Error("the process runs as root")
	}
	if open := m.sh("stat --format '%%a %%U' /etc/xylem/cluster.secret"); strings.TrimSpace(open) != "600 root" {
		m.t.Errorf("the secret is %s", open)
	}
}

// crash kills the process, and waits until the unit has started another that has the data.
func (m *machine) crash() {
	former := m.property("MainPID")
	m.sh("kill -9 %s", former)
	await(m.t, "the node is started again", func() error {
		if now := m.property("MainPID"); now == former || now == "0" {
			return fmt.Errorf("the process is %s, and was %s", now, former)
		}
		return nil
	})
	m.awaitReady()
	m.awaitSays(`200 {"key":"greeting","value":"hello"`, "xylem get %d greeting", m.k)
}

// restart stops the node, gracefully, and starts it again.
func (m *machine) restart() {
	m.sh("systemctl stop xylem@%d", m.k)
	if state, result := m.property("ActiveState"), m.property("Result"); state != "inactive" || result != "success" {
		m.t.Errorf("the stopped node is %s, %s", state, result)
	}
	m.sh("systemctl start xylem@%d", m.k)
	m.awaitReady()
	m.awaitSays(`200 {"key":"again"`, "xylem put %d again and-again", m.k)
}

// refuse has the node refuse its configuration, until that is mended.
func (m *machine) refuse() {
	m.sh("echo XYLEM_TREE_DEPTH=99 > /etc/xylem/node.env; systemctl restart xylem@%d || true", m.k)
	m.awaitSays(`XYLEM_TREE_DEPTH: tree.depth is "99"`, "journalctl --no-pager --unit xylem@%d", m.k)
	m.sh("rm /etc/xylem/node.env")
	m.awaitReady()
}

// restore sets the tree back to a backup, as the page says.
func restore(machines []*machine) {
	root := machines[0]
	root.sh("cd /root; xylem backup 1 monday.xylem; xylem put 1 greeting gone")
	for _, m := range machines {
		m.sh("systemctl stop xylem@%d; rm -r /var/lib/xylem/NODE-%d", m.k, m.k)
	}
	root.sh(`cd /root
		xylem restore monday.xylem --data-dir /var/lib/xylem
		chown -R --reference=/var/lib/xylem/. /var/lib/xylem/NODE-1`)
	for _, m := range machines {
		m.sh("systemctl start xylem@%d", m.k)
	}
	for _, m := range machines {
		m.awaitReady()
		m.awaitSays(`200 {"key":"greeting","value":"hello"`, "xylem get %d greeting", m.k)
	}
}
