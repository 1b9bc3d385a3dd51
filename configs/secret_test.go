package configs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"xylem/configs"
)

func TestSecretComesFromEnvironmentOrFile(t *testing.T) {
	tests := []struct{ name, file, variable, want string }{
		{"environment", "", "from-the-environment", "from-the-environment"},
		{"file", "from-the-secret-file\n", "", "from-the-secret-file"},
		{"file without newline", "from-the-secret-file", "", "from-the-secret-file"},
		{"file with carriage return", "from-the-secret-file\r\n", "", "from-the-secret-file"},
		{"only one newline is dropped", "from-the-secret-file\n\n", "", "from-the-secret-file\n"},
		{"environment before file", "short", "from-the-environment", "from-the-environment"},
		{"none", "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			environ := []string{"XYLEM_AUTH_CLUSTER_SECRET=" + test.variable}
			if test.file != "" {
				environ = append(environ, "XYLEM_AUTH_CLUSTER_SECRET_FILE="+write(t, test.file))
			}
			got := load(t, configs.Source{Path: "tree.yaml", Environ: environ})
			if string(got.Auth.ClusterSecret) != test.want {
				t.Errorf("secret is %q, want %q", string(got.Auth.ClusterSecret), test.want)
			}
		})
	}
}

func TestRefusedSecretFiles(t *testing.T) {
	with := func(path string) configs.Source {
		return configs.Source{Path: "tree.yaml", Overrides: map[string]any{"auth.cluster_secret_file": path}}
	}
	short := write(t, "hunter2\n")
	refused(t, with(short), "the secret in it is too short: allowed are at least 16 bytes")
	if _, err := configs.Load(with(short)); strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error repeats the secret: %v", err)
	}
	refused(t, with(write(t, strings.Repeat("x", 1<<17))), "it holds more than 64 KiB")
	missing := filepath.Join(t.TempDir(), "none")
	refused(t, with(missing), `flags: auth.cluster_secret_file is "`)
	refused(t, with(t.TempDir()), "it cannot be read: ")

	source := with(missing)
	source.WithoutSecretFile = true
	load(t, source)
}

// The credentials for ZooKeeper come as the cluster's secret does.
func TestCredentials(t *testing.T) {
	credentials := func(source configs.Source) string {
		source.Path = "tree.yaml"
		return string(load(t, source).Coordinator.ZooKeeper.Credentials)
	}
	inFile := map[string]any{"coordinator.zookeeper.credentials_file": write(t, "xylem:from:file\n")}
	environ := []string{"XYLEM_COORDINATOR_ZOOKEEPER_CREDENTIALS=xylem:hunter2"}
	if got := credentials(configs.Source{Overrides: inFile}); got != "xylem:from:file" {
		t.Errorf("from the file: %q", got)
	}
	if got := credentials(configs.Source{Overrides: inFile, Environ: environ}); got != "xylem:hunter2" {
		t.Errorf("from the environment: %q", got)
	}
	if got := credentials(configs.Source{Overrides: inFile, WithoutSecretFile: true}) + credentials(configs.Source{}); got != "" {
		t.Errorf("from nowhere: %q", got)
	}
	for _, bad := range []string{"hunter2", "hunter2:", ":hunter2"} {
		for _, source := range []configs.Source{
			{Path: "tree.yaml", Environ: []string{"XYLEM_COORDINATOR_ZOOKEEPER_CREDENTIALS=" + bad}},
			{Path: "tree.yaml", Overrides: map[string]any{"coordinator.zookeeper.credentials_file": write(t, bad)}},
		} {
			refused(t, source, "not credentials: allowed is user:password")
			if _, err := configs.Load(source); strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats them: %v", err)
			}
		}
	}
	path := write(t, "coordinator: {zookeeper: {credentials: xylem:hunter2}}")
	refused(t, configs.Source{Path: path}, "credentials must not stand in a file: set XYLEM_COORDINATOR_ZOOKEEPER_CREDENTIALS, or coordinator.zookeeper.credentials_file")
}

func TestSecretIsShownNowhere(t *testing.T) {
	const hidden = "hunter2hunter2hunter2"
	config := configs.Default()
	config.Auth.ClusterSecret = hidden
	config.Coordinator.ZooKeeper.Credentials = hidden
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, config)
		fmt.Fprintf(&out, verb, config.Auth.ClusterSecret)
	}
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("started", "config", config, "secret", config.Auth.ClusterSecret)
	if err := json.NewEncoder(&out).Encode(config); err != nil {
		t.Fatal(err)
	}
	text := strings.ToLower(out.String())
	if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
		t.Errorf("the secret is in what was printed:\n%s", text)
	}
	if !strings.Contains(text, "[secret]") {
		t.Error("nothing says that a secret is set")
	}
}
