package configs_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"xylem/configs"
)

// refused loads a source that must be refused with one problem whose text ends
// as wanted.
func refused(t *testing.T, source configs.Source, want string) {
	t.Helper()
	_, err := configs.Load(source)
	if !errors.Is(err, configs.ErrInvalid) {
		t.Fatalf("error is %v, want an ErrInvalid that ends in %q", err, want)
	}
	if text := err.Error(); strings.Count(text, "\n") != 1 || !strings.Contains(text, want) {
		t.Errorf("got\n%s\nwant one problem with %q", text, want)
	}
}

func TestRefusedFiles(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"unknown section", "synk: {}\n", `:1: unknown key "synk": allowed are the sections api, auth, `},
		{"unknown key deep down", "coordinator:\n  zookeeper:\n    hosts: a\n", `:3: unknown key "coordinator.zookeeper.hosts": allowed in coordinator.zookeeper are credentials, credentials_file, namespace, servers`},
		{"capitals", "Sync: {}\n", `:1: unknown key "Sync"`},
		{"capitals in a key", "sync: {Eager: true}\n", `:1: unknown key "sync.Eager": allowed is sync.eager`},
		{"dots", "sync.eager: true\n", `:1: "sync.eager" has a dot in it: write its last part under its section`},
		{"underscore for a dot", "sync_eager: true\n", `allowed is sync.eager`},
		{"merge key", "a: &a {}\n", `unknown key "a"`},
		{"duplicate key", "sync:\n  eager: true\n  fanout: tree\n  eager: false\n", ":4: sync.eager stands here again, after line 2: allowed is once"},
		{"duplicate section", "sync: {}\ntree: {}\nsync: {}\n", ":3: sync stands here again, after line 1"},
		{"scalar for a section", "tree: {}\nsync: hunter2\n", ":2: sync is a single value, not a section: allowed in sync are eager,"},
		{"list for a section", "sync: [1]\n", ":1: sync is a list, not a section"},
		{"list for the file", "- 1\n", ":1: the file is a list, not a section: allowed are the sections"},
		{"list for a key", "sync: [eager]: true\n", "is not valid YAML"},
		{"key that is a list", "? [a]\n: 1\n", ":1: a list stands where a key should"},
		{"list for a scalar", "sync:\n  eager: [true]\n", ":2: sync.eager is a list: allowed is text, a number, or true or false"},
		{"section for a scalar", "tree: {depth: {is: 3}}\n", ":1: tree.depth is a section"},
		{"list in a list", "coordinator: {zookeeper: {servers: [[a]]}}\n", ":1: coordinator.zookeeper.servers has more in it than text"},
		{"cyclic alias", "coordinator: {zookeeper: {servers: &s [*s]}}\n", ":1: coordinator.zookeeper.servers has more in it"},
		{"no value", "data:\n  dir:\n", `:2: data.dir has no value: give it one ("" for none), or remove the line`},
		{"two documents", "tree: {}\n---\nsync: {}\n", ":2: a second document begins: allowed is one"},
		{"syntax", "tree:\n  depth: 3\n\tx: 1\n", ":2: is not valid YAML, here or just after: found a tab character that violates indentation"},
		{"syntax on the first line", "tree: depth: 3\n", ":1: is not valid YAML, here or just after: mapping values are not allowed in this context"},
		{"lost anchor", "tree: {depth: 3}\nsync: {eager: *no}\n", ":2: is not valid YAML, here or just after: unknown anchor 'no' referenced"},
		{"no text", "tree: {}\nlog: {level: \xff}\n", ":2: is not valid YAML, here or just after: "},
		{"secret in the file", "auth:\n  cluster_secret: hunter2hunter2hunter2\n", ":2: auth.cluster_secret must not stand in a file: set XYLEM_AUTH_CLUSTER_SECRET, or auth.cluster_secret_file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.content)
			refused(t, configs.Source{Path: path}, test.want)
			if _, err := configs.Load(configs.Source{Path: path}); strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats what may be a secret:\n%v", err)
			}
		})
	}
}

func TestRefusedPaths(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no.yaml")
	refused(t, configs.Source{Path: missing}, missing+": there is no such file: give --config or XYLEM_CONFIG the path of a YAML file")
	refused(t, configs.Source{Path: t.TempDir()}, "cannot be read: ")
}

func TestRefusedVariables(t *testing.T) {
	tests := []struct{ pair, want string }{
		{"XYLEM_SYNC=x", "XYLEM_SYNC: names a section"},
		{"XYLEM_COORDINATOR_ZOOKEEPER=a:1", "XYLEM_COORDINATOR_ZOOKEEPER: names a section, not a key: allowed are XYLEM_COORDINATOR_ZOOKEEPER_CREDENTIALS"},
		{"XYLEM_SYNC_SHEDULE=hunter2", "XYLEM_SYNC_SHEDULE: unknown key: allowed are XYLEM_SYNC_EAGER"},
		{"XYLEM_SYNC_schedule=x", "XYLEM_SYNC_schedule: unknown key"},
		{"XYLEM_SECRET=hunter2", "XYLEM_SECRET: unknown key: allowed is XYLEM_SECTION_KEY, where the sections api, auth,"},
		{"XYLEM_=x", "XYLEM_: unknown key"},
		{"XYLEM_PORT=tcp://10.0.0.1:5000", "XYLEM_PORT: unknown key: it looks like one that Kubernetes makes"},
		{"XYLEM_PORT_5000_TCP_ADDR=10.0.0.1", "enableServiceLinks: false"},
		{"XYLEM_ROOT_SERVICE_HOST=10.0.0.1", "enableServiceLinks: false"},
		{"XYLEM_AUTH_CLUSTER_SECRET=hunter2", "XYLEM_AUTH_CLUSTER_SECRET: auth.cluster_secret: too short: allowed are at least 16 bytes"},
		{"XYLEM_API_PORT=abc", `XYLEM_API_PORT: api.port is "abc"`},
	}
	for _, test := range tests {
		t.Run(test.pair, func(t *testing.T) {
			source := configs.Source{Path: "tree.yaml", Environ: []string{test.pair}}
			refused(t, source, test.want)
			if _, err := configs.Load(source); strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats what may be a secret:\n%v", err)
			}
		})
	}
}

func TestRefusedValues(t *testing.T) {
	const pairs = "allowed are host:port pairs"
	const base = "allowed is a URL of scheme, host and port"
	tests := []struct {
		key   string
		value any
		want  string
	}{
		{"tree.depth", "", `tree.depth is "": allowed is a whole number from 1 to 16`},
		{"tree.depth", 0, `is "0"`},
		{"tree.depth", 3.0, "tree.depth is a float64: allowed is text, a number"},
		{"tree.depth", nil, "tree.depth is a <nil>"},
		{"tree.depth", "0x3", "allowed is a whole number"},
		{"tree.root", 8, `tree.root is "8": allowed is 1 to 7, the nodes of a tree of depth 3`},
		{"tree.startup_delay", "-1s", "allowed is a duration from 0s to 10m0s, with its unit, as in 500ms"},
		{"tree.startup_delay", "5", `is "5": allowed is a duration`},
		{"api.host_port_base", 65530, "allowed is 0 to 65528, so that each of 7 nodes gets a port"},
		{"api.max_value_bytes", "65MiB", "allowed are 1B to 64MiB, as bytes or with a unit"},
		{"api.max_value_bytes", "1MB", "allowed are 1B to 64MiB"},
		{"api.max_value_bytes", "9223372036854775807KiB", "allowed are"},
		{"writes.queue_max_bytes", "1.5GiB", "allowed are 1KiB to 1TiB"},
		{"writes.queue_max_bytes", "-1KiB", "allowed are 1KiB to 1TiB"},
		{"sync.eager", "yes", `sync.eager is "yes": allowed is true or false`},
		{"sync.eager", "True", "allowed is true or false"},
		{"sync.schedule", " ", `sync.schedule is " ": allowed is a cron expression`},
		{"sync.verify", "", "allowed is a cron expression"},
		{"sync.fanout", "Tree", "allowed is direct or tree"},
		{"log.format", strings.Repeat("x", 1000), strings.Repeat("x", 80) + `"...: allowed is text or json`},
		{"data.dir", "a\x00b", "allowed is a path, which has no NUL in it"},
		{"coordinator.kind", "zookeeper", "coordinator.zookeeper.servers is \"\": at least one host:port is needed when coordinator.kind is zookeeper"},
		{"coordinator.zookeeper.servers", "a:b", pairs},
		{"coordinator.zookeeper.servers", ":2181", pairs},
		{"coordinator.zookeeper.servers", "::1", pairs},
		{"coordinator.zookeeper.servers", "zk:2181/x", pairs},
		{"coordinator.zookeeper.servers", "zk1 zk2", pairs},
		{"coordinator.zookeeper.namespace", "xylem", "allowed is a path as in /xylem"},
		{"coordinator.zookeeper.namespace", "/", "without a slash at its end"},
		{"coordinator.zookeeper.namespace", "/a/../b", "allowed is a path as in"},
		{"coordinator.zookeeper.namespace", "/zookeeper/a", "not /zookeeper"},
		{"client.url", "http://{host}", "allowed between braces are only {id}, {ordinal}, {root}, {api.port}, {host_port}"},
		{"client.url", "http://{id", "allowed between braces are only"},
		{"client.url", "http://id}", "allowed between braces are only"},
		{"client.url", "http://h:7{host_port}", "has a port out of range: " + base},
		{"client.url", "http://h/{id}", "has more than a host and port: " + base},
		{"client.url", "http://h?x", "has more than a host and port: " + base},
		{"client.url", "http://u:hunter2@h", "client.url: must not have a user or password in it"},
		{"node.advertise", "NODE-{id}:5000", base},
		{"node.advertise", "http://NODE {id}", base},
		{"tree.root_url", "", base},
		{"node.listen", "5000", "allowed is host:port, as in :5000 or 127.0.0.1:5000"},
		{"node.listen", ":0", "allowed is host:port"},
		{"deployment.subnet", "10.0.1.7/24", `is "10.0.1.7/24": allowed is an IPv4 network of 8 to 28 bits`},
		{"deployment.subnet", "fd00::/64", "allowed is an IPv4 network"},
		{"deployment.subnet", "10.0.1.0/30", "allowed is an IPv4 network"},
		{"deployment.base_image", "", "allowed is the name of an image"},
		{"deployment.zookeeper_image", "zoo keeper", "allowed is the name of an image"},
		{"deployment.zookeeper_image", "--privileged", "allowed is the name of an image"},
		{"auth.cluster_secret", "hunter2", "auth.cluster_secret: too short"},
	}
	for _, test := range tests {
		t.Run(test.key, func(t *testing.T) {
			source := configs.Source{Path: "tree.yaml", Overrides: map[string]any{test.key: test.value}}
			refused(t, source, test.want)
			if _, err := configs.Load(source); strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats what may be a secret:\n%v", err)
			}
		})
	}
}
