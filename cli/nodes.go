package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
is asked; when another node is the root by now, that one, also when the configured one is away.`,
		Example: `  xylem nodes
  xylem nodes --node NODE-3          # ask another node who knows
  xylem nodes --output json`,
		Args: needArgs(),
	}
	ask := cmd.Flags().String("node", "", "the `NODE` to ask (default: whoever is the root)")
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
		var nodes []client.Node
		var raw json.RawMessage
		err = askRoot(cmd.Context(), cfg, *ask, timeout, func(c *client.Client) (err error) {
			nodes, raw, err = c.Nodes(cmd.Context())
			return err
		})
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

// askRoot makes a request of the named node, and once more of the root that it names when it is not the root itself: at
// the address that it gives, or, where only nodes can reach that, at the one that client.url gives. Without a name the
// configured root is asked, and when it cannot be reached, whoever says that it is the root by now, else who is furthest.
func askRoot(ctx context.Context, cfg configs.Config, name string, timeout time.Duration, request func(*client.Client) error) error {
	anyone := name == ""
	if anyone {
		name = cfg.NodeName(cfg.Tree.Root)
	}
	to, err := resolve(cfg, name, timeout)
	if err != nil {
		return err
	}
	err = request(to.client)
	if anyone && errors.Is(err, client.ErrUnreachable) {
		if found := compare(askAll(ctx, cfg, timeout)).reference; found != nil && found.Node != name {
			if to, err = resolve(cfg, found.Node, timeout); err != nil {
				return err
			}
			err = request(to.client)
		}
	}
	var problem *client.Problem
	if !errors.As(err, &problem) || !errors.Is(err, client.ErrForbidden) || problem.Extension("address") == "" {
		return unanswered(to.name, to.url, err)
	}
	root := newTarget(problem.Extension("root"), problem.Extension("address"), timeout) // where the client has looked already
	if known, errName := resolve(cfg, root.name, timeout); errName == nil && known.url != to.url {
		root = known
		err = request(root.client)
	}
	if errors.Is(err, client.ErrUnreachable) && !errors.Is(err, client.ErrAnswer) {
		return &failure{status: exitUnreachable, err: fmt.Errorf("%s at %s is the root as far as %s knows, and cannot be reached (%s): "+
			"is it running? With coordinator.kind zookeeper another takes its place; ask again in some seconds", root.name, root.url, to.name, cause(err))}
	}
	return unanswered(root.name, root.url, err)
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
