package node

import (
	"errors"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// stopTimeout bounds how long requests under way may take when the node stops.
const stopTimeout = 5 * time.Second

// serving is the HTTP server while it runs.
type serving struct {
	app    *fiber.App
	failed chan error // one error, if it ends by itself
	ended  chan struct{}
	node   *Node
}

// serve starts the HTTP server on the node's listener.
func (n *Node) serve() *serving {
	s := &serving{app: n.newApp(), failed: make(chan error, 1), ended: make(chan struct{}), node: n}
	go func() {
		defer close(s.ended)
		slack := min(time.Second, n.opts.Config.API.ReadTimeout/8)
		if err := s.app.Listener(coarseListener{Listener: n.opts.Listener, slack: slack}); err != nil {
			s.failed <- err
		}
	}()
	return s
}

// shutdown stops accepting and waits for the requests under way.
func (s *serving) shutdown() {
	if err := s.app.ShutdownWithTimeout(stopTimeout); err != nil {
		s.node.log.Warn("requests were still under way when the node stopped", "err", err)
	}
	// Shutdown closes the listener only if serving has begun.
	_ = s.node.opts.Listener.Close()
	<-s.ended
}

// newApp is the HTTP interface of this node.
func (n *Node) newApp() *fiber.App {
	cfg := n.opts.Config.API
	app := fiber.New(fiber.Config{
		AppName:                      "xylem",
		StrictRouting:                true,
		CaseSensitive:                true,
		DisableStartupMessage:        true,
		DisableDefaultDate:           true,
		DisablePreParseMultipartForm: true,
		StreamRequestBody:            true, // bodies are bounded where they are read: see appendBody
		ReadBufferSize:               16 << 10,
		ReadTimeout:                  cfg.ReadTimeout,
		IdleTimeout:                  2 * time.Minute,
		Concurrency:                  cfg.MaxConnections,
		ErrorHandler:                 n.answerUnread, // guard answers the errors of handlers
	})
	// What is asked most goes before the middleware: one walk of the router less.
	app.Get(collection, n.guarded(n.listStore)) // first: fiber takes it for a key's path too
	app.Get(pathKeys, n.guarded(n.getStore))
	app.Put(pathKeys, n.guarded(n.putStore))
	app.Use(n.guarded((*fiber.Ctx).Next))
	n.routes(app)
	handle := app.Handler()
	app.Server().Handler = func(ctx *fasthttp.RequestCtx) {
		knownMethod(&ctx.Request.Header)
		handle(ctx)
	}
	return app
}

// knownMethod makes of a method that fiber does not know one that no path takes.
// Fiber would answer it by itself, in its own words, and leave the body unread, to
// be taken for the next request.
func knownMethod(h *fasthttp.RequestHeader) {
	if !slices.Contains(fiber.DefaultMethods, string(h.Method())) {
		h.SetMethod(fiber.MethodTrace)
	}
}

// routes is every path that a node answers beside those that newApp puts first. On a node that is not the root the
// root's paths name the root.
func (n *Node) routes(app *fiber.App) {
	app.Get("/", n.getSelf)
	app.Get("/healthz", n.getHealth)
	app.Get("/readyz", n.getReady)
	app.Delete(pathKeys, n.deleteStore)
	app.Get(pathWrites+":id", n.getWrite)
	app.Get("/nodes", n.atRoot(n.getNodes))
	app.Get("/nodes/structure", n.atRoot(n.getStructure))
	app.Get("/nodes/parent/:node", n.atRoot(n.getAncestors))
	app.Post("/nodes/root", n.atRoot(n.postMove))
	app.Get(pathBackup, n.getBackup)
	app.Get(pathSynchronize, n.getSynchronize)
	app.Post(pathSynchronize, n.proved(n.postSynchronize))
	app.Post(pathJoin, n.proved(n.atRootOnly(n.postJoin)))
	app.Post(pathLeave, n.proved(n.atRootOnly(n.postLeave)))
	app.Post(pathWrite, n.proved(n.fromBelow(n.postWrite)))
	app.Post(pathLookup, n.proved(n.fromBelow(n.postLookup)))
	app.Post(pathPing, n.proved(n.postPing))
	app.Post(pathRoll, n.proved(n.fromBelow(n.postRoll)))
	app.Post(pathState, n.proved(n.postState))
	app.Post(pathGather, n.proved(n.postGather))
	n.docs(app)
}

// guarded runs around every handler: a panic is an error of that request alone, and
// neither a body that nobody read nor one of uncertain length may be taken for the
// next request.
func (n *Node) guarded(handle fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error { return n.guard(c, handle) }
}

func (n *Node) guard(c *fiber.Ctx, handle fiber.Handler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			n.log.Error("a request handler panicked", "panic", r, "stack", string(debug.Stack()))
			c.Response().Reset() // of what the handler had set
			c.Context().SetConnectionClose()
			err = n.answerError(c, fiber.ErrInternalServerError)
		}
	}()
	if !wellFramed(&c.Request().Header) {
		c.Context().SetConnectionClose()
		return n.answerUnread(c, fiber.ErrBadRequest)
	}
	if err = handle(c); err != nil {
		err = n.answerError(c, err)
	}
	if length := c.Request().Header.ContentLength(); (length > 0 || length == chunked) && c.Locals(bodyWasRead) == nil {
		c.Context().SetConnectionClose()
	}
	return err
}

// answerError answers a request that failed, in a problem document.
func (n *Node) answerError(c *fiber.Ctx, err error) error {
	p := asProblem(err)
	if p.status == http.StatusInternalServerError {
		n.log.Error("a request failed", "method", c.Method(), "err", err)
	}
	if strings.HasPrefix(c.Path(), collection) {
		n.ensureFreshness(c)
	}
	if p.status == http.StatusMethodNotAllowed && c.Path() == collection {
		c.Set(fiber.HeaderAllow, "GET, HEAD") // fiber takes it for /store/* with an empty key
	}
	return writeProblem(c, p)
}

// The paths of listings and of keys.
const (
	collection = "/store"
	pathKeys   = "/store/*"
)

// answerUnread answers what the HTTP server could not read as a request. It may
// have been one for the store, whose answers all say how fresh they are.
func (n *Node) answerUnread(c *fiber.Ctx, err error) error {
	n.ensureFreshness(c)
	return writeProblem(c, asProblem(err))
}

// ensureFreshness sets the headers of the store's answers where the handler did
// not get so far.
func (n *Node) ensureFreshness(c *fiber.Ctx) {
	if len(c.Response().Header.Peek(headerNode)) == 0 {
		n.setFreshness(c, n.store.Applied())
	}
}

// chunked is the content length of a body that comes in chunks.
const chunked = -1

// bodyWasRead marks in a request's locals that its body was read to its end.
const bodyWasRead = "body was read"

// cutShort reports whether the connection ended while a body in chunks was read.
// A body that is whole ends with a chunk of its own, behind which nothing is read;
// the HTTP server takes the end of the connection for that chunk.
func cutShort(c *fiber.Ctx) bool {
	conn, ours := c.Context().Conn().(*coarseConn)
	return ours && conn.ended
}

// appendBody appends the whole body to dst, at most limit bytes. Of a larger one it reads
// some on, so that a client that is still sending gets to see the answer, and gives up the
// connection.
func appendBody(dst []byte, c *fiber.Ctx, limit int) ([]byte, error) {
	req := c.Request()
	length := req.Header.ContentLength()
	stream := req.BodyStream()
	if length == 0 || stream == nil {
		c.Locals(bodyWasRead, true)
		return append(dst, req.Body()...), nil
	}
	if length > limit {
		discard(stream, length)
		return dst, tooLarge(limit)
	}
	body, err := readAtMost(dst, stream, limit+1, length)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return body, fiber.ErrRequestTimeout
	case err != nil, length == chunked && cutShort(c):
		return body, bodyCutShort()
	case len(body)-len(dst) > limit:
		discard(stream, discardBytes)
		return body, tooLarge(limit)
	}
	c.Locals(bodyWasRead, true)
	return body, nil
}
