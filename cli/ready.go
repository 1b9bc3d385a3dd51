package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) readyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ready [NODE]",
		Short: "Ask whether a node holds a state that it can serve",
		Long: `Ask a node whether it holds a state that it can serve: exit status 0 if so, 1 if not yet, 3 when it cannot be reached.
Without an argument it is the node of this machine or container, at http://localhost and api.port; on the host of several
containers name one. This is for the health checks of containers that have no other program.`,
		Example: `  xylem ready
  xylem ready 6
  xylem ready http://10.0.1.67:5000`,
		Args:              needArgs("[NODE]"),
		ValidArgsFunction: a.completeNode,
	}
	addTimeout(cmd, 2*time.Second)
	addSettings(cmd.Flags(), clientSettings)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := a.config(cmd)
		if err != nil {
			return err
		}
		timeout, err := timeoutOf(cmd)
		if err != nil {
			return err
		}
		node := fmt.Sprintf("http://localhost:%d", cfg.API.Port)
		if len(args) > 0 {
			node = args[0]
		}
		at, err := resolve(cfg, node, timeout)
		if err != nil {
			return err
		}
		if err := at.client.Ready(cmd.Context()); err != nil {
			return unanswered(at.name, at.url, err)
		}
		_, err = fmt.Fprintln(a.stdout, "ready")
		return err
	}
	return cmd
}
