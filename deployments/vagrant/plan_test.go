package vagrant_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestUpStartsWhatTheConfigurationSays(t *testing.T) {
	for _, tree := range []struct{ golden, configuration string }{
		{"depth-1.txt", "tree: {depth: 1, startup_delay: 0s}"},
		{"depth-2.txt", "tree: {depth: 2, startup_delay: 0s}"},
		{"depth-3.txt", "tree: {startup_delay: 0s}"},
		{"root-3.txt", "tree: {depth: 2, root: 3, startup_delay: 0s}\napi: {port: 7000, host_port_base: 15000}\n" +
			"deployment: {subnet: 172.30.0.0/16, zookeeper_image: zookeeper:3.9}"},
	} {
		t.Run(tree.golden, func(t *testing.T) {
			t.Parallel()
			c := newCheckout(t)
			c.configure(tree.configuration)
			c.must("up")
			compare(t, tree.golden, c.recorded())
		})
	}
}

// TestChangesTakeEffectWithTheNextUp goes through the life of a deployment. Of the containers that are made
// only the names are compared here.
func TestChangesTakeEffectWithTheNextUp(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	for _, step := range []struct{ variable, command string }{
		{"XYLEM_TREE_STARTUP_DELAY=0s", "validate"},
		{"XYLEM_TREE_DEPTH=2", "up"},
		{"", "up"},
		{"XYLEM_TREE_ROOT=2", "up"},
		{"", "halt"},
		{"", "up"},
		{"", "destroy -f NODE-3"},
		{"", "status"},
		{"XYLEM_TREE_ROOT=", "up /NODE-[13]/"},
		{"XYLEM_TREE_DEPTH=1", "up"},
		{"", "destroy -f"},
	} {
		c.env = append(c.env, step.variable)
		c.mark("record", c.recorded()+strings.TrimLeft(step.variable+" ", " ")+"vagrant "+step.command+"\n")
		shown := c.must(strings.Fields(step.command)...)
		c.mark("record", c.recorded()+strings.Join(removals.FindAllString(shown, -1), ""))
		if step.command == "destroy -f NODE-3" {
			c.move() // and knows its own things still
		}
	}
	options := regexp.MustCompile(`(?m)^  .*\n`)
	compare(t, "changes.txt", options.ReplaceAllString(c.recorded(), ""))
}

// removals are the lines that say which containers go, and why.
var removals = regexp.MustCompile(`(?m)^(removing|making anew) .*\n`)

// TestDestroyTakesWhatVagrantLostTrackOf has Vagrant forget its containers, and not know one yet when it was
// killed while that was made. Who wants to be asked loses nothing.
func TestDestroyTakesWhatVagrantLostTrackOf(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.configure("tree: {depth: 1, startup_delay: 0s}")
	for _, lost := range []struct {
		lose func(state string) error
		says string // without -f
	}{
		{os.RemoveAll, "NODE-1 is there, and Vagrant lost track of it: `vagrant destroy -f` removes it\n"},
		{func(state string) error {
			return os.WriteFile(filepath.Join(state, "machines/NODE-1/docker/id"), []byte("preparing"), 0o600)
		}, "TTY"}, // it asks, and there is nobody
	} {
		c.must("up")
		if err := lost.lose(filepath.Join(c.folder, ".vagrant")); err != nil {
			t.Fatal(err)
		}
		before := c.recorded()
		if shown, _ := c.vagrant("destroy", "NODE-1"); !strings.Contains(shown, lost.says) {
			t.Errorf("not %q:\n%s", lost.says, shown)
		}
		if after := c.recorded(); after != before {
			t.Errorf("destroyed without -f:\n%s", strings.TrimPrefix(after, before))
		}
		if shown := c.must("destroy", "-f"); !strings.Contains(shown, "removing NODE-1, which Vagrant lost track of\n") {
			t.Errorf("removed without a word:\n%s", shown)
		}
		containers, err := os.ReadDir(filepath.Join(c.engine, "containers"))
		left := read(t, filepath.Join(c.engine, "networks")) + read(t, filepath.Join(c.engine, "volumes"))
		if err != nil || len(containers) > 0 || left != "" {
			t.Errorf("left: %v %v %s", err, containers, left)
		}
	}
}

// plan makes the plan alone, or says in one line why there is none.
const plan = "begin; Xylem::Plan.new(Dir.pwd, ENV); rescue Xylem::Problem => e; abort e.message; end"

func TestConfigurationsAreRefusedInOneLine(t *testing.T) {
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Fatal("ruby is missing, which comes with the package vagrant: apt-get install --no-install-recommends vagrant")
	}
	c := newCheckout(t)
	for _, wrong := range []struct{ configuration, says string }{
		{"tree: {depth: 17}", `own.yaml: tree.depth is "17": allowed is 1 to 16`},
		{"tree: {depth: 2, root: 4}", `own.yaml: tree.root is "4": allowed is 1 to 3`},
		{"tree: {startup_delay: soon}", `own.yaml: tree.startup_delay is "soon": allowed is a duration such as 500ms or 1s`},
		{"deployment: {subnet: 10.0.1.7/24}", `own.yaml: deployment.subnet is "10.0.1.7/24": allowed is an IPv4 network of 8 to 28 bits, such as 10.0.1.0/24`},
		{"deployment: {subnet: fd00::/24}", `own.yaml: deployment.subnet is "fd00::/24": allowed is an IPv4 network`},
		{"deployment: {subnet: 10.0.1.0}", `own.yaml: deployment.subnet is "10.0.1.0": allowed is an IPv4 network`},
		{"deployment: {subnet: nowhere}", `own.yaml: deployment.subnet is "nowhere": allowed is an IPv4 network`},
		{"tree: {depth: 8}", `deployment.subnet is "10.0.1.0/24": it has room for 244 nodes, and depth 8 has 255`},
		{"api: {host_port_base: 2195}", `own.yaml: api.host_port_base is "2195": port 2201 on the host is that of NODE-1 and of NODE-6: ssh has 2200 to 2207`},
		{"tree: {depth: 2", `own.yaml:1: is not valid YAML, here or just after: did not find expected ',' or '}'`},
		{"hello", `own.yaml: is no configuration: the keys are missing`},
		{"tree: {dept: 2}", `own.yaml: unknown key "tree.dept": configs/tree.yaml has them all`},
		{"tree: {depth: {size: 2}}", `own.yaml: unknown key "tree.depth.size": `},
	} {
		c.configure(wrong.configuration)
		if shown, err := c.run("ruby", "-r./deployments/vagrant/plan", "-e", plan); err == nil || !oneLine(shown, wrong.says) {
			t.Errorf("%s: %v, not one line with %q:\n%s", wrong.configuration, err, wrong.says, shown)
		}
	}
	c.env = append(c.env, "XYLEM_CONFIG=nowhere.yaml")
	if shown, err := c.vagrant("status"); err == nil || !oneLine(shown, "nowhere.yaml: there is no such file: XYLEM_CONFIG names") {
		t.Errorf("vagrant status without the file: %v\n%s", err, shown)
	}
}

func TestUpRefusesInOneLine(t *testing.T) {
	const upTakesIn = "`vagrant up` takes in changes, and starts what does not run"
	for _, wrong := range []struct {
		name, command, mark, content, says string
	}{
		{"port", "up", "taken-5003", "", "Port 5003 of 127.0.0.1, which NODE-3 needs for its API, is taken: "},
		{"ssh", "up", "taken-2200", "", "Port 2200 of 127.0.0.1, which cli needs for its ssh, is taken: "},
		{"engine", "up", "broken", "", "Docker does not answer: `deployments/engine start` starts it. It says: Cannot connect to the Docker daemon"},
		{"container", "up", "strangers", "0123456789ab NODE-2\n", "A container NODE-2 is there already, and not of this checkout: "},
		{"volume", "up", "volumes", "xylem-NODE-2 another\n", "A volume xylem-NODE-2 is there already, and not of this checkout: "},
		{"network", "up", "networks", "xylem 10.7.0.0/16 another\n", "A network xylem is there already, and not of this checkout: "},
		{
			"subnet", "up", "networks", "none\nsix fd00::/64 -\nfar 10.7.0.0/16 -\nnear 10.0.0.0/16 -\n",
			`deployment.subnet is "10.0.1.0/24": Docker's network near has 10.0.0.0/16 already: choose another subnet`,
		},
		{"reload", "reload", "", "", upTakesIn},
		{"elsewhere", "status", "broken", "", "Docker does not answer: start the engine at DOCKER_HOST, or unset it. It says: Cannot connect"},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			t.Parallel()
			c := newCheckout(t)
			if wrong.name == "elsewhere" {
				c.env = append(c.env, "DOCKER_HOST=tcp://127.0.0.1:1")
			}
			if wrong.mark != "" {
				c.mark(wrong.mark, wrong.content)
			}
			shown, err := c.vagrant(wrong.command)
			refusal := announcements.ReplaceAllString(shown, "")
			if err == nil || !oneLine(refusal, wrong.says) {
				t.Errorf("vagrant %s: %v, not one line with %q:\n%s", wrong.command, err, wrong.says, refusal)
			}
			if done := c.recorded(); done != "" {
				t.Errorf("something was made:\n%s", done)
			}
		})
	}
}

// TestOneMachineCannotChangeTheSubnet has the others stay where they are.
func TestOneMachineCannotChangeTheSubnet(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.configure("tree: {depth: 1}")
	c.must("up")
	before := c.recorded()
	c.env = append(c.env, "XYLEM_DEPLOYMENT_SUBNET=10.8.0.0/24")
	shown, err := c.vagrant("up", "cli")
	const says = "deployment.subnet was 10.0.1.0/24 and is 10.8.0.0/24, for all containers alike: `vagrant up` without names takes that in"
	if err == nil || !oneLine(announcements.ReplaceAllString(shown, ""), says) {
		t.Errorf("vagrant up cli: %v\n%s", err, shown)
	}
	if after := c.recorded(); after != before {
		t.Errorf("something was made or removed:\n%s", strings.TrimPrefix(after, before))
	}
}

// announcements are the lines in which Vagrant says what it is about to do.
var announcements = regexp.MustCompile(`(?m)^(Bringing machine|==> \S+: Running ).*\n`)

func oneLine(shown, says string) bool {
	return strings.Count(shown, "\n") == 1 && strings.Contains(shown, says)
}
