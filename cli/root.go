package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// rootCommand puts the commands together.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "xylem",
		Short: "An eventually consistent key-value cache whose nodes form a tree",
		Long: `Xylem is an eventually consistent key-value cache. Its nodes form a binary tree: every node answers reads from its
own memory, a write may enter at any node and travels up to the root, and the root pushes what changed to all.

NODE is NODE-6, node-6 or just 6, or the URL of a node.

Exit status: 0 for success, 1 for an answer of 4xx or 5xx and for a file or directory that is of no use, 2 for wrong usage,
3 when the node cannot be reached.`,
		Example: `  xylem up                        # a tree of 7 nodes on this machine
  xylem put NODE-6 hello world    # write at one node
  xylem get NODE-3 hello          # read at another
  xylem status                    # which node is at which version`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(flagError)
	addConfigFlags(root.PersistentFlags())
	root.AddCommand(
		a.upCommand(), a.nodeCommand(),
		a.getCommand(), a.putCommand(), a.deleteCommand(),
		a.nodesCommand(), a.statusCommand(), a.readyCommand(), a.rootRoleCommand(),
		a.backupCommand(), a.restoreCommand(), a.configCommand(), a.versionCommand(),
	)
	return root
}

// knownCommand refuses `xylem something` in one line.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
	} else if len(names) == 1 {
		hint = fmt.Sprintf(" (did you mean %s %s %s?)", cmd.CommandPath(), names[0], args[0])
	}
	return usage("there is no command %q%s: the commands are %s", args[0], hint, strings.Join(names, ", "))
}

// flagError adds what to do about a flag that is none.
func flagError(cmd *cobra.Command, err error) error {
	hint := ""
	if strings.Contains(err.Error(), "unknown") {
		hint = "; a KEY or VALUE that begins with - goes after --"
	}
	return usage("%w: see `%s --help`%s", err, cmd.CommandPath(), hint)
}

// needArgs takes exactly the arguments that are named, those in brackets or not, and says so where there are more or fewer.
func needArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		optional := 0
		for _, name := range names {
			if strings.HasPrefix(name, "[") {
				optional++
			}
		}
		if len(args) <= len(names) && len(args) >= len(names)-optional {
			return nil
		}
		want := "no arguments"
		if len(names) > 0 {
			want = strings.Join(names, ", ")
		}
		return usage("%s takes %s; %d given: see `%s --help`", cmd.Name(), want, len(args), cmd.CommandPath())
	}
}

// spareNegativeNumbers lets `xylem put NODE KEY -5` mean the number: behind a `--` it is no flag. No flag of ours is a
// digit.
func spareNegativeNumbers(args []string) []string {
	put := false
	for i, arg := range args {
		put = put || strings.EqualFold(arg, "put")
		if arg == "--" {
			return args
		}
		if put && len(arg) > 1 && arg[0] == '-' && arg[1] >= '0' && arg[1] <= '9' {
			spared := append([]string{}, args[:i]...)
			spared = append(spared, args[i+1:]...)
			return append(spared, "--", arg)
		}
	}
	return args
}
