package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"xylem/client"
	"xylem/sync/version"
)

func (a *app) getCommand() *cobra.Command {
	cmd := a.storeCommand(&cobra.Command{
		Use:     "get NODE KEY",
		Aliases: []string{"GET"},
		Short:   "Read a key at a node",
		Long: `Read a key at a node. The node answers from its own memory; when it does not have the key it asks its ancestors. The
version tells how far that node is: another may have a newer one.

--min-version and --max-lag ask for more: a node that is not as fresh asks its ancestors, or waits for a push, for as long
as --fresh-within says, and answers 504 if that does not help.`,
		Example: `  xylem get NODE-6 hello
  xylem get 6 'a key/with ? and ключ'
  xylem get -v NODE-6 hello                  # and how fresh the answer is
  xylem get NODE-6 hello --min-version 1.43  # as of 1.43 or later, such as a put answered
  xylem get NODE-6 hello --max-lag 0s        # as the root has it now
  xylem get NODE-6 hello --output json | jq .value
  xylem get http://10.0.1.67:5000 hello
  xylem get NODE-6 -- -key                   # a key that begins with -`,
		Args: needArgs("NODE", "KEY"),
	})
	cmd.Flags().String("min-version", "", "answer as of this version or a later one, as 1.43")
	cmd.Flags().Duration("max-lag", 0, "answer with what was the root's state at most so long ago, as 500ms")
	cmd.Flags().Duration("fresh-within", time.Second, "how long --min-version and --max-lag may take, 1ms to 1m")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		wishes, err := freshness(cmd.Flags())
		if err != nil {
			return err
		}
		return a.ask(cmd, args[0], func(c *client.Client) (*client.Answer, error) {
			return c.Get(cmd.Context(), args[1], wishes...)
		})
	}
	return cmd
}

// freshness reads how fresh an answer is asked for. A flag that is not given asks for nothing.
func freshness(flags *pflag.FlagSet) (wishes []client.RequestOption, err error) {
	text, _ := flags.GetString("min-version")
	maxLag, _ := flags.GetDuration("max-lag")
	within, _ := flags.GetDuration("fresh-within")
	timeout, _ := flags.GetDuration("timeout")
	if flags.Changed("min-version") {
		v, err := version.Parse(text)
		if err != nil {
			return nil, usage("--min-version %w", err)
		}
		wishes = append(wishes, client.MinVersion(v))
	}
	if flags.Changed("max-lag") {
		if err := wholeMillis("max-lag", maxLag, 0, time.Duration(1<<62)); err != nil {
			return nil, err
		}
		wishes = append(wishes, client.MaxLag(maxLag))
	}
	if flags.Changed("fresh-within") {
		if err := wholeMillis("fresh-within", within, time.Millisecond, time.Minute); err != nil {
			return nil, err
		}
		if within >= timeout {
			return nil, usage("--fresh-within %s: want less than --timeout, which is %s", within, timeout)
		}
		wishes = append(wishes, client.FreshWithin(within))
	}
	return wishes, nil
}

// wholeMillis checks a duration that is sent in milliseconds.
func wholeMillis(name string, d, least, most time.Duration) error {
	if d >= least && d <= most && d%time.Millisecond == 0 {
		return nil
	}
	bounds := fmt.Sprintf("%s to %s", least, most)
	if most > time.Minute {
		bounds = fmt.Sprintf("%s or more", least)
	}
	return usage("--%s %s: want whole milliseconds, %s", name, d, bounds)
}
