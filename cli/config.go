package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"xylem/configs"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config [KEY]",
		Short: "Show the configuration that counts",
		Long: `Show every key of the configuration with the value that counts, from file, environment and flags together, or the value of
one key alone. What is not valid is refused, as every command does. Secrets are left out.`,
		Example: `  xylem config
  xylem config tree.depth
  XYLEM_CONFIG=/etc/xylem/tree.yaml xylem config deployment.subnet`,
		Args: needArgs("[KEY]"),
	}
	addSettings(cmd.Flags(), clientSettings, runSettings, upSettings, nodeSettings)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, err := a.config(cmd); err != nil {
			return err
		}
		source, err := a.source(cmd)
		if err != nil {
			return err
		}
		return a.show(configs.Values(source), args)
	}
	return cmd
}

// show prints all values, or that of the one key in args.
func (a *app) show(values []configs.Value, args []string) error {
	var text strings.Builder
	for _, v := range values {
		if len(args) == 0 {
			fmt.Fprintf(&text, "%s=%s\n", v.Key, v.Text)
		} else if v.Key == args[0] {
			fmt.Fprintln(&text, v.Text)
		}
	}
	if text.Len() == 0 {
		return usage("there is no key %q, or it is a secret: `xylem config` lists the keys", args[0])
	}
	_, err := fmt.Fprint(a.stdout, text.String())
	return err
}
