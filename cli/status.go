package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"xylem/client"
	"xylem/configs"
)

// statusWorkers is how many nodes are asked at a time.
const statusWorkers = 32

// report is what one node said, or why it said nothing.
type report struct {
	name, url string
	sync      *client.Synchronization // nil when it did not answer
	err       error
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show which node is at which version, and whether all are equal",
		Long: `Ask every node for its version and digest. The last line says whether all are equal. Nodes that do not answer are
shown as such; the exit status is 3 when none answered.`,
		Example: `  xylem status
  xylem status --timeout 500ms
  xylem status --output json | jq .equal`,
		Args: needArgs(),
	}
	addOutput(cmd)
	addTimeout(cmd, 2*time.Second)
	addSettings(cmd.Flags(), clientSettings)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, asJSON, timeout, err := a.prepare(cmd)
		if err != nil {
			return err
		}
		reports := askAll(cmd.Context(), cfg, timeout)
		verdict := compare(reports)
		if asJSON {
			err = writeJSON(a.stdout, statusOutput(reports, verdict))
		} else if err = writeTable(a.stdout, statusRows(reports, a.now())); err == nil {
			_, err = fmt.Fprintln(a.stdout, verdict.text(len(reports)))
		}
		if err == nil && verdict.answered == 0 {
			err = &failure{status: exitUnreachable, err: fmt.Errorf("none of the %d nodes answered (%s): "+
				"is the tree running? `xylem up` starts one on this machine", len(reports), cause(reports[0].err))}
		}
		return err
	}
	return cmd
}

// askAll asks every node, several at a time.
func askAll(ctx context.Context, cfg configs.Config, timeout time.Duration) []report {
	reports := make([]report, cfg.Nodes())
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(statusWorkers, len(reports)) {
		workers.Go(func() {
			for i := range next {
				to := newTarget(cfg.NodeName(i+1), cfg.ClientURL(i+1), timeout)
				doc, err := to.client.Synchronization(ctx)
				reports[i] = report{name: to.name, url: to.url, sync: doc, err: err}
				to.client.Close()
			}
		})
	}
	for i := range reports {
		next <- i
	}
	close(next)
	workers.Wait()
	return reports
}

// state is a word for people: up, unreachable, or that it answered with an error.
func (r report) state() string {
	var problem *client.Problem
	switch {
	case r.err == nil:
		return "up"
	case errors.As(r.err, &problem):
		return "error " + strconv.Itoa(problem.Status)
	}
	return "unreachable"
}

func statusRows(reports []report, now time.Time) [][]string {
	rows := [][]string{{"NODE", "ROLE", "STATE", "VERSION", "LAG", "DIGEST", "PENDING", "LAST PUSH"}}
	for _, r := range reports {
		if r.sync == nil {
			rows = append(rows, []string{r.name, "", r.state(), "", "", "", "", ""})
			continue
		}
		s := r.sync
		rows = append(rows, []string{
			r.name, s.Role, r.state(), s.Version, lag(s.LagMs), short(s.Digest),
			strconv.FormatInt(s.Pending, 10), pushText(s.LastPush, now),
		})
	}
	return rows
}

func pushText(push *client.Push, now time.Time) string {
	if push == nil {
		return ""
	}
	text := push.Kind
	if push.Entries > 0 {
		text += fmt.Sprintf(" of %d, %d B", push.Entries, push.Bytes)
	}
	return text + " " + ago(now, push.When)
}

// statusOutput is `xylem status` for programs.
func statusOutput(reports []report, v verdict) any {
	type node struct {
		Node            string          `json:"node"`
		URL             string          `json:"url"`
		State           string          `json:"state"`
		Error           string          `json:"error,omitempty"`
		Synchronization json.RawMessage `json:"synchronization"`
	}
	nodes := make([]node, len(reports))
	for i, r := range reports {
		nodes[i] = node{Node: r.name, URL: r.url, State: r.state()}
		if r.sync != nil {
			nodes[i].Synchronization = r.sync.Body
		} else {
			nodes[i].Error = cause(r.err)
		}
	}
	return struct {
		Equal    bool   `json:"equal"`
		Answered int    `json:"answered"`
		Nodes    []node `json:"nodes"`
	}{v.equal(len(reports)), v.answered, nodes}
}
