package node

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// parts cuts the played root's whole state into pieces of so many entries.
func (l *lone) parts(entries int) []wire.Body {
	var bodies []wire.Body
	for part := range slices.Chunk(slices.Collect(l.root.Cut(version.Version{}).Entries()), entries) {
		body := bodyOf(part...)
		body.Last = part[len(part)-1].Version
		bodies = append(bodies, body)
	}
	return bodies
}

// piece sends one piece of a push of several.
func (l *lone) piece(h wire.Header, i int, last bool, body wire.Body) reply {
	l.t.Helper()
	h.Piece, h.Last = uint32(i), last
	return l.push(&h, body)
}

func TestASnapshotThatDoesNotAddUpIsRefused(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	l.order("new", "1")
	all := slices.Collect(l.root.Cut(version.Version{}).Entries())
	other := *all[0]
	other.Value = `"something else"`
	for name, entries := range map[string][]*store.Entry{
		"nothing": nil, "one too few": all[1:], "one of them": all[:1], "another value": append([]*store.Entry{&other}, all[1:]...),
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := l.snapshot()
			wantProblem(t, l.push(h, bodyOf(entries...)), http.StatusBadRequest, string(replica.Damaged))
		})
	}
	for name, entries := range map[string][]*store.Entry{
		"out of order": append(slices.Clone(all[1:]), all[0]), "one twice": append(slices.Clone(all), all[len(all)-1]),
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := l.snapshot()
			wantProblem(t, l.push(h, bodyOf(entries...)), http.StatusBadRequest, "malformed")
		})
	}
	h, body := l.snapshot()
	h.To = l.at(11) // and so ends before its last entry
	wantProblem(t, l.push(h, body), http.StatusBadRequest, string(replica.Damaged))
}

func TestABodyThatGrowsBeyondBoundsIsRefused(t *testing.T) {
	l := startLone(t)
	l.to.unchanged(t)
	l.order("new", "1")
	h, _ := l.delta(l.at(11))
	bomb := wire.NewBody(make([]byte, 256<<20), 1)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 3 {
		wantProblem(t, l.push(h, bomb), http.StatusBadRequest, "malformed")
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.TotalAlloc) - int64(before.TotalAlloc); grown > 200<<20 {
		t.Errorf("three bombs of 256 MiB took %d MiB", grown>>20)
	}
	long := strings.Repeat("x", l.to.node.maxPieceBytes()+replica.MaxBatchBytes+1)
	wantProblem(t, l.post(pathSynchronize, []byte(long)), http.StatusRequestEntityTooLarge, "too-large")
}

func TestPiecesOutOfOrderAreAConflict(t *testing.T) {
	l := startLone(t)
	l.order("new", "1")
	h, _ := l.snapshot()
	bodies := l.parts(4) // three of them
	own := l.at(11)
	l.to.unchanged(t)
	t.Run("without the first", func(*testing.T) { l.wantConflict(l.piece(*h, 1, false, bodies[1]), replica.Gap, own) })
	t.Run("one left out", func(t *testing.T) {
		wantAck(t, l.piece(*h, 0, false, bodies[0]), replica.Continue, own)
		l.wantConflict(l.piece(*h, 2, true, bodies[2]), replica.Gap, own)
		l.wantConflict(l.piece(*h, 1, false, bodies[1]), replica.Gap, own)
	})
	t.Run("one twice", func(t *testing.T) {
		wantAck(t, l.piece(*h, 0, false, bodies[0]), replica.Continue, own)
		wantAck(t, l.piece(*h, 1, false, bodies[1]), replica.Continue, own)
		l.wantConflict(l.piece(*h, 1, false, bodies[1]), replica.Gap, own)
		l.wantConflict(l.piece(*h, 2, true, bodies[2]), replica.Gap, own)
	})
	t.Run("of two pushes", func(t *testing.T) {
		other := *h
		other.Number += 100
		wantAck(t, l.piece(*h, 0, false, bodies[0]), replica.Continue, own)
		l.wantConflict(l.piece(other, 1, false, bodies[1]), replica.Gap, own)
	})
	t.Run("of two epochs", func(t *testing.T) {
		other := *h
		other.Meta.Epoch, other.Meta.History = 4, version.History{h.To}
		wantAck(t, l.piece(*h, 0, false, bodies[0]), replica.Continue, own)
		l.wantConflict(l.piece(other, 1, false, bodies[1]), replica.Gap, own)
	})
}

func TestTheHeaderOfEveryPieceHasToSayTheSame(t *testing.T) {
	l := startLone(t)
	l.order("new", "1")
	bodies := l.parts(6)
	own := l.at(11)
	l.to.unchanged(t)
	for name, change := range map[string]func(h *wire.Header){
		"kind":   func(h *wire.Header) { h.Kind = wire.Delta },
		"end":    func(h *wire.Header) { h.To = l.at(100) },
		"digest": func(h *wire.Header) { h.Digest.Lo++ },
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := l.snapshot()
			wantAck(t, l.piece(*h, 0, false, bodies[0]), replica.Continue, own)
			change(h)
			if got := l.piece(*h, 1, true, bodies[1]); got.status < 400 {
				t.Errorf("a push whose last piece has another %s is taken: %d %s", name, got.status, got.body)
			}
		})
	}
}

func TestASnapshotThatIsNeverFinishedIsNoHindrance(t *testing.T) {
	l := startLone(t)
	l.order("new", "1")
	own := l.at(11)
	h, _ := l.snapshot()
	before := l.to.holdings(t)
	for i, body := range l.parts(4)[:2] {
		wantAck(t, l.piece(*h, i, false, body), replica.Continue, own)
		if now := l.to.holdings(t); now != before {
			t.Fatalf("half a snapshot shows: %s", now)
		}
	}
	wantAck(t, l.push(l.delta(own)), replica.Applied, l.at(12))
	l.wantConflict(l.piece(*h, 2, true, l.parts(4)[2]), replica.Gap, l.at(12))
	wantEntry(t, l.to.get(t, "/store/new"), "new", "1")
}

func TestASnapshotGoesOnOnlyFromWhatCame(t *testing.T) {
	l := startLone(t)
	l.order("new", "1")
	own := l.at(11)
	bodies := l.parts(4)
	whole, _ := l.snapshot()
	rest, _ := l.snapshot()
	l.to.unchanged(t)
	for _, from := range []version.Version{l.at(4), own} {
		rest.From = from
		l.wantConflict(l.piece(*rest, 0, true, bodies[1]), replica.Gap, own)
	}
	wantAck(t, l.piece(*whole, 0, false, bodies[0]), replica.Continue, own)
	refused := l.piece(*whole, 2, true, bodies[2])
	l.wantConflict(refused, replica.Gap, own)
	if !strings.Contains(string(refused.body), fmt.Sprintf(`"collected":"%v","collected_of":"%v"`, bodies[0].Last, whole.To)) {
		t.Errorf("it does not tell what came, %v: %s", bodies[0].Last, refused.body)
	}
	rest.From = own
	l.wantConflict(l.piece(*rest, 0, true, bodies[1]), replica.Gap, own)
}

func TestADeltaInPiecesShowsAllAtOnce(t *testing.T) {
	l := startLone(t)
	own := l.at(11)
	for i := range 8 {
		l.order(fmt.Sprintf("new-%d", i), "1")
	}
	cut := l.root.Cut(own)
	entries := slices.Collect(cut.Entries())
	h := l.header(wire.Delta, cut)
	before := l.to.holdings(t)
	wantAck(t, l.piece(*h, 0, false, bodyOf(entries[:4]...)), replica.Continue, own)
	if now := l.to.holdings(t); now != before {
		t.Fatalf("half a delta shows: %s", now)
	}
	wantAck(t, l.piece(*h, 1, true, bodyOf(entries[4:]...)), replica.Applied, l.at(19))
}

func TestADeltaOutOfOrderIsRefused(t *testing.T) {
	l := startLone(t)
	own := l.at(11)
	l.to.unchanged(t)
	for i := range 4 {
		l.order(fmt.Sprintf("new-%d", i), "1")
	}
	cut := l.root.Cut(own)
	entries := slices.Collect(cut.Entries())
	backward := slices.Clone(entries)
	slices.Reverse(backward)
	twice := *entries[1]
	twice.Version = entries[0].Version
	for name, body := range map[string]wire.Body{
		"backward": bodyOf(backward...), "one twice": bodyOf(append(slices.Clone(entries), entries[3])...),
		"one version for two keys": bodyOf(entries[0], &twice, entries[2], entries[3]),
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, l.push(l.header(wire.Delta, cut), body), http.StatusBadRequest, "malformed")
		})
	}
	h := l.header(wire.Delta, cut)
	wantAck(t, l.piece(*h, 0, false, bodyOf(entries[2:]...)), replica.Continue, own)
	wantProblem(t, l.piece(*h, 1, true, bodyOf(entries[:2]...)), http.StatusBadRequest, "malformed")
}
