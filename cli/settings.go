package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"xylem/configs"
)

// setting is a flag that overrides one key of the configuration. The value is checked where all configuration is.
type setting struct {
	flag, key, usage string
}

var (
	treeSettings = []setting{
		{"depth", "tree.depth", "levels of the tree; it has 2^depth - 1 nodes"},
		{"host-port-base", "api.host_port_base", "NODE-k is at this port plus k on the host"},
	}
	clientSettings = []setting{
		{"client-url", "client.url", "template that turns a node into a URL, as http://localhost:{host_port}"},
	}
	runSettings = []setting{
		{"data-dir", "data.dir", "directory for the data, one folder in it per node"},
		{"schedule", "sync.schedule", "when the root pushes: a cron expression or @every 5s"},
		{"eager", "sync.eager", "push as soon as something was written; --eager=false waits for the schedule"},
		{"fanout", "sync.fanout", "who pushes: the root to all nodes (direct), or each node to those below it (tree)"},
		{"log-level", "log.level", "debug, info, warn or error"},
		{"log-format", "log.format", "text or json"},
	}
	upSettings = []setting{
		{"startup-delay", "tree.startup_delay", "time between starting one node and the next"},
	}
	nodeSettings = []setting{
		{"listen", "node.listen", "host:port to serve on"},
		{"advertise", "node.advertise", "URL under which other nodes reach this one"},
		{"root-url", "tree.root_url", "URL where nodes find the root"},
	}
	allSettings = [][]setting{treeSettings, clientSettings, runSettings, upSettings, nodeSettings}
)

func addSettings(flags *pflag.FlagSet, lists ...[]setting) {
	for _, list := range lists {
		for _, s := range list {
			flags.String(s.flag, "", s.usage+" ("+s.key+")")
			if s.flag == "eager" {
				flags.Lookup(s.flag).NoOptDefVal = "true"
			}
		}
	}
}

// addConfigFlags adds the flags that every command has.
func addConfigFlags(flags *pflag.FlagSet) {
	flags.String("config", "", "configuration `file` (default what XYLEM_CONFIG names, else configs/tree.yaml where there is one, else a copy built in)")
	flags.StringArray("set", nil, "override any `key=value` of the configuration, as sync.min_interval=10ms")
	addSettings(flags, treeSettings)
}

// config loads the configuration for commands that only talk to nodes, with the flags of cmd over it.
func (a *app) config(cmd *cobra.Command) (configs.Config, error) {
	source, err := a.source(cmd)
	if err != nil {
		return configs.Config{}, err
	}
	source.WithoutSecretFile = true
	return loadFrom(source)
}

// load reads the configuration with the flags of cmd over it.
func (a *app) load(cmd *cobra.Command) (configs.Config, error) {
	source, err := a.source(cmd)
	if err != nil {
		return configs.Config{}, err
	}
	return loadFrom(source)
}

// source is where a command's configuration comes from.
func (a *app) source(cmd *cobra.Command) (configs.Source, error) {
	overrides, err := overridesOf(cmd.Flags())
	path, _ := cmd.Flags().GetString("config")
	return configs.Source{Path: path, Environ: a.env, Overrides: overrides}, err
}

// loadFrom reads the configuration; all that is wrong with it is one line.
func loadFrom(source configs.Source) (configs.Config, error) {
	cfg, err := configs.Load(source)
	if err != nil {
		// A heading, then one problem a line.
		heading, problems, _ := strings.Cut(err.Error(), "\n")
		return configs.Config{}, usage("%s: %s", heading, strings.ReplaceAll(problems, "\n", "; "))
	}
	return cfg, nil
}

// overridesOf gathers what the flags say, by key. A flag of its own counts more than --set.
func overridesOf(flags *pflag.FlagSet) (map[string]any, error) {
	overrides := map[string]any{}
	sets, _ := flags.GetStringArray("set")
	for _, set := range sets {
		key, value, found := strings.Cut(set, "=")
		if !found || key == "" {
			return nil, usage("--set %q: want key=value, as sync.min_interval=10ms", set)
		}
		overrides[key] = value
	}
	for _, list := range allSettings {
		for _, s := range list {
			if flag := flags.Lookup(s.flag); flag != nil && flag.Changed {
				overrides[s.key] = flag.Value.String()
			}
		}
	}
	return overrides, nil
}
