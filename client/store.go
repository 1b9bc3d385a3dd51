package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// ErrValue says that a value is not JSON. Nothing was sent.
var ErrValue = errors.New("value is not valid JSON")

// Get reads one key. A key that neither the node nor an ancestor has is a *Problem that is ErrNotFound and carries the
// version as of which that holds.
func (c *Client) Get(ctx context.Context, key string, opts ...RequestOption) (*Answer, error) {
	return c.store(ctx, call{method: http.MethodGet, key: key, store: true, opts: opts})
}

// Put writes one key. A nil error means acknowledged: ordered (200), or durable on the node and pending (202). Value is
// sent as it is, so that numbers keep their digits.
func (c *Client) Put(ctx context.Context, key string, value json.RawMessage, opts ...RequestOption) (*Answer, error) {
	if !json.Valid(value) {
		return nil, fmt.Errorf("key %q: %w", key, ErrValue)
	}
	body := make([]byte, 0, len(value)+len(`{"value":}`))
	body = append(body, `{"value":`...)
	body = append(body, value...)
	body = append(body, '}')
	return c.store(ctx, call{method: http.MethodPut, key: key, store: true, body: body, opts: opts})
}

// Delete removes one key; it is no error when the key was not there.
func (c *Client) Delete(ctx context.Context, key string, opts ...RequestOption) (*Answer, error) {
	return c.store(ctx, call{method: http.MethodDelete, key: key, store: true, opts: opts})
}

func (c *Client) store(ctx context.Context, call call) (*Answer, error) {
	r, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	notModified := r.status == http.StatusNotModified && call.method == http.MethodGet
	if !r.ok() && !notModified {
		return nil, r.problem(call.write())
	}
	answer, err := r.answer()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", call.method, c.base, err)
	}
	return answer, nil
}

func (r *reply) ok() bool { return r.status >= 200 && r.status <= 299 }
