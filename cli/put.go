package main

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"xylem/client"
)

func (a *app) putCommand() *cobra.Command {
	cmd := a.storeCommand(&cobra.Command{
		Use:     "put NODE KEY VALUE",
		Aliases: []string{"PUT"},
		Short:   "Write a key at a node",
		Long: `Write a key at a node. The write travels to the root, is ordered and made durable there, and is pushed to every node;
the nodes on its way show it at once. 200 means ordered. 202 ("pending") that the root cannot be reached: the write is on
the node's disk, shows there, and will be ordered; GET /writes/WRITE_ID at that node says what became of it. 507 that the
node has no room for that, 503 certainly not ordered; 504 that no answer came back: read the key.

A VALUE that is valid JSON is sent as that, anything else as a string; --string always sends a string. VALUE - reads
standard input, every byte of it: a string from there keeps its newline at the end.`,
		Example: `  xylem put NODE-6 hello world               # the string "world"
  xylem put NODE-6 answer 42                 # the number 42
  xylem put NODE-6 answer 42 --string        # the string "42"
  xylem put NODE-6 temperature -5.50         # numbers keep their digits
  xylem put NODE-6 user '{"name":"Ada","langs":["en"]}'
  xylem put NODE-6 page - < page.json`,
		Args: needArgs("NODE", "KEY", "VALUE"),
	})
	asString := cmd.Flags().Bool("string", false, "send VALUE as a string even if it is valid JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		value, err := a.value(args[2], *asString)
		if err != nil {
			return err
		}
		return a.ask(cmd, args[0], func(c *client.Client) (*client.Answer, error) {
			return c.Put(cmd.Context(), args[1], value)
		})
	}
	return cmd
}

// value reads the VALUE of a put: JSON as it is, anything else as a JSON string.
func (a *app) value(text string, asString bool) (json.RawMessage, error) {
	raw := []byte(text)
	if text == "-" {
		read, err := io.ReadAll(a.stdin)
		if err != nil {
			return nil, failed("reading standard input: %w", err)
		}
		raw = read
	}
	if !utf8.Valid(raw) {
		return nil, usage("VALUE is not UTF-8, which JSON cannot carry: encode it first, for example with base64")
	}
	if !asString && json.Valid(raw) {
		return raw, nil
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(string(raw)); err != nil {
		return nil, failed("encoding VALUE: %w", err)
	}
	return bytes.TrimSpace(quoted.Bytes()), nil
}
