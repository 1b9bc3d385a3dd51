package node

import (
	"context"
	"errors"
	"fmt"
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
	end, err := n.forwardTo(ctx, parent.Address, &batch)
	switch failed := err != nil; {
	case failed && !n.parentFails.Swap(true):
		n.log.Warn("writes do not get through to the parent; trying on with each that comes", "parent", parent.Name(), "err", err)
	case !failed && n.parentFails.Swap(false):
		n.log.Info("writes get through to the parent again", "parent", parent.Name())
	}
	return end
}

// forwardTo sends a batch and says how that ended. The error is for the log.
func (n *Node) forwardTo(ctx context.Context, address string, batch *wire.Batch) (replica.Forwarded, error) {
	answer, err := n.peers.post(ctx, address, pathWrite, wire.AppendBatch(nil, batch))
	switch {
	case errors.Is(err, errNotSent):
		return replica.Forwarded{Failed: wire.Unreachable}, err
	case err != nil:
		return replica.Forwarded{Failed: wire.Unknown}, err
	case answer.status == http.StatusOK:
		results, err := wire.DecodeResults(answer.body)
		if err != nil {
			return replica.Forwarded{Failed: wire.Unknown}, err
		}
		return replica.Forwarded{Results: results}, nil
	}
	err = fmt.Errorf("it answered %d: %s", answer.status, excerpt(answer.body))
	if answer.status < http.StatusInternalServerError || answer.status == http.StatusServiceUnavailable {
		return replica.Forwarded{Failed: wire.Unreachable}, err // refused before anything was done
	}
	return replica.Forwarded{Failed: wire.Unknown}, err
}

// excerpt is the beginning of an answer, for a log line.
func excerpt(body []byte) string { return string(body[:min(len(body), 300)]) }

// submit hands writes to the core and waits for what becomes of them. When that
// takes longer than two forwards may, for one batch may wait behind another, the
// outcome is unknown.
func (n *Node) submit(ctx context.Context, writes []wire.Write) replica.Reply {
	ctx, cancel := context.WithTimeout(ctx, 2*n.opts.Config.Writes.Timeout)
	defer cancel()
	ref, answer := n.loop.replies.register()
	if !n.loop.put(&replica.Submit{Ref: ref, Writes: writes}) {
		n.loop.replies.forget(ref)
		return outcomes(len(writes), wire.Unreachable)
	}
	select {
	case reply := <-answer:
		return reply
	case <-ctx.Done():
		n.loop.replies.forget(ref)
		return outcomes(len(writes), wire.Unknown)
	}
}

func outcomes(count int, outcome wire.Outcome) replica.Reply {
	results := make([]wire.Result, count)
	for i := range results {
		results[i].Outcome = outcome
	}
	return replica.Reply{Results: results}
}
