package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"xylem/client"
	"xylem/configs"
)

// target is the node that a command talks to.
type target struct {
	name   string // NODE-6; the URL itself where that was given
	url    string
	client *client.Client
}

// resolve finds the node that text names: NODE-6, node-6, 6 or a URL.
func resolve(cfg configs.Config, text string, timeout time.Duration) (target, error) {
	if strings.Contains(text, "://") {
		return newTarget(text, text, timeout), nil
	}
	k, err := configs.ParseNode(text, cfg.Nodes())
	if err != nil {
		return target{}, usage("%w", err)
	}
	return newTarget(cfg.NodeName(k), cfg.ClientURL(k), timeout), nil
}

func newTarget(name, url string, timeout time.Duration) target {
	return target{name: name, url: url, client: client.New(url, client.WithTimeout(timeout))}
}

// addTimeout adds --timeout: how long a command waits for one answer.
func addTimeout(cmd *cobra.Command, value time.Duration) {
	cmd.Flags().Duration("timeout", value, "how long to wait for an answer")
}

func timeoutOf(cmd *cobra.Command) (time.Duration, error) {
	timeout, err := cmd.Flags().GetDuration("timeout")
	if err == nil && timeout <= 0 {
		err = usage("--timeout %s: want more than 0, as 2s", timeout)
	}
	return timeout, err
}

// completeNode completes the first argument with the names of the nodes.
func (a *app) completeNode(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.nodeNames(cmd, typed), cobra.ShellCompDirectiveNoFileComp
}

// nodeNames lists the nodes whose names begin with what was typed, in either case.
func (a *app) nodeNames(cmd *cobra.Command, typed string) []string {
	cfg, err := a.config(cmd)
	if err != nil {
		return nil
	}
	var names []string
	for k := range cfg.Nodes() {
		if name := cfg.NodeName(k + 1); strings.HasPrefix(name, strings.ToUpper(typed)) {
			names = append(names, name)
		}
	}
	return names
}
