package replica

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// past is everything that a root ever could have pushed: its state after each
// write, and a push from any version to any later one, of any time.
type past struct {
	*origin
	digests map[version.Version]store.Digest
	pushes  []sendable
}

// sendable is a push that may be delivered any number of times.
type sendable struct {
	header wire.Header
	block  []byte
}

// drawPast draws a root's history: writes and deletes of few keys, restarts of
// the root, tombstones that expire.
func drawPast(t *rapid.T, of *testing.T) *past {
	p := &past{origin: newOrigin(of), digests: map[version.Version]store.Digest{{}: {}}}
	seen := []version.Version{{}}
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		switch rapid.SampledFrom([]string{"write", "write", "write", "delete", "delete", "epoch", "expire"}).Draw(t, "step") {
		case "write":
			p.write(fmt.Sprintf("%s=%d", p.drawKey(t), p.Applied().Seq))
		case "delete":
			p.write("-" + p.drawKey(t))
		case "epoch":
			p.startEpoch()
		case "expire":
			p.expire()
		}
		at, digest := p.Digest()
		if seen[len(seen)-1] != at {
			seen = append(seen, at)
			p.digests[at] = digest
		}
		p.remember(seen)
	}
	return p
}

func (p *past) drawKey(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key")
}

// remember adds the pushes that the root could send now.
func (p *past) remember(seen []version.Version) {
	meta := p.Meta()
	p.add(wire.Heartbeat, p.Cut(p.Applied()))
	p.add(wire.Snapshot, p.Cut(version.Version{}))
	for _, from := range seen {
		if bridgeable(&meta, from) || from.IsZero() && meta.Floor.IsZero() {
			p.add(wire.Delta, p.Cut(from))
		}
	}
}

func (p *past) add(kind wire.Kind, cut *store.Cut) {
	push := sendable{header: p.header(kind, cut)}
	if kind != wire.Heartbeat {
		push.block = blockOf(cut)
	}
	p.pushes = append(p.pushes, push)
}

// witness is a member that is fed with pushes, and what it was seen to hold.
type witness struct {
	*script
	past  *past
	at    version.Version
	epoch uint64
	acks  int
}

// check holds the member against the root's past.
func (w *witness) check(t *rapid.T) {
	at, digest := w.core.store.Digest()
	epoch := w.core.store.Meta().Epoch
	want, known := w.past.digests[at]
	if !known || digest != want {
		t.Fatalf("at %v it holds what the root never did (known %v):\n%s", at, known, w.trace)
	}
	if at.Before(w.at) || epoch < w.epoch {
		t.Fatalf("it went back from %v in epoch %d to %v in epoch %d:\n%s", w.at, w.epoch, at, epoch, w.trace)
	}
	w.at, w.epoch = at, epoch
}

// looks at what the member answers, and at what it holds after that.
func (w *witness) looks(t *rapid.T, effects []Effect) {
	for _, e := range effects {
		ack, answered := e.(Acknowledge)
		if !answered {
			continue
		}
		w.acks++
		if ack.Ack.Mismatch || ack.Ack.Outcome == Damaged || ack.Ack.Outcome == OtherTree || ack.Ack.Outcome == NotRoot {
			t.Fatalf("it answers %s:\n%s", ackText(ack.Ack), w.trace)
		}
	}
	w.check(t)
}

// Whatever arrives of one root's history, in whatever order, however often and
// late, whatever the disk refuses, and through restarts: a member is always
// exactly at one version of the root, never moves back, and at last gets to the
// root's.
func TestAMemberIsAlwaysAtOneVersionOfTheRoot(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPast(rt, t)
		w := &witness{script: memberScript(t), past: p}
		for range rapid.IntRange(0, 40).Draw(rt, "deliveries") {
			w.act(rt)
		}
		for len(w.asked) > 0 {
			w.looks(rt, w.persisted())
		}
		if w.acks != int(w.refs) {
			rt.Fatalf("%d of %d pushes were answered:\n%s", w.acks, w.refs, w.trace)
		}
		w.catchUp(rt)
	})
}

// act has something happen to the member.
func (w *witness) act(t *rapid.T) {
	pushes := w.past.pushes
	action := rapid.SampledFrom([]string{"push", "push", "push", "first piece", "disk", "disk", "full", "restart", "compact"}).Draw(t, "action")
	switch {
	case action == "push" || action == "first piece":
		push := pushes[rapid.IntRange(0, len(pushes)-1).Draw(t, "which")]
		h := push.header
		var a Assembly
		in, err := a.Add(1, &h, push.block)
		if err != nil {
			t.Fatal(err)
		}
		if action == "first piece" && h.Kind != wire.Heartbeat {
			in = partial(in)
		}
		w.looks(t, w.push(in))
	case action == "compact":
		w.looks(t, w.step(CompactDue{}))
	case action == "restart":
		for len(w.asked) > 0 { // what was asked for is on the disk, and unanswered
			w.looks(t, w.persisted())
		}
		w.restart()
		w.check(t)
	case len(w.asked) > 0 && action == "disk":
		w.looks(t, w.persisted())
	case len(w.asked) > 0 && action == "full":
		w.looks(t, w.fails(Full))
	}
}

// catchUp does what the root would: probe, and send what is missing.
func (w *witness) catchUp(t *rapid.T) {
	p := w.past
	meta := p.Meta()
	in := p.heartbeat()
	outcome := w.answer(in)
	if outcome == Gap {
		from := w.core.store.Applied()
		in = p.snapshot()
		if bridgeable(&meta, from) || from.IsZero() && meta.Floor.IsZero() {
			in = p.delta(from.String())
		}
		outcome = w.answer(in)
	}
	if outcome != Current && outcome != Applied {
		t.Fatalf("at last it answers %s:\n%s", outcome, w.trace)
	}
	w.check(t)
	same(w.T, w.core.store, p.origin)
	w.restart()
	same(w.T, w.core.store, p.origin)
}

func (w *witness) answer(in *Piece) AckOutcome {
	for effects := w.push(in); ; effects = w.persisted() {
		for _, e := range effects {
			if ack, answered := e.(Acknowledge); answered {
				return ack.Ack.Outcome
			}
		}
	}
}
