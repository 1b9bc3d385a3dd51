package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"xylem/sync/version"
)

// call is one request: what is sent where.
type call struct {
	method string
	key    string // of /store/{key}, when store is set
	store  bool
	path   string // instead, another path, escaped
	query  string // escaped
	body   []byte
	opts   []RequestOption
}

func (c call) write() bool { return c.method == http.MethodPut || c.method == http.MethodDelete }

// newRequest builds a request whose path goes out exactly as escaped here: net/http sends RawPath as it is when it is
// an encoding of Path, and cleans nothing.
//
// A write must not be sent twice behind the caller's back. net/http sends a PUT or DELETE again only when not a byte
// of it had been written to a connection that turned out dead, and retrying transports that a caller may plug in go by
// GetBody: so the body of a PUT cannot be rewound. (A DELETE has none; what was not written at all nobody has seen.)
func (c *Client) newRequest(ctx context.Context, call call) (*http.Request, error) {
	path, raw := "/store/"+call.key, "/store/"+EscapeKey(call.key)
	if !call.store {
		raw = call.path
		path, _ = url.PathUnescape(raw) // which escape made
	}
	u := *c.base
	u.Path, u.RawPath, u.RawQuery = c.base.Path+path, c.base.RawPath+raw, call.query
	req := &http.Request{
		Method: call.method, URL: &u, Host: u.Host, Header: make(http.Header, 4),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if call.body != nil {
		req.Body = io.NopCloser(bytes.NewReader(call.body))
		req.ContentLength = int64(len(call.body))
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	for _, opt := range call.opts {
		opt(req.Header)
	}
	if u.EscapedPath() != u.RawPath {
		return nil, fmt.Errorf("%s: %w", c.base, ErrBaseURL)
	}
	return req.WithContext(ctx), nil
}

// EscapeKey percent-encodes a key as one path segment that no client or proxy on the way changes: everything but
// letters, digits, "-", "_", "~" and "." is encoded, and so are the dots of "." and ".." wherever they would be a
// segment once somebody decoded the slashes.
func EscapeKey(key string) string {
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		switch segment {
		case ".":
			segments[i] = "%2e"
		case "..":
			segments[i] = "%2e%2e"
		default:
			segments[i] = escape(segment)
		}
	}
	return strings.Join(segments, "%2F")
}

// escape encodes all bytes but RFC 3986's unreserved ones; a space is %20, so that no decoder mistakes a plus.
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// RequestOption adds a condition or a wish to one request.
type RequestOption func(http.Header)

// IfMatch makes a write conditional: it is ordered only if the key is at version v then; otherwise ErrPrecondition.
func IfMatch(v version.Version) RequestOption {
	return func(h http.Header) { h.Set("If-Match", etag(v)) }
}

// IfNoneMatch makes a GET answer 304, without a value, while the key is still at version v.
func IfNoneMatch(v version.Version) RequestOption {
	return func(h http.Header) { h.Set("If-None-Match", etag(v)) }
}

// IfAbsent makes a PUT conditional: it is ordered only if the key is not there then; otherwise ErrPrecondition.
func IfAbsent() RequestOption {
	return func(h http.Header) { h.Set("If-None-Match", "*") }
}

// MinVersion asks for an answer as of v or later: pass on the highest version received so far to read your own writes
// on any node.
func MinVersion(v version.Version) RequestOption {
	return func(h http.Header) { h.Set("Xylem-Min-Version", v.String()) }
}

// MaxLag asks for an answer that lags at most d behind the root; d counts in whole milliseconds.
func MaxLag(d time.Duration) RequestOption {
	return func(h http.Header) { h.Set("Xylem-Max-Lag-Ms", strconv.FormatInt(d.Milliseconds(), 10)) }
}

// FreshWithin bounds how long the node asks upward to fulfil MinVersion or MaxLag; d counts in whole milliseconds.
func FreshWithin(d time.Duration) RequestOption {
	return func(h http.Header) { h.Set("Xylem-Timeout-Ms", strconv.FormatInt(d.Milliseconds(), 10)) }
}

// RespondAsync asks for 202 at once, as soon as the write is durable on the node that takes it.
func RespondAsync() RequestOption {
	return func(h http.Header) { h.Set("Prefer", "respond-async") }
}

func etag(v version.Version) string { return `"` + v.String() + `"` }
