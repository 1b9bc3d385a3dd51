package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"xylem/sync/version"
)

// Session reads its own writes, and never goes back in time, whichever nodes it speaks to: it remembers the highest
// version of all its answers, and asks for answers as of that version or later. What such an answer may take is up to
// FreshWithin; a node that does not get there in time answers with a *Problem that is ErrNotFresh.
//
// A write that a node only queued (Answer.Pending) has no version yet: until it is ordered it is sure to be read at
// that node only.
//
// When the root was replaced, the version that a session remembers may have been abandoned: it is on no history any
// more, and what was read there is gone. The reads of the session then return a *Problem that is ErrAbandoned, until
// Reset lets it go on from what there is now. A write of the session in between moves it on as well.
//
// The zero Session has seen nothing and is ready. It is safe for concurrent use.
type Session struct {
	mu   sync.Mutex
	seen version.Version
}

// Version is the highest version that the session has seen, to be handed to another with Saw.
func (s *Session) Version() version.Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// Saw has the session read as of v or later: what somebody else saw.
func (s *Session) Saw(v version.Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = version.Max(s.seen, v)
}

// Reset forgets what was seen.
func (s *Session) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = version.Version{}
}

// Get is Client.Get within the session.
func (s *Session) Get(ctx context.Context, c *Client, key string, opts ...RequestOption) (*Answer, error) {
	answer, err := c.Get(ctx, key, s.within(opts)...)
	return s.saw(answer, err)
}

// Put is Client.Put within the session.
func (s *Session) Put(ctx context.Context, c *Client, key string, value json.RawMessage, opts ...RequestOption) (*Answer, error) {
	answer, err := c.Put(ctx, key, value, opts...)
	return s.saw(answer, err)
}

// Delete is Client.Delete within the session.
func (s *Session) Delete(ctx context.Context, c *Client, key string, opts ...RequestOption) (*Answer, error) {
	answer, err := c.Delete(ctx, key, opts...)
	return s.saw(answer, err)
}

// List is Client.List within the session.
func (s *Session) List(ctx context.Context, c *Client, prefix, after string, limit int, opts ...RequestOption) (*Page, error) {
	page, err := c.List(ctx, prefix, after, limit, s.within(opts)...)
	if err != nil {
		s.failed(err)
		return nil, err
	}
	s.Saw(page.AsOf)
	return page, nil
}

// within puts the session's demand before the caller's own options.
func (s *Session) within(opts []RequestOption) []RequestOption {
	v := s.Version()
	if v.IsZero() {
		return opts
	}
	return append([]RequestOption{MinVersion(v)}, opts...)
}

func (s *Session) saw(answer *Answer, err error) (*Answer, error) {
	if err != nil {
		s.failed(err)
		return nil, err
	}
	s.Saw(version.Max(answer.AsOf, answer.Version))
	return answer, nil
}

// failed takes in that a key was absent, or not as a condition wants it, which is an answer as of a version as well.
// Other errors come with the version of a state that the caller did not get to see.
func (s *Session) failed(err error) {
	var p *Problem
	if errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusPreconditionFailed) {
		s.Saw(p.AsOf)
	}
}
