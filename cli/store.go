package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"xylem/client"
	"xylem/configs"
)

// storeCommand gives a command what get, put and delete share.
func (a *app) storeCommand(cmd *cobra.Command) *cobra.Command {
	addOutput(cmd)
	addTimeout(cmd, client.DefaultTimeout)
	addSettings(cmd.Flags(), clientSettings)
	cmd.Flags().BoolP("verbose", "v", false, "also say on standard error who answered, as of which version, and its lag")
	cmd.ValidArgsFunction = a.completeNode
	return cmd
}

// prepare reads what every command that asks nodes goes by: the configuration, whether to print JSON, and how long to wait.
func (a *app) prepare(cmd *cobra.Command) (cfg configs.Config, asJSON bool, timeout time.Duration, err error) {
	if asJSON, err = wantsJSON(cmd); err != nil {
		return cfg, false, 0, err
	}
	if timeout, err = timeoutOf(cmd); err != nil {
		return cfg, false, 0, err
	}
	cfg, err = a.config(cmd)
	return cfg, asJSON, timeout, err
}

// ask resolves the node, lets request talk to it, and prints the answer.
func (a *app) ask(cmd *cobra.Command, name string, request func(*client.Client) (*client.Answer, error)) error {
	cfg, asJSON, timeout, err := a.prepare(cmd)
	if err != nil {
		return err
	}
	to, err := resolve(cfg, name, timeout)
	if err != nil {
		return err
	}
	answer, err := request(to.client)
	if verbose, _ := cmd.Flags().GetBool("verbose"); verbose {
		a.printFreshness(answer, err)
	}
	if err != nil {
		return unanswered(to.name, to.url, err)
	}
	if asJSON {
		return writeJSON(a.stdout, storeOutput(answer))
	}
	return a.printAnswer(answer)
}

// printAnswer prints status and body in one line, as `200 {"key":"hello","value":"world","version":"1.43"}`.
func (a *app) printAnswer(answer *client.Answer) error {
	var line bytes.Buffer
	fmt.Fprintf(&line, "%d ", answer.Status)
	if err := json.Compact(&line, answer.Body); err != nil {
		return failed("reading the answer: %w", err)
	}
	line.WriteByte('\n')
	if _, err := a.stdout.Write(line.Bytes()); err != nil {
		return failed("writing the answer: %w", err)
	}
	return nil
}

func (a *app) printFreshness(answer *client.Answer, err error) {
	var fresh client.Freshness
	var problem *client.Problem
	switch {
	case answer != nil:
		fresh = answer.Freshness
	case errors.As(err, &problem):
		fresh = problem.Freshness
	}
	if fresh.Node == "" {
		return
	}
	fmt.Fprintf(a.stderr, "%s, as of version %s, lag %s\n", oneLine(fresh.Node), fresh.AsOf, orUnknown(lag(lagMillis(fresh))))
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

func lagMillis(fresh client.Freshness) *float64 {
	if !fresh.LagKnown {
		return nil
	}
	millis := float64(fresh.Lag.Microseconds()) / 1000
	return &millis
}

// storeOutput is an answer for programs: its body and what the headers say, in one object.
func storeOutput(answer *client.Answer) any {
	out := struct {
		Status     int             `json:"status"`
		Key        string          `json:"key"`
		Value      json.RawMessage `json:"value,omitempty"`
		Version    string          `json:"version,omitempty"`
		Pending    bool            `json:"pending,omitempty"`
		Superseded bool            `json:"superseded,omitempty"`
		WriteID    string          `json:"write_id,omitempty"`
		Location   string          `json:"location,omitempty"`
		Node       string          `json:"node"`
		AsOf       string          `json:"as_of"`
		LagMs      *float64        `json:"lag_ms"`
	}{
		Status: answer.Status, Key: answer.Key, Value: answer.Value, Pending: answer.Pending,
		Superseded: answer.Superseded, WriteID: answer.WriteID, Location: answer.Location,
		Node: answer.Node, AsOf: answer.AsOf.String(), LagMs: lagMillis(answer.Freshness),
	}
	if !answer.Version.IsZero() {
		out.Version = answer.Version.String()
	}
	return out
}
