package node

import (
	"bytes"
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
	client    *http.Client
	signer    *proof.Signer
	receivers proof.Receivers
}

// peerAnswer is what another node said.
type peerAnswer struct {
	status int
	body   []byte
}

// maxDialTimeout bounds how long a connection may take to be made.
const maxDialTimeout = 2 * time.Second

// newPeers makes the requests of a node whose writes may take so long. A connection
// gets half of that, so that a node that cannot be reached leaves time for another.
func newPeers(signer *proof.Signer, writesTimeout time.Duration) *peers {
	dialer := &net.Dialer{Timeout: min(maxDialTimeout, writesTimeout/2), KeepAlive: 15 * time.Second}
	return &peers{
		signer: signer,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:         dialer.DialContext,
				MaxIdleConns:        0, // as many as there are nodes
				MaxIdleConnsPerHost: 8,
				IdleConnTimeout:     time.Minute,
				DisableCompression:  true,
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
	resp, err := p.open(ctx, address, path, body)
	if err != nil {
		return peerAnswer{}, err
	}
	return readAnswer(resp, address)
}

// readAnswer reads an answer to its end.
func readAnswer(resp *http.Response, address string) (peerAnswer, error) {
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxPeerAnswerBytes))
	if err != nil {
		return peerAnswer{}, fmt.Errorf("read the answer of %s: %w", address, err)
	}
	return peerAnswer{status: resp.StatusCode, body: answer}, nil
}

// open is post for an answer that is read as it comes; the caller closes it.
func (p *peers) open(ctx context.Context, address, path string, body []byte) (*http.Response, error) {
	const tries = 3
	receiver := p.receivers.Known(address)
	for try := 1; ; try++ {
		resp, err := p.send(ctx, receiver, address, path, body)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized || try == tries {
			return resp, nil
		}
		again, other := p.receivers.Learn(address, receiver, resp.Header.Get(proof.InstanceHeaderName))
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
		_ = resp.Body.Close()
		// Either the receiver is another process now, and has taken nothing of it; or it
		// has seen this very request before, brought by somebody between, or so many were
		// under way that it cannot tell. A new proof mends all, but not for a request that
		// must not be carried out twice.
		if !other && path == pathWrite {
			return nil, fmt.Errorf("ask %s: %w", address, errSeenBefore)
		}
		if other {
			receiver = again
		}
	}
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
