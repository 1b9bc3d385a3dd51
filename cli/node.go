package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"xylem/configs"
	"xylem/coordinator"
	"xylem/node"
)

// runner is a node, as package node makes it.
type runner interface {
	Run(ctx context.Context) error
	Joined() <-chan coordinator.View
}

func (a *app) nodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node (--id K | --ordinal NAME)",
		Short: "Run one node",
		Long: `Run one node of the tree, as containers and services do. It serves at node.listen, tells the others node.advertise,
finds the root at tree.root_url, and keeps its data in the folder NODE-K of data.dir. It needs that directory and the
cluster's secret; the secret comes from the environment or a file, not from a flag.

SIGTERM or Ctrl-C stops it gracefully, a second one at once.`,
		Example: `  XYLEM_AUTH_CLUSTER_SECRET=... xylem node --id 4 --data-dir /var/lib/xylem
  XYLEM_AUTH_CLUSTER_SECRET_FILE=/run/secrets/xylem XYLEM_DATA_DIR=/data xylem node --id NODE-4
  xylem node --ordinal xylem-3    # NODE-4, as the pod xylem-3 of a StatefulSet
  xylem node --id 2 --listen 127.0.0.1:6002 --advertise http://127.0.0.1:6002 --root-url http://127.0.0.1:6001`,
		Args: needArgs(),
	}
	id := cmd.Flags().String("id", "", "`K`, which node this is: 4 or NODE-4")
	ordinal := cmd.Flags().String("ordinal", "", "the same as K - 1, alone or at the end of a `NAME`: 3 or xylem-3")
	addSettings(cmd.Flags(), nodeSettings, runSettings)
	_ = cmd.RegisterFlagCompletionFunc("id", func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return a.nodeNames(cmd, typed), cobra.ShellCompDirectiveNoFileComp
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.load(cmd)
		if err != nil {
			return err
		}
		k, err := whichNode(cfg, *id, *ordinal)
		if err != nil {
			return err
		}
		if err := needsOfNode(cfg); err != nil {
			return err
		}
		tendGarbage()
		return a.untilSignal(cmd.Context(), func(ctx context.Context) error { return a.runNode(ctx, cfg, k) })
	}
	return cmd
}

// whichNode is the k of the node that the flags name.
func whichNode(cfg configs.Config, id, ordinal string) (k int, err error) {
	switch {
	case id != "" && ordinal != "":
		return 0, usage("node takes --id or --ordinal, not both")
	case id != "":
		if k, err = configs.ParseNode(id, cfg.Nodes()); err != nil {
			return 0, usage("--id: %w", err)
		}
	case ordinal != "":
		if k, err = configs.ParseOrdinal(ordinal, cfg.Nodes()); err != nil {
			return 0, usage("--ordinal: %w", err)
		}
	default:
		return 0, usage("node needs --id K, which of %s to %s it is, as in: xylem node --id 4", cfg.NodeName(1), cfg.NodeName(cfg.Nodes()))
	}
	return k, nil
}

// needsOfNode names everything that is missing before a node can start.
func needsOfNode(cfg configs.Config) error {
	var missing []string
	if cfg.Data.Dir == "" {
		missing = append(missing, "a data directory: set data.dir (XYLEM_DATA_DIR, --data-dir)")
	}
	if cfg.Auth.ClusterSecret == "" {
		missing = append(missing, fmt.Sprintf("the cluster's secret, at least %d bytes, the same on every node: set "+
			"auth.cluster_secret in the environment (XYLEM_AUTH_CLUSTER_SECRET) or name a file with it in "+
			"auth.cluster_secret_file (XYLEM_AUTH_CLUSTER_SECRET_FILE)", configs.MinSecretBytes))
	}
	if len(missing) == 0 {
		return nil
	}
	return usage("node needs %s", strings.Join(missing, "; and "))
}

func (a *app) runNode(ctx context.Context, cfg configs.Config, k int) error {
	listener, err := net.Listen("tcp", cfg.ListenAddress(k))
	if err != nil {
		reason := err
		if errors.Is(err, syscall.EADDRINUSE) {
			reason = errors.New("the port is taken: stop what listens there")
		}
		return failed("%s cannot listen on %s: %w, or set node.listen (XYLEM_NODE_LISTEN, --listen) to another address",
			cfg.NodeName(k), cfg.ListenAddress(k), reason)
	}
	n, err := a.newNode(node.Options{
		ID: k, Config: cfg, Listener: listener,
		Advertise: cfg.AdvertiseURL(k), RootURL: cfg.RootURL(),
		DataDir: filepath.Join(cfg.Data.Dir, cfg.NodeName(k)),
		Secret:  []byte(cfg.Auth.ClusterSecret),
		Logger:  a.logger(cfg.Log).With("node", cfg.NodeName(k)),
	})
	if err != nil {
		listener.Close()
		return failed("%s cannot start: %w", cfg.NodeName(k), err)
	}
	if err := n.Run(ctx); err != nil {
		return failed("%s stopped: %w", cfg.NodeName(k), err)
	}
	return nil
}
