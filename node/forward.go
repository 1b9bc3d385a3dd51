package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"xylem/coordinator"
	"xylem/sync/replica"
	"xylem/sync/wire"
)

// Paths of requests between nodes.
const (
	pathSynchronize = "/synchronize"
	pathJoin        = "/tree/join"
	pathLeave       = "/tree/leave"
	pathWrite       = "/tree/write"
	pathLookup      = "/tree/lookup"
	pathState       = "/tree/state"
	pathPing        = "/tree/ping"
	pathRoll        = "/tree/roll"
	pathGather      = "/tree/gather"
)

// errNoAncestor says that this node has not joined, or no ancestor is of use now.
var errNoAncestor = fmt.Errorf("no ancestor can be turned to: %w", errNotSent)

// forward sends a batch to the nearest ancestor that is of use, and returns how that
// ended. It goes on to the next only when the batch certainly had no effect. Of one that
// was lost with an ancestor nothing is known, but the next batch goes round that.
func (n *Node) forward(batch wire.Batch, tries int) replica.Forwarded {
	end, err := replica.Forwarded{Failed: wire.Unreachable}, errNoAncestor
	// Nine tenths: what comes of no answer is to be on the disk and answered in time. Of
	// what is tried again nobody waits for the answer, which may just be slow.
	const patience = 5
	ctx, cancel := context.WithTimeout(n.working, n.opts.Config.Writes.Timeout*time.Duration(1+min(tries, patience))*9/10)
	defer cancel()
	body := wire.AppendBatch(nil, &batch)
	for _, m := range n.lineage.candidates() {
		n.uplinked.requests.Add(1)
		n.uplinked.writes.Add(uint64(len(batch.Writes)))
		end, err = n.forwardTo(ctx, m, body)
		if end.Failed == wire.Unknown && ctx.Err() == nil { // else the ancestor may be well, and it is the root that lets writes wait
			above := n.lineage.candidates()
			end.Another = len(above) > 0 && !slices.Contains(above, m)
		}
		if end.Failed != wire.Unreachable || ctx.Err() != nil {
			break
		}
	}
	switch failed := err != nil; {
	case failed && !n.parentFails.Swap(true):
		n.log.Warn("writes do not get through to the root; trying on", "err", err)
	case !failed && n.parentFails.Swap(false):
		n.log.Info("writes get through to the root again")
	}
	return end
}

// forwardTo sends a batch and says how that ended; Unreachable means that it
// certainly had no effect. The error is for the log.
func (n *Node) forwardTo(ctx context.Context, m coordinator.Member, body []byte) (replica.Forwarded, error) {
	began := time.Now()
	answer, err := n.postAttended(ctx, m, pathWrite, body, writeSilence(n.opts.Config.Liveness.Timeout))
	switch {
	case err != nil:
		n.unheard(ctx, m, began, err)
		if errors.Is(err, errNotSent) {
			return replica.Forwarded{Failed: wire.Unreachable}, err
		}
		return replica.Forwarded{Failed: wire.Unknown}, err
	case answer.status == http.StatusOK:
		results, err := wire.DecodeResults(answer.body)
		if err != nil {
			err = fmt.Errorf("read what %s made of the writes: %w", m.Name(), err)
			n.lineage.silent(m, false, err) // what answers there is no node, or is not well
			return replica.Forwarded{Failed: wire.Unknown}, err
		}
		if allUnreachable(results.Results) {
			n.lineage.cutOff(m)
			return replica.Forwarded{Failed: wire.Unreachable}, fmt.Errorf("%s cannot reach the root", m.Name())
		}
		return replica.Forwarded{Results: results}, nil
	case answer.status == http.StatusServiceUnavailable:
		n.lineage.cutOff(m)
	}
	err = fmt.Errorf("%s answered %d: %s", m.Name(), answer.status, excerpt(answer.body))
	if answer.status < http.StatusInternalServerError || answer.status == http.StatusServiceUnavailable {
		return replica.Forwarded{Failed: wire.Unreachable}, err // refused before anything was done
	}
	n.lineage.silent(m, false, err) // as above
	return replica.Forwarded{Failed: wire.Unknown}, err
}

// allUnreachable reports whether none of the writes was ordered, for certain.
func allUnreachable(results []wire.Result) bool {
	return len(results) > 0 && !slices.ContainsFunc(results, func(r wire.Result) bool { return r.Outcome != wire.Unreachable })
}

// excerpt is the beginning of an answer, for a log line.
func excerpt(body []byte) string { return string(body[:min(len(body), 300)]) }
