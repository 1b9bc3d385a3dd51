package main

import (
	"github.com/spf13/cobra"

	"xylem/client"
)

func (a *app) getCommand() *cobra.Command {
	return a.storeCommand(&cobra.Command{
		Use:     "get NODE KEY",
		Aliases: []string{"GET"},
		Short:   "Read a key at a node",
		Long: `Read a key at a node. The node answers from its own memory; when it does not have the key it asks its ancestors. The
version tells how far that node is: another may have a newer one.`,
		Example: `  xylem get NODE-6 hello
  xylem get 6 'a key/with ? and ключ'
  xylem get -v NODE-6 hello                  # and how fresh the answer is
  xylem get NODE-6 hello --output json | jq .value
  xylem get http://10.0.1.67:5000 hello
  xylem get NODE-6 -- -key                   # a key that begins with -`,
		Args: needArgs("NODE", "KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, args[0], func(c *client.Client) (*client.Answer, error) {
				return c.Get(cmd.Context(), args[1])
			})
		},
	})
}
