package configs_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"xylem/configs"
)

// write puts a file into a directory of the test's own.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tree.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load is Load where it must succeed.
func load(t *testing.T, source configs.Source) configs.Config {
	t.Helper()
	config, err := configs.Load(source)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return config
}

func TestTreeYAMLHasTheDefaults(t *testing.T) {
	if got := load(t, configs.Source{Path: "tree.yaml"}); !reflect.DeepEqual(got, configs.Default()) {
		t.Errorf("tree.yaml says\n%+v\nDefault says\n%+v", got, configs.Default())
	}
}

func TestFileIsFoundOrBuiltIn(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := load(t, configs.Source{}); !reflect.DeepEqual(got, configs.Default()) {
		t.Errorf("without a file: %+v, want Default", got)
	}
	if err := os.Mkdir("configs", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(configs.DefaultPath, []byte("tree: {depth: 5}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := load(t, configs.Source{}); got.Tree.Depth != 5 {
		t.Errorf("depth %d, want 5 from %s", got.Tree.Depth, configs.DefaultPath)
	}
	if got := load(t, configs.Source{Path: write(t, "tree: {depth: 6}")}); got.Tree.Depth != 6 {
		t.Errorf("depth %d, want 6 from the file that was asked for", got.Tree.Depth)
	}
}

func TestTheEnvironmentNamesTheFile(t *testing.T) {
	named, asked := write(t, "tree: {depth: 6}"), write(t, "tree: {depth: 2}")
	environ := []string{"XYLEM_CONFIG=" + named, "XYLEM_TREE_ROOT=3"}
	if got := load(t, configs.Source{Environ: environ}).Tree; got.Depth != 6 || got.Root != 3 {
		t.Errorf("%+v, want depth 6 from the file and root 3 from the environment", got)
	}
	if got := load(t, configs.Source{Environ: environ, Path: asked}).Tree; got.Depth != 2 {
		t.Errorf("depth %d, want 2 from the file that was asked for", got.Depth)
	}
	if got := load(t, configs.Source{Environ: []string{"XYLEM_CONFIG="}}).Tree; got.Depth != 3 {
		t.Errorf("depth %d, want the default: an empty variable counts as not set", got.Depth)
	}
}

func TestValuesAreWhatIsLoaded(t *testing.T) {
	values := configs.Values(configs.Source{
		Path: write(t, "tree: {depth: 6}"), Overrides: map[string]any{"sync.eager": false},
		Environ: []string{"XYLEM_COORDINATOR_ZOOKEEPER_SERVERS=a,b", "XYLEM_AUTH_CLUSTER_SECRET=0123456789abcdef"},
	})
	got := map[string]string{}
	for _, v := range values {
		got[v.Key] = v.Text
	}
	for key, want := range map[string]string{
		"tree.depth": "6", "tree.root": "1", "sync.eager": "false", "deployment.subnet": "10.0.1.0/24",
		"coordinator.zookeeper.servers": "a,b", "data.dir": "",
	} {
		if text, there := got[key]; !there || text != want {
			t.Errorf("%s is %q, want %q", key, text, want)
		}
	}
	if _, there := got["auth.cluster_secret"]; there {
		t.Error("a secret is among the values")
	}
}

// everyKey has a value for each key that is not its default.
const everyKey = `
tree: {depth: 4, root: 15, startup_delay: 2s, root_url: "https://root{root}:{host_port}/"}
node: {listen: "[::1]:{host_port}", advertise: "http://10.0.0.{id}"}
api: {port: 80, host_port_base: 6000, max_value_bytes: 2 MiB, read_timeout: 1m30s, max_connections: 7}
client: {url: "http://NODE-{id}:{api.port}"}
coordinator:
  kind: zookeeper
  zookeeper:
    {servers: [zk1:2181, "[::1]:2182", zk3], namespace: /prod/xylem, session_timeout: 900ms, credentials_file: CREDENTIALSFILE}
liveness: {timeout: 50ms}
sync: {schedule: "*/10 * * * * *", eager: false, min_interval: 20ms, fanout: tree, verify: "@hourly"}
writes: {offline: reject, queue_max_bytes: 4096, timeout: 3s}
store: {tombstone_retention: 48h}
data: {dir: /var/lib/xylem, fsync: never}
auth: {cluster_secret_file: SECRETFILE}
log: {level: debug, format: json}
deployment: {subnet: 172.20.0.0/16, base_image: "base:1", zookeeper_image: "zk:2"}
`

// everyKeyConfig is what everyKey says.
func everyKeyConfig(secretFile, credentialsFile string) configs.Config {
	return configs.Config{
		Tree: configs.Tree{Depth: 4, Root: 15, StartupDelay: 2 * time.Second, RootURL: "https://root{root}:{host_port}/"},
		Node: configs.Node{Listen: "[::1]:{host_port}", Advertise: "http://10.0.0.{id}"},
		API: configs.API{
			Port: 80, HostPortBase: 6000, MaxValueBytes: 2 << 20,
			ReadTimeout: 90 * time.Second, MaxConnections: 7,
		},
		Client: configs.Client{URL: "http://NODE-{id}:{api.port}"},
		Coordinator: configs.Coordinator{Kind: configs.CoordinatorZooKeeper, ZooKeeper: configs.ZooKeeper{
			Servers:   []string{"zk1:2181", "[::1]:2182", "zk3"},
			Namespace: "/prod/xylem", SessionTimeout: 900 * time.Millisecond,
			Credentials: "user:password", CredentialsFile: credentialsFile,
		}},
		Liveness: configs.Liveness{Timeout: 50 * time.Millisecond},
		Sync: configs.Sync{
			Schedule: "*/10 * * * * *", MinInterval: 20 * time.Millisecond,
			Fanout: configs.FanoutTree, Verify: "@hourly",
		},
		Writes: configs.Writes{Offline: configs.OfflineReject, QueueMaxBytes: 4096, Timeout: 3 * time.Second},
		Store:  configs.Store{TombstoneRetention: 48 * time.Hour},
		Data:   configs.Data{Dir: "/var/lib/xylem", Fsync: configs.FsyncNever},
		Auth:   configs.Auth{ClusterSecret: "0123456789abcdef", ClusterSecretFile: secretFile},
		Log:    configs.Log{Level: "debug", Format: "json"},
		Deployment: configs.Deployment{
			Subnet: netip.MustParsePrefix("172.20.0.0/16"), BaseImage: "base:1", ZooKeeperImage: "zk:2",
		},
	}
}

func TestEveryKeyIsReadFromTheFile(t *testing.T) {
	secretFile := write(t, "0123456789abcdef\n")
	credentialsFile := write(t, "user:password\n")
	content := strings.NewReplacer("SECRETFILE", secretFile, "CREDENTIALSFILE", credentialsFile).Replace(everyKey)
	got := load(t, configs.Source{Path: write(t, content)})
	if want := everyKeyConfig(secretFile, credentialsFile); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	sameFields(t, "", reflect.ValueOf(got), reflect.ValueOf(configs.Default()))
}

// sameFields reports the fields in which two values do not differ, of which
// everyKey then forgets one.
func sameFields(t *testing.T, path string, a, b reflect.Value) {
	t.Helper()
	if a.Kind() != reflect.Struct || a.Type() == reflect.TypeFor[netip.Prefix]() {
		if reflect.DeepEqual(a.Interface(), b.Interface()) {
			t.Errorf("%s has its default: everyKey must set every key to something else", path)
		}
		return
	}
	for i := range a.NumField() {
		sameFields(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
	}
}

func TestLaterSourcesOverrideEarlier(t *testing.T) {
	path := write(t, "sync: {schedule: '@every 2s', fanout: tree, eager: false}\ntree:\n")
	got := load(t, configs.Source{
		Path: path,
		Environ: []string{
			"HOME=/root", "XYLEM_SYNC_SCHEDULE=@every 1s", "XYLEM_SYNC_FANOUT=direct", "XYLEM_TREE_DEPTH=4",
			"XYLEM_SYNC_EAGER=", "xylem_tree_depth=9", "XYLEM_COORDINATOR_ZOOKEEPER_SERVERS= a:1, b:2,",
		},
		Overrides: map[string]any{
			"sync.schedule": "@every 500ms", "api.port": 81, "sync.min_interval": time.Second, "sync.eager": true,
			"coordinator.zookeeper.servers": []string{"c:3", "d"},
		},
	})
	want := configs.Default()
	want.Sync.Schedule, want.Sync.Fanout, want.Sync.MinInterval = "@every 500ms", "direct", time.Second
	want.Tree.Depth, want.API.Port, want.Coordinator.ZooKeeper.Servers = 4, 81, []string{"c:3", "d"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestValidFiles(t *testing.T) {
	tests := map[string]string{
		"empty":              "",
		"comments":           "# nothing\n",
		"empty document":     "---\n",
		"empty sections":     "sync:\ncoordinator:\n  zookeeper:\n",
		"byte order mark":    "\xef\xbb\xbftree: {depth: 3}\n",
		"quoted":             "tree: {depth: '3'}\n",
		"alias":              "sync: {schedule: &s '@every 5s'}\n",
		"servers with comma": "coordinator: {zookeeper: {servers: ''}}\n",
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			if got := load(t, configs.Source{Path: write(t, content)}); !reflect.DeepEqual(got, configs.Default()) {
				t.Errorf("got %+v, want Default", got)
			}
		})
	}
}

func TestEverythingWrongIsReportedAtOnce(t *testing.T) {
	path := write(t, "tree:\n  depth: 17\nsync:\n  fanuot: tree\nlog: {level: loud}\n")
	_, err := configs.Load(configs.Source{
		Path:      path,
		Environ:   []string{"XYLEM_API_PORT=http", "XYLEM_SYNC=x"},
		Overrides: map[string]any{"writes.offline": "drop", "tree.deep": 1},
	})
	if !errors.Is(err, configs.ErrInvalid) {
		t.Fatalf("error is %v, want an ErrInvalid", err)
	}
	lines := []string{
		"invalid configuration",
		path + `:4: unknown key "sync.fanuot": allowed in sync are eager, fanout, min_interval, schedule, verify`,
		"XYLEM_SYNC: names a section, not a key: allowed are XYLEM_SYNC_EAGER, XYLEM_SYNC_FANOUT, " +
			"XYLEM_SYNC_MIN_INTERVAL, XYLEM_SYNC_SCHEDULE, XYLEM_SYNC_VERIFY",
		`flags: unknown key "tree.deep": allowed in tree are depth, root, root_url, startup_delay`,
		path + `:2: tree.depth is "17": allowed is a whole number from 1 to 16`,
		`XYLEM_API_PORT: api.port is "http": allowed is a whole number from 1 to 65535`,
		`flags: writes.offline is "drop": allowed is queue or reject`,
		path + `:5: log.level is "loud": allowed is debug, info, warn or error`,
	}
	if got, want := err.Error(), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
