package node

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"xylem/configs"
	"xylem/store"
	"xylem/sync/version"
)

// BenchmarkGet serves a GET of a present key without a socket: the request is
// parsed, handled, and its answer written to nowhere. "bare" is a fiber handler
// with a constant body of the same size, "bare-headers" one that sets as many
// headers too. What root and leaf allocate beyond bare is the handler's own.
func BenchmarkGet(b *testing.B) {
	root, leaf := handlerNode(b, 1), handlerNode(b, 7)
	config := root.newApp().Config()
	body := appendEntry(nil, root.store.Get(handlerKey(0)).Entry)
	b.Run("bare", func(b *testing.B) { serveGets(b, bareApp(config, body, nil)) })
	b.Run("bare-headers", func(b *testing.B) {
		serveGets(b, bareApp(config, body, []string{headerNode, "NODE-7", headerVersion, "1.1000", headerLag, "250", headerETag, `"1.1000"`}))
	})
	b.Run("root", func(b *testing.B) { serveGets(b, root.newApp()) })
	b.Run("leaf", func(b *testing.B) { serveGets(b, leaf.newApp()) })
}

const handlerKeys = 1000

func handlerKey(i int) string { return fmt.Sprintf("key-%012d", i) }

// handlerNode is a node that holds handlerKeys keys, and does not run.
func handlerNode(b *testing.B, id int) *Node {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := "http://" + listener.Addr().String()
	n, err := New(Options{
		ID: id, Config: configs.Default(), Listener: listener, Advertise: address, RootURL: address,
		DataDir: b.TempDir(), Secret: bytes.Repeat([]byte{7}, 32), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close(); _ = n.disk.journal.Close() })
	meta := store.Meta{Tree: version.TreeID{1}, Epoch: 1}
	entries := make([]*store.Entry, handlerKeys)
	for i := range entries {
		entries[i] = &store.Entry{
			Key: handlerKey(i), Value: `"` + string(bytes.Repeat([]byte{'v'}, 98)) + `"`,
			Version: version.Version{Epoch: 1, Seq: uint64(i + 1)}, Stamp: version.Stamp(i + 1), Write: version.WriteID{Node: 7, Counter: uint64(i + 1)},
		}
	}
	if _, err := n.store.Apply(version.Version{}, entries[handlerKeys-1].Version, meta, entries); err != nil {
		b.Fatal(err)
	}
	n.fresh.Store(int64(time.Since(n.began)))
	return n
}

// bareApp is a server without a store. headers are names and values in turn.
func bareApp(config fiber.Config, body []byte, headers []string) *fiber.App {
	app := fiber.New(config)
	app.Get("/*", func(c *fiber.Ctx) error {
		c.Response().Header.SetContentType(typeJSON)
		for i := 0; i < len(headers); i += 2 {
			c.Set(headers[i], headers[i+1])
		}
		return c.Send(body)
	})
	return app
}

// serveGets does what fasthttp's server does with each request of a connection.
func serveGets(b *testing.B, app *fiber.App) {
	requests := make([][]byte, handlerKeys)
	for i := range requests {
		requests[i] = fmt.Appendf(nil, "GET /store/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", handlerKey(i))
	}
	handle := app.Handler()
	var ctx fasthttp.RequestCtx
	ctx.Init2(&net.TCPConn{}, nil, false)
	source := bytes.NewReader(nil)
	in, out := bufio.NewReader(source), bufio.NewWriter(io.Discard)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(requests[i%handlerKeys])
		in.Reset(source)
		i++
		if err := ctx.Request.Read(in); err != nil {
			b.Fatal(err)
		}
		handle(&ctx)
		if status := ctx.Response.StatusCode(); status != fiber.StatusOK {
			b.Fatalf("status %d: %s", status, ctx.Response.Body())
		}
		if err := ctx.Response.Write(out); err != nil {
			b.Fatal(err)
		}
		ctx.Request.Reset()
		ctx.Response.Reset()
		ctx.ResetUserValues()
	}
}
