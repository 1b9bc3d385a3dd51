package node

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"xylem/coordinator"
	"xylem/node/proof"
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// player sends requests as a node of the tree does: it knows the secret.
type player struct {
	t        *testing.T
	signer   *proof.Signer
	receiver proof.Instance // the process that it sends to
	to       *process
}

// play is NODE-k as process to sees it.
func play(t *testing.T, secret []byte, k int, to *process) *player {
	t.Helper()
	instance, err := proof.NewInstance()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := proof.NewSigner(secret, coordinator.Name(k), instance)
	if err != nil {
		t.Fatal(err)
	}
	refused := to.ask(t, requestText(http.MethodPost, pathSynchronize, ""))
	receiver, err := proof.ParseInstance(refused.header.Get(proof.InstanceHeaderName))
	if err != nil {
		t.Fatalf("the 401 does not tell the instance: %v", err)
	}
	return &player{t: t, signer: signer, receiver: receiver, to: to}
}

// request is the bytes of a proved request.
func (p *player) request(path string, body []byte) string {
	return requestText(http.MethodPost, path, string(body), proof.HeaderName+": "+p.signer.Header(p.receiver, http.MethodPost, path, body))
}

func (p *player) post(path string, body []byte) reply {
	p.t.Helper()
	return p.to.ask(p.t, p.request(path, body))
}

// push sends one piece.
func (p *player) push(h *wire.Header, body wire.Body) reply {
	p.t.Helper()
	return p.post(pathSynchronize, wire.AppendPiece(nil, h, body))
}

// lone is a member whose root is played by the test: it has a state of its own,
// and pushes only when it is told to.
type lone struct {
	*player
	secret []byte
	root   *store.Store
	number uint64
}

// startLone starts NODE-2 alone and gives it, as the root would, ten keys, one of
// them deleted again.
func startLone(t *testing.T) *lone {
	t.Helper()
	tr := newTree(t, 2)
	tr.start(2)
	l := newLone(t, tr.nodes[1], tr.secret)
	for i := range 10 {
		l.order(fmt.Sprintf("key-%d", i), fmt.Sprintf(`{"is":%d}`, i))
	}
	l.order("key-3", "")
	if got := l.push(l.delta(version.Version{})); got.status != http.StatusOK {
		t.Fatalf("the first push: %d %s", got.status, got.body)
	}
	return l
}

func newLone(t *testing.T, p *process, secret []byte) *lone {
	t.Helper()
	l := &lone{player: play(t, secret, 1, p), secret: secret, root: store.New()}
	l.root.SetMeta(store.Meta{Tree: version.TreeID{7}, Epoch: 3})
	return l
}

// order has the played root order a write; an empty value deletes.
func (l *lone) order(key, value string) {
	meta, applied := l.root.Meta(), l.root.Applied()
	seq := applied.Seq + 1
	l.root.Commit([]*store.Entry{{
		Key: key, Value: value, Version: version.Version{Epoch: meta.Epoch, Seq: seq},
		Stamp: version.StampAt(int64(seq)), Write: version.WriteID{Node: 1, Counter: seq},
	}}, version.StampAt(int64(seq)))
}

// header is that of the push of a cut, as the root makes it.
func (l *lone) header(kind wire.Kind, cut *store.Cut) *wire.Header {
	l.number++
	h := &wire.Header{
		Kind: kind, Root: 1, Number: l.number, Last: true, Meta: cut.Meta, From: cut.From, To: cut.To, Sent: 1_700_000_000_000,
		Digest: cut.Digest, Live: uint64(cut.Live),
	}
	if kind == wire.Heartbeat {
		h.From = cut.To
	}
	return h
}

// delta is the whole push of what changed since a version.
func (l *lone) delta(from version.Version) (*wire.Header, wire.Body) {
	cut := l.root.Cut(from)
	return l.header(wire.Delta, cut), bodyOf(slices.Collect(cut.Entries())...)
}

// snapshot is the whole state.
func (l *lone) snapshot() (*wire.Header, wire.Body) {
	cut := l.root.Cut(version.Version{})
	return l.header(wire.Snapshot, cut), bodyOf(slices.Collect(cut.Entries())...)
}

func (l *lone) heartbeat() (*wire.Header, wire.Body) {
	return l.header(wire.Heartbeat, l.root.Cut(version.Version{})), wire.Body{}
}

// bodyOf encodes entries.
func bodyOf(entries ...*store.Entry) wire.Body {
	var enc store.BlockEncoder
	var block []byte
	for _, e := range entries {
		block = enc.Append(block, e)
	}
	return wire.NewBody(block, len(entries))
}

// at is a version of the played root's epoch.
func (l *lone) at(seq uint64) version.Version {
	return version.Version{Epoch: l.root.Meta().Epoch, Seq: seq}
}

// discarded is a logger for what nobody reads.
func discarded() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
