package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"xylem/node/proof"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// BenchmarkPeers is what a request from node to node costs. "call" is the sender's side alone: over a
// socket, to a server that answers with constant bytes. "handler" is the receiver's alone, without a socket: the
// request is parsed, its proof and its head are checked, and an ack is written. "both" is a whole push of 200
// bytes over loopback, with the ack read.
func BenchmarkPeers(b *testing.B) {
	node := handlerNode(b, 7)
	body := make([]byte, 200)
	address := "http://" + constantServer(b)
	b.Run("call", func(b *testing.B) { benchCalls(b, node.peers, address, body) })
	b.Run("call-1MiB", func(b *testing.B) { benchCalls(b, node.peers, address, make([]byte, 1<<20)) })
	b.Run("handler", func(b *testing.B) { benchHandler(b, node, body) })
	app := ackingApp(node)
	listener := coarseListener{Listener: node.opts.Listener, slack: time.Second}
	serving := make(chan error, 1)
	go func() { serving <- app.Listener(listener) }()
	b.Cleanup(func() {
		node.closePeers()
		if err := errors.Join(app.Shutdown(), <-serving); err != nil {
			b.Error(err)
		}
	})
	b.Run("both", func(b *testing.B) { benchCalls(b, node.peers, node.opts.Advertise, body) })
	b.Run("both-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(4)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				callOnce(b, node.peers, node.opts.Advertise, body)
			}
		})
	})
}

func benchCalls(b *testing.B, p *peers, address string, body []byte) {
	callOnce(b, p, address, body) // which learns the receiver's instance
	b.ReportAllocs()
	began, calls := processorTime(b), 0
	for b.Loop() {
		callOnce(b, p, address, body)
		calls++
	}
	b.ReportMetric(float64(processorTime(b)-began)/float64(calls), "cpu-ns/op")
}

// processorTime is what this process has used of the processors. Unlike the time that has passed, it does not
// grow with what else runs on the machine.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func callOnce(b *testing.B, p *peers, address string, body []byte) {
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
	defer cancel()
	answer, err := p.post(ctx, address, pathSynchronize, body)
	if err != nil {
		b.Fatal(err)
	}
	var ack ackDocument
	if err := json.Unmarshal(answer.body, &ack); err != nil || ack.Outcome != replica.Applied {
		b.Fatalf("%d %s: %v", answer.status, answer.body, err)
	}
	if _, err := ack.ack(); err != nil {
		b.Fatal(err)
	}
}

// ackingApp is the node's server with a handler of pushes that takes everything.
func ackingApp(n *Node) *fiber.App {
	app := fiber.New(n.newApp().Config())
	app.Use(n.guarded((*fiber.Ctx).Next))
	to := version.Version{Epoch: 1, Seq: 1000}
	app.Post(pathSynchronize, n.proved(func(c *fiber.Ctx, req provedRequest) error {
		return n.writeAck(c, &wire.Header{To: to}, replica.Ack{Outcome: replica.Applied, Tree: version.TreeID{1}, Version: to})
	}))
	return app
}

// constantServer answers every request with the same ack, at little cost. It returns its host and port.
func constantServer(b *testing.B) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	ack := `{"outcome":"applied","tree_id":"01000000000000000000000000000000","version":"1.1000","digest":"match"}`
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(ack)) + "\r\n\r\n" + ack)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerAll(conn, answer)
		}
	}()
	return listener.Addr().String()
}

// answerAll answers requests until the connection ends.
func answerAll(conn net.Conn, answer []byte) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReaderSize(conn, 64<<10)
	for length := 0; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if value, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if len(line) > 2 {
			continue
		}
		if _, err := in.Discard(length); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// benchHandler does what fasthttp's server does with each request of a connection.
func benchHandler(b *testing.B, n *Node, body []byte) {
	app := ackingApp(n)
	handle := app.Handler()
	signer := n.peers.signer
	to := n.verifier.Instance()
	requests := make([][]byte, 4096)
	var ctx fasthttp.RequestCtx
	ctx.Init2(&net.TCPConn{}, nil, false)
	source := bytes.NewReader(nil)
	in, out := bufio.NewReaderSize(source, 16<<10), bufio.NewWriter(io.Discard)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i%len(requests) == 0 {
			b.StopTimer()
			for j := range requests {
				requests[j] = signed(signer, to, body)
			}
			b.StartTimer()
		}
		source.Reset(requests[i%len(requests)])
		in.Reset(source)
		i++
		if err := ctx.Request.Header.Read(in); err != nil {
			b.Fatal(err)
		}
		if err := ctx.Request.ContinueReadBodyStream(in, 4<<20, false); err != nil {
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

// signed is a request as it travels.
func signed(signer *proof.Signer, to proof.Instance, body []byte) []byte {
	var request bytes.Buffer
	request.WriteString("POST " + pathSynchronize + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\n" + proof.HeaderName + ": " + signer.Header(to, "POST", pathSynchronize, body) + "\r\n\r\n")
	request.Write(body)
	return request.Bytes()
}
