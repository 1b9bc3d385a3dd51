package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the template
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"xylem/configs"
)

//go:embed compose.yaml.tmpl
var layout string

var page = template.Must(template.New("compose.yaml").Funcs(template.FuncMap{"quote": quote}).Parse(layout))

// tree is what the template is filled in with.
type tree struct {
	ConfigFile     string // as the compose file names it
	Digest         string // of what the configuration says; another comment is no other
	ZooKeeperImage string
	Port           int // of every node, in its container
	Root           member
	Others         []member
}

// member is one node.
type member struct {
	ID, HostPort int
	Name         string
}

// Nodes says how many there are.
func (t tree) Nodes() string {
	if len(t.Others) == 0 {
		return "one node"
	}
	return fmt.Sprintf("%d nodes", len(t.Others)+1)
}

// compose is the text of the compose file for the configuration in a file.
func compose(file string) ([]byte, error) {
	// The secret is not needed here, and its file may be one of the containers'.
	source := configs.Source{Path: file, WithoutSecretFile: true}
	config, err := configs.Load(source)
	if err != nil {
		return nil, err
	}
	t := tree{Digest: digest(configs.Values(source)), ZooKeeperImage: config.Deployment.ZooKeeperImage, Port: config.API.Port}
	if t.ConfigFile, err = seenFromFolder(file); err != nil {
		return nil, err
	}
	for k := 1; k <= config.Nodes(); k++ {
		m := member{ID: k, HostPort: config.HostPort(k), Name: config.NodeName(k)}
		if k == config.Tree.Root {
			t.Root = m
		} else {
			t.Others = append(t.Others, m)
		}
	}
	var text bytes.Buffer
	err = page.Execute(&text, t)
	return text.Bytes(), err
}

// digest tells configurations apart.
func digest(values []configs.Value) string {
	sum := sha256.Sum256(fmt.Append(nil, values))
	return hex.EncodeToString(sum[:8])
}

// quote makes a YAML string of a text in which Compose finds no variable.
func quote(text string) (string, error) {
	quoted, err := json.Marshal(strings.ReplaceAll(text, "$", "$$"))
	return string(quoted), err
}
