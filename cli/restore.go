package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"xylem/configs"
	"xylem/coordinator"
	"xylem/node"
)

func (a *app) restoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data directory of a backup",
		Long: `Make a data directory that holds what a backup holds, for a tree whose data is gone or is to be set back. FILE is checked
whole before anything is written; a directory that holds a node's data is refused.

Stop all nodes and remove their data directories first. Then restore at the root and start all: the others take the state
from it. A node that kept newer data would not be set back: the root takes over what its members have. With the embedded
coordinator only the root is restored; a member that is started without data takes a snapshot.`,
		Example: `  xylem restore monday.xylem --data-dir /var/lib/xylem
  xylem node --id 1 --data-dir /var/lib/xylem     # and then the others`,
		Args: needArgs("FILE"),
	}
	id := cmd.Flags().String("id", "", "`K`, the node whose directory it is to be (default: the configured root)")
	_ = cmd.RegisterFlagCompletionFunc("id", func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return a.nodeNames(cmd, typed), cobra.ShellCompDirectiveNoFileComp
	})
	cmd.Flags().String("data-dir", "", "directory for the data, one folder in it per node (data.dir)")
	addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		asJSON, err := wantsJSON(cmd)
		if err != nil {
			return err
		}
		cfg, err := a.config(cmd)
		if err != nil {
			return err
		}
		k, err := restoredNode(cfg, *id)
		if err != nil {
			return err
		}
		return a.restore(cfg, k, args[0], asJSON)
	}
	return cmd
}

// restoredNode is whose directory a backup becomes.
func restoredNode(cfg configs.Config, id string) (int, error) {
	if cfg.Data.Dir == "" {
		return 0, usage("restore needs a data directory: set data.dir (XYLEM_DATA_DIR, --data-dir)")
	}
	if id == "" {
		return cfg.Tree.Root, nil
	}
	k, err := configs.ParseNode(id, cfg.Nodes())
	if err != nil {
		return 0, usage("%w", err)
	}
	if k != cfg.Tree.Root && cfg.Coordinator.Kind == configs.CoordinatorEmbedded {
		return 0, usage("%s is not the root, %s is: restore there, and start %s without data; it takes the root's state",
			cfg.NodeName(k), cfg.NodeName(cfg.Tree.Root), cfg.NodeName(k))
	}
	return k, nil
}

func (a *app) restore(cfg configs.Config, k int, path string, asJSON bool) error {
	file, err := os.Open(path)
	if err != nil {
		return failed("%w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return failed("%s is a directory, no backup", path)
	}
	placement, err := coordinator.NewPlacement(cfg.Tree.Depth)
	if err != nil {
		return failed("%w", err)
	}
	placement[0] = k
	dir := filepath.Join(cfg.Data.Dir, cfg.NodeName(k))
	found, err := node.Restore(file, dir, k, placement)
	switch {
	case errors.Is(err, node.ErrBackup):
		return failed("%s: %w; nothing was written", path, err)
	case errors.Is(err, node.ErrNotEmpty):
		return failed("%w: stop all nodes and remove their data directories (here %s), if what they hold may be lost", err, dir)
	case err != nil:
		return failed("%s was not restored: %w", cfg.NodeName(k), err)
	}
	if asJSON {
		doc := newBackupDocument(found)
		doc.Node, doc.File, doc.Dir = cfg.NodeName(k), path, dir
		return writeJSON(a.stdout, doc)
	}
	return a.say("%s holds version %s: %s, in %s\nstart it, and the other nodes without data", cfg.NodeName(k), found.Version, entries(found), dir)
}
