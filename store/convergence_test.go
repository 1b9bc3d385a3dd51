package store

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

// forest is a root, replicas that follow it, and every push that was ever cut:
// pushes arrive in any order, some never, some again and again.
type forest struct {
	root     *rootStore
	replicas []*Store
	sent     []*Cut // deltas and, from zero, snapshots
}

// Every replica equals the root's state of the version that it says it is at,
// whatever it was sent.
func TestReplicasConvergeWhateverArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &forest{root: newRoot(), replicas: []*Store{New(), New(), New()}}
		key := rapid.StringMatching(`[a-e]`)
		t.Repeat(map[string]func(*rapid.T){
			"put":    func(t *rapid.T) { f.root.write(key.Draw(t, "key"), rapid.StringN(1, 2, -1).Draw(t, "value")) },
			"delete": func(t *rapid.T) { f.root.write(key.Draw(t, "key"), "") },
			"expire": func(*rapid.T) { f.root.expire() },
			"epoch":  func(*rapid.T) { f.root.startEpoch() },
			"cut":    f.cut,
			"arrive": f.arrive,
			"learn":  f.learn,
			"":       f.check,
		})
		f.heal(t)
	})
}

// cut makes a push: from the floor or a version after it, or a snapshot.
func (f *forest) cut(t *rapid.T) {
	from := version.Version{}
	if rapid.Bool().Draw(t, "delta") {
		meta := f.root.Meta()
		from.Seq = rapid.Uint64Range(meta.Floor.Seq, f.root.Applied().Seq).Draw(t, "from")
		for known := range f.root.digests {
			if known.Seq == from.Seq {
				from = known
			}
		}
	}
	f.sent = append(f.sent, f.root.Cut(from))
}

func (f *forest) arrive(t *rapid.T) {
	if len(f.sent) == 0 {
		t.Skip("nothing was sent yet")
	}
	f.deliver(t, rapid.SampledFrom(f.replicas).Draw(t, "replica"), rapid.SampledFrom(f.sent).Draw(t, "push"))
}

// deliver does with a push what a member does: a snapshot that is ahead is
// installed, the rest applied.
func (f *forest) deliver(t *rapid.T, to *Store, cut *Cut) {
	before := to.Applied()
	if cut.From.IsZero() {
		if before.Seq < cut.To.Seq {
			snapshot(t, to, cut)
		}
		return
	}
	held := everything(to)
	_, err := push(to, cut)
	if gap := before.Seq < cut.From.Seq; gap != errors.Is(err, ErrGap) || (!gap && err != nil) {
		t.Fatalf("a delta from %v to %v at %v: %v", cut.From, cut.To, before, err)
	}
	if want := version.Max(before, cut.To); err == nil && to.Applied() != want {
		t.Fatalf("a delta from %v to %v left %v at %v", cut.From, cut.To, before, to.Applied())
	}
	if err != nil && everything(to) != held {
		t.Fatalf("a gap turned %s into %s", held, everything(to))
	}
}

// learn lets the latest write of a key pass through a replica.
func (f *forest) learn(t *rapid.T) {
	s := rapid.SampledFrom(f.replicas).Draw(t, "replica")
	for key, e := range f.root.model {
		s.Learn(e)
		if a := s.Get(key); a.AsOf.Before(e.Version) || (a.Entry == nil) != e.Deleted() {
			t.Fatalf("%s at %v was learnt and reads %v as of %v", key, e.Version, a.Entry, a.AsOf)
		}
	}
}

func (f *forest) check(t *rapid.T) {
	for i, s := range f.replicas {
		at, digest := s.Digest()
		if want, known := f.root.digests[at]; !known || digest != want {
			t.Fatalf("replica %d is at %v with digest %v, the root's was %v", i, at, digest, want)
		}
		if !s.Verify() {
			t.Fatalf("replica %d serves something else than its digest says", i)
		}
	}
}

// heal brings everybody up to date by deltas where they fit, and demands that
// each can then bring up another: what a node relays is what the root has.
func (f *forest) heal(t *rapid.T) {
	want := everything(f.root.Store)
	for i, s := range f.replicas {
		at, meta := s.Applied(), f.root.Meta()
		cut := f.root.Cut(version.Version{})
		if !at.IsZero() && meta.Floor.Seq <= at.Seq && meta.OnHistory(at) {
			cut = f.root.Cut(at)
		}
		f.deliver(t, s, cut)
		s.SetMeta(meta)
		if s.Covered(); everything(s) != want || s.Counts() != f.root.Counts() {
			t.Fatalf("replica %d holds %s %+v, the root %s %+v", i, everything(s), s.Counts(), want, f.root.Counts())
		}
		child := New()
		snapshot(t, child, s.Cut(version.Version{}))
		if everything(child) != want {
			t.Fatalf("the child of replica %d holds %s, the root %s", i, everything(child), want)
		}
	}
}
