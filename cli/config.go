package main

import (
	"fmt"

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
		source, err := a.source(cmd)
		if err != nil {
			return err
		}
		source.WithoutSecretFile = true
		if _, err := loadFrom(source); err != nil {
			return err
		}
		for _, v := range configs.Values(source) {
			switch {
			case len(args) == 0:
				_, err = fmt.Fprintf(a.stdout, "%s=%s\n", v.Key, v.Text)
			case v.Key == args[0]:
				_, err = fmt.Fprintln(a.stdout, v.Text)
				return err
			}
		}
		if len(args) > 0 {
			return usage("there is no key %q, or it is a secret: `xylem config` lists the keys", args[0])
		}
		return err
	}
	return cmd
}
