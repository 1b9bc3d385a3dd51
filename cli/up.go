package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"xylem/configs"
)

// secretBytes is the length of the secret that `xylem up` makes.
const secretBytes = 32

func (a *app) upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a whole tree on this machine",
		Long: `Start all nodes of the tree in this process, the root first. NODE-k is at port 5000+k of 127.0.0.1, and at no other
address: clients are not asked who they are. Without data.dir the data is in a temporary directory, which is removed at
the end. The root is fixed: coordinator.kind zookeeper is for xylem node.

Nodes start one after the other, tree.startup_delay apart; of a tree of more than ten nodes so much faster that all have
started after ten seconds, unless --startup-delay is given.

Ctrl-C or SIGTERM stops the tree gracefully, leaves first; a second one at once.`,
		Example: `  xylem up
  xylem up --depth 10 --startup-delay 0s         # 1,023 nodes, as fast as can be
  xylem up --data-dir ./data                     # keep the data
  xylem up --eager=false --schedule '@every 5s'  # push on schedule only
  xylem up --host-port-base 6000                 # NODE-1 at port 6001`,
		Args: needArgs(),
	}
	addSettings(cmd.Flags(), upSettings, runSettings)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.load(cmd)
		if err != nil {
			return err
		}
		if cfg.Coordinator.Kind != configs.CoordinatorEmbedded {
			return usage("a tree of xylem up has a fixed root, and coordinator.kind is %s: run each node with xylem node, "+
				"or add --set coordinator.kind=%s", cfg.Coordinator.Kind, configs.CoordinatorEmbedded)
		}
		cfg.Log = a.quiet(cfg.Log, cmd.Flags().Changed("log-level"))
		if cfg.Tree.Depth <= 4 { // what very many nodes have is mostly not entries
			tendGarbage()
		}
		return a.up(cmd.Context(), cfg, pause(cfg, cmd.Flags().Changed("startup-delay")), hint(cmd, cfg))
	}
	return cmd
}

// pausesTogether bounds how long `xylem up` pauses between nodes, all in all, where nobody asked for pauses: at the
// default of a second each, a tree of 1,023 nodes would take a quarter of an hour.
const pausesTogether = 10 * time.Second

// pause is the time between starting one node and the next: tree.startup_delay, but in a large tree less than its
// default. Nodes take their places in order with any.
func pause(cfg configs.Config, asked bool) time.Duration {
	if asked || cfg.Tree.StartupDelay != configs.Default().Tree.StartupDelay {
		return cfg.Tree.StartupDelay
	}
	return min(cfg.Tree.StartupDelay, pausesTogether/time.Duration(cfg.Nodes()))
}

// up runs the tree until a signal or a failure ends it.
func (a *app) up(ctx context.Context, cfg configs.Config, pause time.Duration, hint string) error {
	if err := enoughFiles(cfg); err != nil {
		return err
	}
	if cfg.Auth.ClusterSecret == "" {
		secret := make([]byte, secretBytes)
		_, _ = rand.Read(secret) // never fails
		cfg.Auth.ClusterSecret = configs.Secret(secret)
	}
	listeners, err := bindAll(cfg)
	if err != nil {
		return err
	}
	where := cfg.Data.Dir
	if where == "" {
		dir, err := os.MkdirTemp("", "xylem-up-")
		if err != nil {
			closeAll(listeners)
			return failed("making a temporary directory (set data.dir to use another): %w", err)
		}
		defer os.RemoveAll(dir)
		cfg.Data.Dir, where = dir, dir+", removed at the end"
	}
	fmt.Fprintf(a.stdout, "%d nodes in this process; data in %s\n", cfg.Nodes(), where)
	return a.untilSignal(ctx, func(ctx context.Context) error {
		g := newGrove(a, cfg, pause, listeners)
		return g.live(ctx, hint)
	})
}

// hint is what to try first, with the flags that make other commands find this tree.
func hint(cmd *cobra.Command, cfg configs.Config) string {
	same := ""
	for _, name := range []string{"config", "depth", "host-port-base"} {
		if flag := cmd.Flags().Lookup(name); flag.Changed {
			same += " --" + name + " " + flag.Value.String()
		}
	}
	sets, _ := cmd.Flags().GetStringArray("set")
	for _, set := range sets {
		if strings.HasPrefix(set, "api.") || strings.HasPrefix(set, "tree.") {
			same += " --set " + set
		}
	}
	return fmt.Sprintf("try: xylem put%s %s hello world    (API: http://127.0.0.1:%d/docs; Ctrl-C stops the tree)",
		same, cfg.NodeName(min(6, cfg.Nodes())), cfg.API.HostPortBase+cfg.Tree.Root)
}
