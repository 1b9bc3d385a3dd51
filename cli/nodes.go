package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"xylem/client"
	"xylem/configs"
)

func (a *app) nodesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "Show the tree: every node, its place and its state",
		Long: `Show every node as the root sees it: position, parent, children, state, applied version and lag. The configured root
is asked; when another node is the root by now, that one.`,
		Example: `  xylem nodes
  xylem nodes --node NODE-3          # ask another node who knows
  xylem nodes --output json`,
		Args: needArgs(),
	}
	ask := cmd.Flags().String("node", "", "the `NODE` to ask (default: the configured root)")
	addOutput(cmd)
	addTimeout(cmd, client.DefaultTimeout)
	addSettings(cmd.Flags(), clientSettings)
	_ = cmd.RegisterFlagCompletionFunc("node", func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return a.nodeNames(cmd, typed), cobra.ShellCompDirectiveNoFileComp
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, asJSON, timeout, err := a.prepare(cmd)
		if err != nil {
			return err
		}
		name := *ask
		if name == "" {
			name = cfg.NodeName(cfg.Tree.Root)
		}
		nodes, raw, err := askRoot(cmd.Context(), cfg, name, timeout)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(a.stdout, raw)
		}
		return writeTable(a.stdout, nodeRows(nodes, a.now()))
	}
	return cmd
}

// askRoot asks the named node, and once more the root that it names when it is not the root itself: at the address
// that it gives, or, where only nodes can reach that, at the one that client.url gives.
func askRoot(ctx context.Context, cfg configs.Config, name string, timeout time.Duration) ([]client.Node, json.RawMessage, error) {
	to, err := resolve(cfg, name, timeout)
	if err != nil {
		return nil, nil, err
	}
	nodes, raw, err := to.client.Nodes(ctx)
	var problem *client.Problem
	if !errors.As(err, &problem) || !errors.Is(err, client.ErrForbidden) || problem.Extension("address") == "" {
		return nodes, raw, unanswered(to.name, to.url, err)
	}
	root := newTarget(problem.Extension("root"), problem.Extension("address"), timeout)
	nodes, raw, err = root.client.Nodes(ctx)
	if errors.Is(err, client.ErrUnreachable) {
		if known, errName := resolve(cfg, root.name, timeout); errName == nil && known.url != to.url {
			root = known
			nodes, raw, err = root.client.Nodes(ctx)
		}
	}
	return nodes, raw, unanswered(root.name, root.url, err)
}

// nodeRows is the table of `xylem nodes`, in the order of positions; nodes without one come last.
func nodeRows(nodes []client.Node, now time.Time) [][]string {
	slices.SortStableFunc(nodes, func(a, b client.Node) int {
		return cmp.Compare(uint(a.Position)-1, uint(b.Position)-1) // 0, which is none, becomes the largest
	})
	rows := [][]string{{"NODE", "POSITION", "PARENT", "CHILDREN", "STATE", "SINCE", "VERSION", "LAG", "ADDRESS"}}
	for _, n := range nodes {
		position := ""
		if n.Position > 0 {
			position = strconv.Itoa(n.Position)
		}
		state := n.State
		if n.StandIn != "" {
			state += ", " + n.StandIn + " stands in"
		}
		rows = append(rows, []string{
			n.Node, position, n.Parent, strings.Join(n.Children, " "), state,
			ago(now, n.Since), n.Version, lag(n.LagMs), n.Address,
		})
	}
	return rows
}
