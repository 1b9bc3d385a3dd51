package node

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"xylem/node/proof"
	"xylem/store"
	"xylem/sync/wire"
)

// problem is an error that a client is told, as RFC 9457 says. It is an error
// itself: handlers return it, and writeProblem makes it the answer.
type problem struct {
	status int
	slug   string // the last part of the type, for programs
	detail string // a sentence: what was wrong and, where there is one, what to do
	more   map[string]any
}

// Error implements error.
func (p *problem) Error() string { return p.slug + ": " + p.detail }

// problemType begins the type of every problem.
const problemType = "urn:xylem:problem:"

// with adds an extension member.
func (p *problem) with(name string, value any) *problem {
	if p.more == nil {
		p.more = make(map[string]any)
	}
	p.more[name] = value
	return p
}

func badRequest(slug, detail string) *problem {
	return &problem{status: http.StatusBadRequest, slug: slug, detail: detail}
}

func unavailable(slug, detail string) *problem {
	return &problem{status: http.StatusServiceUnavailable, slug: slug, detail: detail}
}

// asProblem is the one place where errors become problems.
func asProblem(err error) *problem {
	var p *problem
	var framework *fiber.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, wire.ErrMalformed): // because of a key in it, perhaps
		return badRequest("malformed", err.Error()+"; nothing of it was taken")
	case errors.Is(err, store.ErrKey):
		return badRequest("key", err.Error()+"; percent-encode it in the path")
	case errors.Is(err, proof.ErrMissing), errors.Is(err, proof.ErrMalformed), errors.Is(err, proof.ErrWrongInstance),
		errors.Is(err, proof.ErrWrongProof), errors.Is(err, proof.ErrReplayed):
		return &problem{
			status: http.StatusUnauthorized, slug: "proof",
			detail: "this path is for the tree's own nodes, which prove that they know the cluster's secret: " + err.Error(),
		}
	case errors.As(err, &framework):
		return fromFramework(framework)
	}
	return &problem{status: http.StatusInternalServerError, slug: "internal", detail: "an error inside this node; its log says more"}
}

// fromFramework puts what the HTTP server found wrong in our words.
func fromFramework(e *fiber.Error) *problem {
	p := &problem{status: e.Code, slug: "http", detail: e.Message}
	switch e.Code {
	case http.StatusNotFound:
		p.slug, p.detail = "no-such-path", "there is nothing at this path; /docs lists what there is"
	case http.StatusMethodNotAllowed:
		p.slug, p.detail = "method", "this path does not take this method; /docs lists those that it takes"
	case http.StatusRequestTimeout:
		p.slug, p.detail = "slow-request", "the request did not arrive whole in time; see api.read_timeout"
	case http.StatusRequestHeaderFieldsTooLarge:
		p.slug, p.detail = "header-too-large", "the request line and headers are too large; a key has at most 1024 bytes"
	case http.StatusRequestEntityTooLarge:
		p.slug, p.detail = "too-large", "the request's body is too large"
	case http.StatusBadRequest, http.StatusBadGateway: // the latter for a connection that broke
		if e.Message == io.ErrUnexpectedEOF.Error() {
			return bodyCutShort()
		}
		p = badRequest("bad-request", "the request is not well-formed HTTP: its request line, its headers or the length of its body cannot be right")
	}
	return p
}

func bodyCutShort() *problem {
	return badRequest("body-cut-short", "the request's body ended before it was whole, or is badly framed")
}

// writeProblem answers with a problem document.
func writeProblem(c *fiber.Ctx, p *problem) error {
	document := map[string]any{
		"type": problemType + p.slug, "title": http.StatusText(p.status), "status": p.status, "detail": p.detail,
	}
	maps.Copy(document, p.more)
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	c.Status(p.status).Response().Header.SetContentType("application/problem+json")
	c.Response().SetBodyRaw(body)
	return nil
}
