package vagrant_test

import (
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
		{"XYLEM_TREE_ROOT=", "status"},
		{"XYLEM_TREE_DEPTH=1", "up"},
		{"", "destroy -f"},
	} {
		c.env = append(c.env, step.variable)
		c.mark("record", c.recorded()+strings.TrimLeft(step.variable+" ", " ")+"vagrant "+step.command+"\n")
		c.must(strings.Fields(step.command)...)
	}
	options := regexp.MustCompile(`(?m)^  .*\n`)
	compare(t, "changes.txt", options.ReplaceAllString(c.recorded(), ""))
}

func TestUpRefusesInOneLine(t *testing.T) {
	for _, wrong := range []struct {
		name, configuration, mark, says string
	}{
		{"depth", "tree: {depth: 17}", "", `own.yaml: tree.depth is "17": allowed is 1 to 16`},
		{"root", "tree: {depth: 2, root: 4}", "", `own.yaml: tree.root is "4": allowed is 1 to 3`},
		{"delay", "tree: {startup_delay: soon}", "", `own.yaml: tree.startup_delay is "soon": allowed is a duration such as 500ms or 1s`},
		{"subnet", "deployment: {subnet: 10.0.1.7/24}", "", `own.yaml: deployment.subnet is "10.0.1.7/24": allowed is an IPv4 network of 8 to 28 bits, such as 10.0.1.0/24`},
		{"room", "tree: {depth: 8}", "", `deployment.subnet is "10.0.1.0/24": it has room for 244 nodes, and depth 8 has 255`},
		{"own ports", "api: {host_port_base: 2195}", "", `own.yaml: api.host_port_base is "2195": port 2201 on the host is that of NODE-1 and of NODE-6: ssh has 2200 to 2207`},
		{"yaml", "tree: {depth: 2", "", `own.yaml: is not valid YAML: `},
		{"no keys", "hello", "", `own.yaml: is no configuration: the keys are missing`},
		{"port", "", "taken-5003", `Port 5003 of 127.0.0.1, which NODE-3 needs for its API, is taken: `},
		{"ssh", "", "taken-2200", `Port 2200 of 127.0.0.1, which cli needs for its ssh, is taken: `},
		{"engine", "", "broken", "Docker does not answer: `deployments/engine start` starts it. It says: Cannot connect to the Docker daemon"},
		{"stranger", "", "strangers", "A container NODE-2 is there already, and not of this checkout: "},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			t.Parallel()
			c := newCheckout(t)
			c.configure(wrong.configuration)
			if wrong.mark != "" {
				c.mark(wrong.mark, "0123456789ab NODE-2\n")
			}
			shown, err := c.vagrant("up")
			if err == nil {
				t.Fatalf("vagrant up succeeded:\n%s", shown)
			}
			var refusal []string
			for _, line := range strings.Split(strings.TrimSpace(shown), "\n") {
				if !strings.HasPrefix(line, "Bringing machine") && !strings.HasPrefix(line, "==> zookeeper: Running ") {
					refusal = append(refusal, line)
				}
			}
			if len(refusal) != 1 || !strings.Contains(refusal[0], wrong.says) {
				t.Errorf("not one line with %q:\n%s", wrong.says, strings.Join(refusal, "\n"))
			}
			if done := c.recorded(); done != "" {
				t.Errorf("something was made:\n%s", done)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		t.Parallel()
		c := newCheckout(t)
		c.env = append(c.env, "XYLEM_CONFIG=nowhere.yaml")
		shown, err := c.vagrant("status")
		if err == nil || !strings.Contains(shown, "nowhere.yaml: cannot be read (ENOENT)") || strings.Count(shown, "\n") != 1 {
			t.Errorf("vagrant status: %v\n%s", err, shown)
		}
	})
}
