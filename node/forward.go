package node

import (
	"context"
	"errors"
	"net/http"

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
)

// forward sends a batch to the parent and returns how that ended.
func (n *Node) forward(batch wire.Batch) replica.Forwarded {
	parent, joined := n.parent()
	if !joined {
		return replica.Forwarded{Failed: wire.Unreachable}
	}
	n.uplinked.requests.Add(1)
	n.uplinked.writes.Add(uint64(len(batch.Writes)))
	ctx, cancel := context.WithTimeout(n.working, n.opts.Config.Writes.Timeout)
	defer cancel()
	answer, err := n.peers.post(ctx, parent.Address, pathWrite, wire.AppendBatch(nil, &batch))
	if err != nil {
		n.log.Warn("forwarding writes to the parent failed", "parent", parent.Name(), "writes", len(batch.Writes), "err", err)
		if errors.Is(err, errNotSent) {
			return replica.Forwarded{Failed: wire.Unreachable}
		}
		return replica.Forwarded{Failed: wire.Unknown}
	}
	if answer.status != http.StatusOK {
		n.log.Warn("the parent refused writes", "parent", parent.Name(), "status", answer.status, "answer", excerpt(answer.body))
		if answer.status < http.StatusInternalServerError || answer.status == http.StatusServiceUnavailable {
			return replica.Forwarded{Failed: wire.Unreachable} // refused before anything was done
		}
		return replica.Forwarded{Failed: wire.Unknown}
	}
	results, err := wire.DecodeResults(answer.body)
	if err != nil {
		n.log.Error("the parent's results cannot be read", "parent", parent.Name(), "err", err)
		return replica.Forwarded{Failed: wire.Unknown}
	}
	return replica.Forwarded{Results: results}
}

// excerpt is the beginning of an answer, for a log line.
func excerpt(body []byte) string { return string(body[:min(len(body), 300)]) }

// submit hands writes to the core and waits for what becomes of them. When that
// takes longer than two forwards may, for one batch may wait behind another, the
// outcome is unknown.
func (n *Node) submit(ctx context.Context, writes []wire.Write) []wire.Result {
	ctx, cancel := context.WithTimeout(ctx, 2*n.opts.Config.Writes.Timeout)
	defer cancel()
	ref, answer := n.loop.replies.register()
	if !n.loop.put(&replica.Submit{Ref: ref, Writes: writes}) {
		n.loop.replies.forget(ref)
		return outcomes(len(writes), wire.Unreachable)
	}
	select {
	case results := <-answer:
		return results
	case <-ctx.Done():
		n.loop.replies.forget(ref)
		return outcomes(len(writes), wire.Unknown)
	}
}

func outcomes(count int, outcome wire.Outcome) []wire.Result {
	results := make([]wire.Result, count)
	for i := range results {
		results[i].Outcome = outcome
	}
	return results
}
