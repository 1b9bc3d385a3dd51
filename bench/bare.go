package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
)

// bareCommand makes this program a server that does nothing but answer.
const bareCommand = "bare-server"

// bare is a server without a store: what an answer costs at the least.
type bare struct {
	headers  bool // as many as a node sets
	defaults bool // fiber's own configuration, in place of a node's
}

// serveBare serves until it is told to stop.
func serveBare(args []string) error {
	var b bare
	flags := flag.NewFlagSet(bareCommand, flag.ContinueOnError)
	address := flags.String("listen", "", "host:port")
	size := flags.Int("body-bytes", 0, "of every answer")
	flags.BoolVar(&b.headers, "headers", false, "set as many headers as a node does")
	flags.BoolVar(&b.defaults, "defaults", false, "leave fiber's configuration as it is")
	if err := flags.Parse(args); err != nil {
		return err
	}
	app := fiber.New(b.config())
	app.Get("/*", b.handler(append(append([]byte{'"'}, bytes.Repeat([]byte{'b'}, *size-2)...), '"')))
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

// startBare starts a bare server whose answers have bodies of size bytes.
func (shop *workshop) startBare(ctx context.Context, name string, size int, flags ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	args := append([]string{bareCommand, "-listen", address, "-body-bytes", strconv.Itoa(size)}, flags...)
	p, err := shop.start(name, address, self, nil, args...)
	if err != nil {
		return nil, err
	}
	return p, p.await(ctx, "it takes no connections", p.answering)
}
