package main

import (
	"github.com/spf13/cobra"

	"xylem/client"
)

func (a *app) deleteCommand() *cobra.Command {
	return a.storeCommand(&cobra.Command{
		Use:     "delete NODE KEY",
		Aliases: []string{"DELETE"},
		Short:   "Delete a key at a node",
		Long: `Delete a key at a node. The delete travels to the root, is ordered there, and is pushed to every node. It is no error
when the key was not there. The answers mean what they mean for a put.`,
		Example: `  xylem delete NODE-6 hello
  xylem delete 6 'a/b'`,
		Args: needArgs("NODE", "KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, args[0], func(c *client.Client) (*client.Answer, error) {
				return c.Delete(cmd.Context(), args[1])
			})
		},
	})
}
