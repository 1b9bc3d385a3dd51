package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Backup is a node's whole state as of its AsOf, as it comes. Read Body to its end and
// check what was read: that it ended does not say that it is whole. Close it.
type Backup struct {
	Freshness
	Body io.ReadCloser
}

// Backup asks the node for its whole state as of one version, while it goes on serving.
// The client's time-out bounds the wait for the answer and for each further part of
// it, not the whole. A node that holds no state answers with a *Problem that is
// ErrUnavailable.
func (c *Client) Backup(ctx context.Context) (*Backup, error) {
	if c.baseErr != nil {
		return nil, c.baseErr
	}
	call := call{method: http.MethodGet, path: "/backup"}
	waiting, cancel := context.WithCancelCause(ctx)
	req, err := c.newRequest(waiting, call)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	body := &patientBody{client: c, call: call, ctx: ctx, waiting: waiting, cancel: cancel}
	patient := *c.http
	if patient.Timeout > 0 {
		body.timeout, patient.Timeout = patient.Timeout, 0
		body.idle = time.AfterFunc(body.timeout, func() { cancel(context.DeadlineExceeded) })
	}
	resp, err := patient.Do(req)
	if err != nil {
		return nil, body.end(err)
	}
	if body.ReadCloser = resp.Body; resp.StatusCode == http.StatusOK {
		return &Backup{Freshness: freshness(resp.Header), Body: body}, nil
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return nil, (&reply{status: resp.StatusCode, header: resp.Header, body: text}).problem(false)
}

// patientBody is an answer of which each part is waited for as long as others for all.
type patientBody struct {
	io.ReadCloser
	client  *Client
	call    call
	ctx     context.Context // the caller's
	waiting context.Context // of the request: ends when a part takes too long
	cancel  context.CancelCauseFunc
	timeout time.Duration
	idle    *time.Timer // nil without a time-out
}

// Read implements io.Reader.
func (b *patientBody) Read(p []byte) (int, error) {
	if b.idle != nil { // who reads may take their time between
		b.idle.Reset(b.timeout)
		defer b.idle.Stop()
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.end(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *patientBody) Close() error {
	b.release()
	return b.ReadCloser.Close()
}

// end gives the answer up, and says what that means.
func (b *patientBody) end(err error) error {
	if errors.Is(context.Cause(b.waiting), context.DeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	b.release()
	return b.client.broken(b.ctx, b.call, err)
}

func (b *patientBody) release() {
	if b.idle != nil {
		b.idle.Stop()
	}
	b.cancel(nil)
}
