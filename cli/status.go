package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
		Long: `Ask every node for its version and digest. The last line says whether all are equal. A node that does not answer
where client.url says is asked at the address that the root has for it. Those that do not answer are shown as such; the
exit status is 3 when none answered.`,
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
		askElsewhere(cmd.Context(), cfg, timeout, reports)
		verdict := compare(reports)
		if asJSON {
			err = writeJSON(a.stdout, statusOutput(reports, verdict))
		} else if err = writeTable(a.stdout, statusRows(reports, a.now())); err == nil {
			_, err = fmt.Fprintln(a.stdout, verdict.text(len(reports)))
		}
		if err == nil && verdict.answered == 0 {
			err = &failure{status: exitUnreachable, err: fmt.Errorf("none of the %d nodes answered (%s): "+
				"is the tree running, and where client.url says? `xylem up` starts one on this machine", len(reports), cause(reports[0].err))}
		}
		return err
	}
	return cmd
}

// askAll asks every node where client.url says.
func askAll(ctx context.Context, cfg configs.Config, timeout time.Duration) []report {
	reports := make([]report, cfg.Nodes())
	asked := make([]*report, len(reports))
	for i := range reports {
		reports[i].name, reports[i].url = cfg.NodeName(i+1), cfg.ClientURL(i+1)
		asked[i] = &reports[i]
	}
	askEach(ctx, asked, timeout)
	return reports
}

// askElsewhere asks those that did not answer once more, at the address that the root has for them, if it has another.
// Where no root is to be found they stay what they are.
func askElsewhere(ctx context.Context, cfg configs.Config, timeout time.Duration, reports []report) {
	verdict := compare(reports)
	if verdict.reference == nil || len(verdict.missing) == 0 {
		return
	}
	var nodes []client.Node
	err := askRoot(ctx, cfg, verdict.reference.Node, timeout, func(c *client.Client) (err error) {
		nodes, _, err = c.Nodes(ctx)
		return err
	})
	if err != nil {
		return
	}
	var again []*report
	for _, n := range nodes {
		at := slices.IndexFunc(reports, func(r report) bool { return r.name == n.Node })
		if at >= 0 && reports[at].sync == nil && n.Address != "" && n.Address != reports[at].url {
			again = append(again, &report{name: n.Node, url: n.Address})
		}
	}
	askEach(ctx, again, timeout)
	for i, r := range reports {
		at := slices.IndexFunc(again, func(a *report) bool { return a.name == r.name && a.sync != nil })
		if at >= 0 {
			reports[i] = *again[at]
		}
	}
}

// askEach asks the nodes at their URLs, several at a time.
func askEach(ctx context.Context, reports []*report, timeout time.Duration) {
	next := make(chan *report)
	var workers sync.WaitGroup
	for range min(statusWorkers, len(reports)) {
		workers.Go(func() {
			for r := range next {
				to := newTarget(r.name, r.url, timeout)
				r.sync, r.err = to.client.Synchronization(ctx)
				to.client.Close()
			}
		})
	}
	for _, r := range reports {
		next <- r
	}
	close(next)
	workers.Wait()
}

// state is a word for people: up, unreachable, or that it answered with an error; of a root that does not order, why.
func (r report) state() string {
	var problem *client.Problem
	switch {
	case r.err == nil && r.sync.State != "" && r.sync.State != "ordering":
		return r.sync.State
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
