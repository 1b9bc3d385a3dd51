// Package client speaks to the nodes of a Xylem tree over HTTP. The command line and the tests use it.
//
// A Client talks to one node. Reads are answered from that node's memory; writes travel from it to the root. Every
// answer says how fresh it is (see Freshness). A write is sent once: when its answer is lost the caller is told so
// (ErrOutcomeUnknown) and decides.
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultTimeout bounds one request, answer included, unless WithTimeout or WithHTTPClient says otherwise. It is
// several times what a node waits for its own ancestors.
const DefaultTimeout = 10 * time.Second

// maxIdlePerHost is how many idle connections to the node are kept: as many as a busy test has clients. net/http's
// own default of 2 makes every further one dial anew.
const maxIdlePerHost = 256

var (
	// ErrUnreachable says that the node did not answer: nothing listens, the name is unknown, the connection broke
	// or the time was up.
	ErrUnreachable = errors.New("node unreachable")
	// ErrOutcomeUnknown says that a write may or may not have been ordered: its answer was lost, or the node itself
	// says so (504). Read the key to find out.
	ErrOutcomeUnknown = errors.New("outcome of the write unknown")
	// ErrBaseURL says that a node's URL cannot be used.
	ErrBaseURL = errors.New("not the URL of a node: want http://HOST:PORT")
)

// Client talks to one node. It is safe for concurrent use and keeps its connections open; make one per node and
// share it.
type Client struct {
	base    *url.URL
	baseErr error // reported by every request, so that New needs no error
	http    *http.Client
}

// Option changes a Client that New makes.
type Option func(*Client)

// WithHTTPClient sends requests through h. Its transport and time-out are used as they are; redirects are not
// followed whatever it says.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) {
		own := *h
		c.http = &own
	}
}

// WithTimeout bounds one request, answer included; 0 leaves it to the context.
func WithTimeout(d time.Duration) Option {
	return func(c *Client) { c.http.Timeout = d }
}

// New returns a client of the node at baseURL, such as http://localhost:5006. Options apply in order. An unusable URL
// is reported by the requests, wrapping ErrBaseURL.
func New(baseURL string, opts ...Option) *Client {
	c := &Client{http: &http.Client{Transport: newTransport(), Timeout: DefaultTimeout}}
	c.base, c.baseErr = parseBase(baseURL)
	for _, opt := range opts {
		opt(c)
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// BaseURL is the URL of the node, as requests use it.
func (c *Client) BaseURL() string {
	if c.base == nil {
		return ""
	}
	return c.base.String()
}

// Close drops the connections that are idle. The client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// newTransport is HTTP/1.1 without proxies: nodes are reached directly, and a proxy might clean the path of a key.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		MaxIdleConnsPerHost: maxIdlePerHost,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
		WriteBufferSize:     16 << 10,
		ReadBufferSize:      16 << 10,
	}
}

func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, ErrBaseURL)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q: %w", text, ErrBaseURL)
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = path
	return u, nil
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send sends one request and reads the whole answer. The address is put together from parts that are escaped already.
func (c *Client) send(ctx context.Context, call call) (*reply, error) {
	if c.baseErr != nil {
		return nil, c.baseErr
	}
	req, err := c.newRequest(ctx, call)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, call, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, c.broken(ctx, call, err)
	}
	return &reply{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// broken names what a failed exchange means: unreachable, and for a write that may have been sent, outcome unknown. A
// request that the caller cancelled says nothing about the node.
func (c *Client) broken(ctx context.Context, call call, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var op *net.OpError
	unsent := errors.As(err, &op) && op.Op == "dial"
	where := call.method + " " + c.base.String()
	cancelled := errors.Is(ctx.Err(), context.Canceled)
	switch {
	case call.write() && !unsent && cancelled:
		return fmt.Errorf("%s: %w: %w", where, ErrOutcomeUnknown, err)
	case call.write() && !unsent:
		return fmt.Errorf("%s: %w, %w: %w", where, ErrUnreachable, ErrOutcomeUnknown, err)
	case cancelled:
		return fmt.Errorf("%s: %w", where, err)
	}
	return fmt.Errorf("%s: %w: %w", where, ErrUnreachable, err)
}
