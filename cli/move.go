package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"xylem/client"
	"xylem/configs"
)

// moveTimeout is how long a move may take: the root drains, and the other one has to be
// as far as it is, and to begin.
const moveTimeout = 30 * time.Second

func (a *app) rootRoleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "root",
		Short: "Move the role of the root to another node",
		Example: `  xylem root move NODE-3
  xylem root move --help`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.moveCommand())
	return cmd
}

func (a *app) moveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "move NODE",
		Short: "Have the root hand its role to NODE",
		Long: `Have the root hand its role to NODE, for maintenance: the root stops ordering once NODE has all that it ordered, and NODE
goes on. No write is lost; a write that comes in between waits a moment, or is answered 202. The command ends when NODE
serves as the root. It needs coordinator.kind zookeeper.`,
		Example: `  xylem root move NODE-3
  xylem root move NODE-3 --timeout 1m
  xylem nodes                        # who is the root`,
		Args:              needArgs("NODE"),
		ValidArgsFunction: a.completeNode,
	}
	addOutput(cmd)
	addTimeout(cmd, moveTimeout)
	addSettings(cmd.Flags(), clientSettings)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, asJSON, timeout, err := a.prepare(cmd)
		if err != nil {
			return err
		}
		k, err := configs.ParseNode(args[0], cfg.Nodes())
		if err != nil {
			return usage("%w", err)
		}
		root, err := askToMove(cmd.Context(), cfg, cfg.NodeName(k), timeout)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(a.stdout, root.Body)
		}
		return a.say("the root is %s at %s, epoch %d", oneLine(root.Root), oneLine(root.Address), root.Epoch)
	}
	return cmd
}

func askToMove(ctx context.Context, cfg configs.Config, to string, timeout time.Duration) (root *client.Root, err error) {
	late := false
	err = askRoot(ctx, cfg, "", timeout, func(c *client.Client) (err error) {
		root, err = c.MoveRoot(ctx, to)
		late = errors.Is(err, context.DeadlineExceeded)
		return err
	})
	if late {
		err = &failure{status: exitUnreachable, err: errors.New("no answer in time: the root may be moved all the same; " +
			"`xylem nodes` shows who it is")}
	}
	return root, err
}
