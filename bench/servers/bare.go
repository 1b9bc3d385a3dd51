package servers

import (
	"bytes"
	"context"
	"flag"
	"os"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
)

// BareCommand is the first argument that makes this program a server which does
// nothing but answer.
const BareCommand = "bare-server"

// bare is a server without a store: what an answer costs at the least.
type bare struct {
	headers  bool // as many as a node sets
	defaults bool // fiber's own configuration, in place of a node's
}

// ServeBare serves until it is told to stop.
func ServeBare(args []string) error {
	var b bare
	flags := flag.NewFlagSet(BareCommand, flag.ContinueOnError)
	address := flags.String("listen", "", "host:port")
	size := flags.Int("body-bytes", 0, "of every answer")
	flags.BoolVar(&b.headers, "headers", false, "set as many headers as a node does")
	flags.BoolVar(&b.defaults, "defaults", false, "leave fiber's configuration as it is")
	if err := flags.Parse(args); err != nil {
		return err
	}
	body := append(append([]byte{'"'}, bytes.Repeat([]byte{'b'}, *size-2)...), '"')
	app := fiber.New(b.config())
	app.Get("/*", b.handler(body))
	app.Put("/*", b.reader(body))
	return app.Listen(*address)
}

// config is that of node/serve.go, newApp, or fiber's.
func (b bare) config() fiber.Config {
	if b.defaults {
		return fiber.Config{DisableStartupMessage: true}
	}
	return fiber.Config{
		AppName:                      "xylem",
		StrictRouting:                true,
		CaseSensitive:                true,
		DisableStartupMessage:        true,
		DisableDefaultDate:           true,
		DisablePreParseMultipartForm: true,
		StreamRequestBody:            true,
		ReadBufferSize:               16 << 10,
		ReadTimeout:                  10 * time.Second,
		IdleTimeout:                  2 * time.Minute,
	}
}

// handler answers with a constant body, and with constant headers in the names
// and sizes of a node's if asked to.
func (b bare) handler(body []byte) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Response().Header.SetContentType("application/json")
		if b.headers {
			c.Set("Xylem-Node", "NODE-7")
			c.Set("Xylem-Version", "1.1000")
			c.Set("Xylem-Lag-Ms", "250")
			c.Set("Etag", `"1.1000"`)
		}
		return c.Send(body)
	}
}

// reader reads the request's body and answers.
func (b bare) reader(body []byte) fiber.Handler {
	answer := b.handler(body)
	return func(c *fiber.Ctx) error {
		if len(c.Body()) == 0 {
			return fiber.ErrBadRequest
		}
		return answer(c)
	}
}

// StartBare starts a bare server whose answers have bodies of size bytes. flags
// are "-headers" and "-defaults".
func (shop *Workshop) StartBare(ctx context.Context, name string, size int, env []string, flags ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	args := append([]string{BareCommand, "-listen", address, "-body-bytes", strconv.Itoa(size)}, flags...)
	p, err := shop.start(name, address, self, env, args...)
	if err != nil {
		return nil, err
	}
	return p, p.Await(ctx, "it takes no connections", p.Answering)
}
