package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"xylem/node/proof"
)

// errNotSent is wrapped when a request certainly did not reach the other node.
var errNotSent = errors.New("the node could not be reached")

// errSeenBefore says that another copy of a request may have been carried out.
var errSeenBefore = errors.New("the node says that it has seen this request before")

// peers sends requests to other nodes, with the proof that this node knows the
// cluster's secret.
type peers struct {
	connections *Connections
	dialTimeout time.Duration
	client      *http.Client // for answers that are read as they come
	signer      *proof.Signer
	receivers   proof.Receivers
}

// peerRequest is one request, for a receiver of which that instance is known.
type peerRequest struct {
	receiver proof.Instance
	path     string
	body     []byte
}

// peerAnswer is what another node said.
type peerAnswer struct {
	status   int
	instance string // of the receiver, as it tells it with a 401
	proof    string // of the answer, where it has one: see pingAncestor
	body     []byte
}

// maxDialTimeout bounds how long a connection may take to be made.
const maxDialTimeout = 2 * time.Second

// newPeers makes the requests of a node whose writes may take so long. A connection
// gets half of that, so that a node that cannot be reached leaves time for another.
func newPeers(signer *proof.Signer, connections *Connections, writesTimeout time.Duration) *peers {
	timeout := min(maxDialTimeout, writesTimeout/2)
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}
	return &peers{
		connections: connections,
		dialTimeout: timeout,
		signer:      signer,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:        dialer.DialContext,
				MaxIdleConns:       0, // as many as there are nodes
				IdleConnTimeout:    time.Minute,
				DisableCompression: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// maxPeerAnswerBytes bounds an answer that is held in memory.
const maxPeerAnswerBytes = 64 << 20

// post sends body to path at the node that is at address. A node that
// refuses the proof is asked again with another. An error
// wraps errNotSent if the request certainly had no effect.
func (p *peers) post(ctx context.Context, address, path string, body []byte) (peerAnswer, error) {
	host, plain := plainHost(address)
	if !plain {
		resp, err := p.open(ctx, address, path, body)
		if err != nil {
			return peerAnswer{}, err
		}
		return readAnswer(resp, address)
	}
	r := peerRequest{receiver: p.receivers.Known(address), path: path, body: body}
	for try := 1; ; try++ {
		answer, err := p.call(ctx, address, host, &r)
		if err != nil || answer.status != http.StatusUnauthorized || try == maxProofs {
			return answer, err
		}
		if err := p.learn(address, &r, answer.instance); err != nil {
			return peerAnswer{}, err
		}
	}
}

// call sends a request once. A connection that turns out to be closed before anything was written to it makes
// way for a new one; what was written is never written again.
func (p *peers) call(ctx context.Context, address, host string, r *peerRequest) (peerAnswer, error) {
	if err := ctx.Err(); err != nil {
		return peerAnswer{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	if conn := p.connections.take(host); conn != nil {
		answer, sent, err := p.exchange(ctx, conn, r)
		if err == nil || sent {
			return p.outcome(ctx, address, host, answer, err)
		}
	}
	conn, err := dial(ctx, host, p.dialTimeout)
	if err != nil {
		return peerAnswer{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	answer, sent, err := p.exchange(ctx, conn, r)
	if err != nil && !sent {
		return peerAnswer{}, fmt.Errorf("%w: %w", errNotSent, cmp.Or(ctx.Err(), err))
	}
	return p.outcome(ctx, address, host, answer, err)
}

// outcome is how a request that was sent ended.
func (p *peers) outcome(ctx context.Context, address, host string, answer peerAnswer, err error) (peerAnswer, error) {
	if err == nil {
		return answer, nil
	}
	if !errors.Is(context.Cause(ctx), context.Canceled) { // else this node gave up
		p.connections.forget(host)
	}
	return peerAnswer{}, fmt.Errorf("ask %s: %w", address, cmp.Or(context.Cause(ctx), err))
}

// maxProofs is how many proofs a request is sent with at most.
const maxProofs = 3

// learn takes in that the receiver of a request refused its proof, and told its instance. The error
// says that it is not to be sent with another.
func (p *peers) learn(address string, r *peerRequest, told string) error {
	again, other := p.receivers.Learn(address, r.receiver, told)
	// Either the receiver is another process now, and has taken nothing of it; or it
	// has seen this very request before, brought by somebody between, or so many were
	// under way that it cannot tell. A new proof mends all, but not for a request that
	// must not be carried out twice.
	if !other && r.path == pathWrite {
		return fmt.Errorf("ask %s: %w", address, errSeenBefore)
	}
	r.receiver = again
	return nil
}

// open is post for an answer that is read as it comes; the caller closes it.
func (p *peers) open(ctx context.Context, address, path string, body []byte) (*http.Response, error) {
	r := peerRequest{receiver: p.receivers.Known(address), path: path, body: body}
	for try := 1; ; try++ {
		resp, err := p.send(ctx, r.receiver, address, path, body)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized || try == maxProofs {
			return resp, nil
		}
		told := resp.Header.Get(proof.InstanceHeaderName)
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
		_ = resp.Body.Close()
		if err := p.learn(address, &r, told); err != nil {
			return nil, err
		}
	}
}

// readAnswer reads an answer to its end.
func readAnswer(resp *http.Response, address string) (peerAnswer, error) {
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxPeerAnswerBytes))
	if err != nil {
		return peerAnswer{}, fmt.Errorf("read the answer of %s: %w", address, err)
	}
	return peerAnswer{status: resp.StatusCode, proof: resp.Header.Get(proof.HeaderName), body: answer}, nil
}

func (p *peers) send(ctx context.Context, receiver proof.Instance, address, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	req.GetBody = nil // a proof is good once: nothing below may send it again
	req.Header.Set(proof.HeaderName, p.signer.Header(receiver, http.MethodPost, path, body))
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := p.client.Do(req)
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	return resp, nil
}
