package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"xylem/node/proof"
	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// wantAck holds that a push was taken as said, and that the answer carries the
// node's own tree and version.
func wantAck(t *testing.T, got reply, outcome replica.AckOutcome, at version.Version) {
	t.Helper()
	var document ackDocument
	if got.status != http.StatusOK || json.Unmarshal(got.body, &document) != nil {
		t.Errorf("answered %d %s, want 200 %s", got.status, got.body, outcome)
		return
	}
	if document.Outcome != outcome || document.Version != at || document.TreeID == "" {
		t.Errorf("answered %s, want %s at %v", got.body, outcome, at)
	}
}

// wantConflict holds that a push was refused with the node's own tree and version.
func (l *lone) wantConflict(got reply, outcome replica.AckOutcome, at version.Version) {
	l.t.Helper()
	wantProblem(l.t, got, http.StatusConflict, string(outcome))
	var document struct {
		TreeID  string `json:"tree_id"`
		Version string `json:"version"`
	}
	if json.Unmarshal(got.body, &document) != nil || document.TreeID != l.root.Meta().Tree.String() || document.Version != at.String() {
		l.t.Errorf("the conflict %s does not tell the node's own tree %v and version %v", got.body, l.root.Meta().Tree, at)
	}
}

// wantRefusedProof holds that a request was answered as a stranger's.
func wantRefusedProof(t *testing.T, got reply) {
	t.Helper()
	wantProblem(t, got, http.StatusUnauthorized, "proof")
	if _, err := proof.ParseInstance(got.header.Get(proof.InstanceHeaderName)); err != nil {
		t.Errorf("the 401 does not tell this process's instance: %v", err)
	}
}

func TestAPushWithoutTheRightProofIsRefused(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	l.order("new", "1")
	h, body := l.delta(l.at(11))
	piece := wire.AppendPiece(nil, h, body)
	header := func(p *player, method, target string, body []byte) string {
		return proof.HeaderName + ": " + p.signer.Header(p.receiver, method, target, body)
	}
	stranger := play(t, []byte("another secret of 16 bytes"), 1, l.to)
	elsewhere := *l.player
	elsewhere.receiver[0] ^= 1
	unknown := *l.player
	unknown.receiver = proof.Instance{}
	good := header(l.player, http.MethodPost, pathSynchronize, piece)
	for name, text := range map[string]string{
		"no proof":           requestText(http.MethodPost, pathSynchronize, string(piece)),
		"an empty proof":     requestText(http.MethodPost, pathSynchronize, string(piece), proof.HeaderName+":"),
		"noise":              requestText(http.MethodPost, pathSynchronize, string(piece), proof.HeaderName+": open sesame"),
		"another secret":     requestText(http.MethodPost, pathSynchronize, string(piece), header(stranger, http.MethodPost, pathSynchronize, piece)),
		"another process":    requestText(http.MethodPost, pathSynchronize, string(piece), header(&elsewhere, http.MethodPost, pathSynchronize, piece)),
		"no process":         requestText(http.MethodPost, pathSynchronize, string(piece), header(&unknown, http.MethodPost, pathSynchronize, piece)),
		"for another body":   requestText(http.MethodPost, pathSynchronize, string(piece), header(l.player, http.MethodPost, pathSynchronize, piece[1:])),
		"for another path":   requestText(http.MethodPost, pathSynchronize, string(piece), header(l.player, http.MethodPost, pathWrite, piece)),
		"for another method": requestText(http.MethodPost, pathSynchronize, string(piece), header(l.player, http.MethodGet, pathSynchronize, piece)),
		"with a query":       requestText(http.MethodPost, pathSynchronize+"?x", string(piece), good),
		"with an empty one":  requestText(http.MethodPost, pathSynchronize+"?", string(piece), good),
		"with a fragment":    requestText(http.MethodPost, pathSynchronize+"#x", string(piece), good),
		"an empty body":      requestText(http.MethodPost, pathSynchronize, "", good),
		"a shorter body":     requestText(http.MethodPost, pathSynchronize, string(piece[:len(piece)-1]), good),
		"a longer body":      requestText(http.MethodPost, pathSynchronize, string(piece)+"\x00", good),
	} {
		t.Run(name, func(t *testing.T) { wantRefusedProof(t, l.to.ask(t, text)) })
	}
}

func TestAPushWithAFlippedBitIsRefused(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	l.order("new", "1")
	h, body := l.delta(l.at(11))
	piece := wire.AppendPiece(nil, h, body)
	header := l.signer.Header(l.receiver, http.MethodPost, pathSynchronize, piece)
	for bit := 0; bit < 8*len(piece); bit += 5 {
		changed := append([]byte(nil), piece...)
		changed[bit/8] ^= 1 << (bit % 8)
		wantRefusedProof(t, l.to.ask(t, requestText(http.MethodPost, pathSynchronize, string(changed), proof.HeaderName+": "+header)))
	}
	for bit := 0; bit < 8*len(header); bit += 7 {
		changed := []byte(header)
		if changed[bit/8] ^= 1 << (bit % 8); changed[bit/8] < 0x20 || changed[bit/8] == 0x7f {
			continue // no header at all any more
		}
		wantRefusedProof(t, l.to.ask(t, requestText(http.MethodPost, pathSynchronize, string(piece), proof.HeaderName+": "+string(changed))))
	}
}

func TestCapturedBytesAreRefusedTheSecondTime(t *testing.T) {
	l := startLone(t)
	l.order("new", "1")
	h, body := l.delta(l.at(11))
	captured := l.request(pathSynchronize, wire.AppendPiece(nil, h, body))
	wantAck(t, l.to.ask(t, captured), replica.Applied, l.at(12))
	l.to.unchanged(t)
	for range 3 {
		wantRefusedProof(t, l.to.ask(t, captured))
	}
}

func TestOnlyTheRootMayPush(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	l.order("new", "1")
	h, body := l.delta(l.at(11))
	for _, k := range []int{2, 3, 7} {
		got := play(t, l.secret, k, l.to).push(h, body)
		wantProblem(t, got, http.StatusForbidden, string(replica.NotRoot))
	}
	tr := startTree(t, 1)
	tr.nodes[0].unchanged(t)
	got := play(t, tr.secret, 1, tr.nodes[0]).push(h, body) // nobody pushes to the root
	wantProblem(t, got, http.StatusForbidden, string(replica.NotRoot))
}

func TestAnOlderEpochIsRefused(t *testing.T) {
	l := startLone(t)
	l.order("new", "1")
	hOld, bodyOld := l.delta(l.at(11))
	heartOld, none := l.heartbeat()
	meta := l.root.Meta()
	meta.History, meta.Epoch = meta.History.Extend(l.at(11)), 4
	wantAck(t, l.push(&wire.Header{
		Kind: wire.Heartbeat, Root: 1, Number: 1, Last: true, Meta: meta, From: l.at(11), To: l.at(11), Sent: 1_700_000_000_000, Digest: l.root.Cut(l.at(11)).Digest,
	}, wire.Body{}), replica.Current, l.at(11))
	l.to.unchanged(t)
	wantProblem(t, l.push(hOld, bodyOld), http.StatusForbidden, string(replica.OldEpoch))
	wantProblem(t, l.push(heartOld, none), http.StatusForbidden, string(replica.OldEpoch))
	snapshot, all := l.snapshot()
	wantProblem(t, l.push(snapshot, all), http.StatusForbidden, string(replica.OldEpoch))
}

func TestARepeatedOrLatePushChangesNothing(t *testing.T) {
	l := startLone(t)
	early, earlyBody := l.delta(version.Version{})
	earlySnapshot, earlyAll := l.snapshot()
	earlyHeartbeat, none := l.heartbeat()
	l.order("key-1", `"later"`)
	l.order("new", "1")
	h, body := l.delta(l.at(11))
	wantAck(t, l.push(h, body), replica.Applied, l.at(13))
	l.to.unchanged(t)
	wantAck(t, l.push(h, body), replica.Current, l.at(13))
	wantAck(t, l.push(l.snapshot()), replica.Current, l.at(13))
	wantAck(t, l.push(l.heartbeat()), replica.Current, l.at(13))
	wantAck(t, l.push(early, earlyBody), replica.Late, l.at(13))
	wantAck(t, l.push(earlySnapshot, earlyAll), replica.Late, l.at(13))
	wantAck(t, l.push(earlyHeartbeat, none), replica.Late, l.at(13))
}

func TestAPushThatDoesNotFitIsAConflict(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	for i := range 5 {
		l.order(fmt.Sprintf("new-%d", i), "1")
	}
	own := l.at(11)
	l.wantConflict(l.push(l.delta(l.at(12))), replica.Gap, own)
	l.wantConflict(l.push(l.heartbeat()), replica.Gap, own)
	for name, change := range map[string]func(*wire.Header){
		"a cut before this node's version": func(h *wire.Header) {
			h.Meta.Epoch, h.Meta.History, h.To = 4, version.History{l.at(5)}, version.Version{Epoch: 4, Seq: 16}
			h.From = l.at(5)
		},
		"another past": func(h *wire.Header) {
			h.Meta.Epoch, h.Meta.History = 4, version.History{{Epoch: 1, Seq: 2}, {Epoch: 2, Seq: 11}}
			h.From, h.To = version.Version{Epoch: 2, Seq: 11}, version.Version{Epoch: 4, Seq: 16}
		},
	} {
		h, _ := l.delta(l.at(11))
		change(h)
		t.Run(name, func(*testing.T) { l.wantConflict(l.push(h, wire.Body{}), replica.Foreign, own) })
		h.Kind, h.From = wire.Snapshot, version.Version{}
		t.Run(name+", snapshot", func(*testing.T) { l.wantConflict(l.push(h, wire.Body{}), replica.Foreign, own) })
	}
	for _, make := range []func() (*wire.Header, wire.Body){l.snapshot, l.heartbeat, func() (*wire.Header, wire.Body) { return l.delta(own) }} {
		h, body := make()
		h.Meta.Tree = version.TreeID{8}
		l.wantConflict(l.push(h, body), replica.OtherTree, own)
		h.Meta.Epoch, h.Meta.History = 4, version.History{h.To}
		l.wantConflict(l.push(h, body), replica.OtherTree, own)
	}
}

func TestAnEmptyRootDoesNotWipeItsMember(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	empty := store.New()
	for _, tree := range []version.TreeID{{7}, {8}} {
		for epoch := uint64(1); epoch <= 5; epoch++ {
			empty.SetMeta(store.Meta{Tree: tree, Epoch: epoch})
			h := l.header(wire.Snapshot, empty.Cut(version.Version{}))
			h.Number = epoch
			if got := l.push(h, wire.Body{}); got.status == http.StatusOK && !strings.Contains(string(got.body), string(replica.Late)) {
				t.Errorf("tree %v, epoch %d: the empty snapshot is answered %d %s", tree, epoch, got.status, got.body)
			}
		}
	}
}

func TestAProvedBodyThatIsNoPushIsRefused(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	l.order("new", "1")
	h, body := l.delta(l.at(11))
	piece := wire.AppendPiece(nil, h, body)
	bodies := [][]byte{
		nil,
		{0},
		[]byte("{}"), []byte("XYL\x01"), []byte("XYL\x02"), piece[:6], piece[:len(piece)-1], append(append([]byte(nil), piece...), 0),
		append(append([]byte(nil), piece...), piece...), make([]byte, 1<<20),
	}
	for bit := 0; bit < 8*len(piece); bit += 11 {
		changed := append([]byte(nil), piece...)
		changed[bit/8] ^= 1 << (bit % 8)
		bodies = append(bodies, changed)
	}
	for _, body := range bodies {
		wantProblem(t, l.post(pathSynchronize, body), http.StatusBadRequest, "malformed")
	}
}

func TestAPushThatContradictsItselfIsRefused(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	l.order("new", "1")
	entry := func(key string, epoch, seq uint64) *store.Entry {
		return &store.Entry{Key: key, Value: "1", Version: version.Version{Epoch: epoch, Seq: seq}, Stamp: 1, Write: version.WriteID{Node: 1, Counter: 1}}
	}
	for name, entries := range map[string][]*store.Entry{
		"before its beginning": {entry("x", 3, 11)},
		"after its end":        {entry("x", 3, 13)},
		"of an epoch to come":  {entry("x", 4, 12)},
		"of no epoch":          {entry("x", 2, 12)},
		"one of two":           {entry("new", 3, 12), entry("x", 3, 1<<40)},
		"an empty key":         {entry("", 3, 12)},
		"NUL":                  {entry("a\x00", 3, 12)},
		"a long key":           {entry(strings.Repeat("k", 1025), 3, 12)},
		"invalid UTF-8":        {entry("\xff", 3, 12)},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := l.delta(l.at(11))
			wantProblem(t, l.push(h, bodyOf(entries...)), http.StatusBadRequest, "malformed")
		})
	}
	for name, change := range map[string]func(*wire.Header){
		"no tree":             func(h *wire.Header) { h.Meta.Tree = version.TreeID{} },
		"no epoch":            func(h *wire.Header) { h.Meta.Epoch = 0 },
		"ends before it":      func(h *wire.Header) { h.To = l.at(10) },
		"ends off history":    func(h *wire.Header) { h.To = version.Version{Epoch: 4, Seq: 12} },
		"begins off history":  func(h *wire.Header) { h.From = version.Version{Epoch: 2, Seq: 11} },
		"no such kind":        func(h *wire.Header) { h.Kind = 9 },
		"a heartbeat of some": func(h *wire.Header) { h.Kind = wire.Heartbeat },
		"a history of one cut twice": func(h *wire.Header) {
			h.Meta.History = version.History{{Epoch: 1, Seq: 1}, {Epoch: 1, Seq: 1}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, body := l.delta(l.at(11))
			change(h)
			wantProblem(t, l.push(h, body), http.StatusBadRequest, "malformed")
		})
	}
}
