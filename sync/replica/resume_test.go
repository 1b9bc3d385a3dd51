package replica

import (
	"errors"
	"testing"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// begin has an assembly take so many pieces, of one entry each, of the origin's snapshot.
func (o *origin) begin(a *Assembly, from string, pieces int) error {
	headers, blocks := o.rest(from)
	for i := range pieces {
		if _, err := a.Add(1, &headers[i], blocks[i]); err != nil {
			return err
		}
	}
	return nil
}

// rest is the origin's snapshot, in pieces of one entry, from a version on.
func (o *origin) rest(from string) ([]wire.Header, [][]byte) {
	return o.pieces(wire.Snapshot, from)
}

// goOn has an assembly take the whole rest of the origin's snapshot.
func (o *origin) goOn(a *Assembly, from string) (*Piece, error) {
	headers, blocks := o.rest(from)
	var in *Piece
	var err error
	for i := range headers {
		if in, err = a.Add(2, &headers[i], blocks[i]); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func TestASnapshotGoesOnWhereOneBroke(t *testing.T) {
	tests := []struct {
		name    string
		pieces  int           // that came of the snapshot before
		between func(*origin) // what the root did between
		from    string
		fits    bool
	}{
		{"nothing was written between", 2, func(*origin) {}, "1.2", true},
		{"what came was overwritten", 2, func(o *origin) { o.write("a=2", "c=2", "e=1") }, "1.2", true},
		{"what came was deleted", 2, func(o *origin) { o.write("-a", "-b") }, "1.2", true},
		{"the root was restarted", 2, func(o *origin) { o.startEpoch().write("a=2") }, "1.2", true},
		{"it goes on before what came", 2, func(*origin) {}, "1.1", false},
		{"it goes on after what came", 2, func(*origin) {}, "1.3", false},
		{"the delete of what came is gone", 2, func(o *origin) { o.write("-a", "e=1").expire() }, "1.2", false},
		{"nothing came", 0, func(*origin) {}, "1.2", false},
	}
	for _, test := range tests {
		o := newOrigin(t).write("a=1", "b=1", "c=1", "d=1")
		var a Assembly
		if err := o.begin(&a, "0.0", test.pieces); err != nil {
			t.Fatal(err)
		}
		test.between(o)
		in, err := o.goOn(&a, test.from)
		switch {
		case !test.fits && !errors.Is(err, ErrSequence):
			t.Errorf("%s: it says %v", test.name, err)
		case test.fits && (err != nil || !whole(in.Builder, &in.Header)):
			t.Errorf("%s: it does not add up; %v", test.name, err)
		case test.fits && !a.Collected().At.IsZero():
			t.Errorf("%s: it keeps %v", test.name, a.Collected())
		}
		if _, err := o.goOn(&a, "0.0"); err != nil {
			t.Errorf("%s: then it refuses a whole one: %v", test.name, err)
		}
	}
}

// What an abandoned write has overwritten is missing from what came, though the last that
// came is on the history.
func TestASnapshotDoesNotGoOnBeyondACut(t *testing.T) {
	former := newOrigin(t).write("a=1", "b=1", "c=1", "a=2")
	var a Assembly
	if err := former.begin(&a, "0.0", 1); err != nil { // b: a=1 is overwritten
		t.Fatal(err)
	}
	if got := (Collected{At: version.Version{Epoch: 1, Seq: 2}, Of: version.Version{Epoch: 1, Seq: 4}}); a.Collected() != got {
		t.Fatalf("it has %v", a.Collected())
	}
	root := newOrigin(t).write("a=1", "b=1", "c=1")
	root.startEpoch().write("d=1", "e=1") // cut at 1.3
	if _, err := root.goOn(&a, "1.2"); !errors.Is(err, ErrSequence) {
		t.Errorf("it says %v", err)
	}
}

// A root in another run of the epoch may have given the same versions to other writes.
func TestASnapshotDoesNotGoOnInAnotherRun(t *testing.T) {
	o := newOrigin(t).write("a=1", "b=1", "c=1")
	var a Assembly
	if err := o.begin(&a, "0.0", 2); err != nil {
		t.Fatal(err)
	}
	meta := o.Meta()
	meta.Run = 7
	o.SetMeta(meta)
	if _, err := o.goOn(&a, "1.2"); !errors.Is(err, ErrSequence) {
		t.Errorf("it says %v", err)
	}
}

// What was collected outlives other pushes, until the node has come to the state by them.
func TestOtherPushesLeaveWhatWasCollected(t *testing.T) {
	o := newOrigin(t).write("a=1", "b=1", "c=1")
	var a Assembly
	if err := o.begin(&a, "0.0", 2); err != nil {
		t.Fatal(err)
	}
	h := o.header(wire.Heartbeat, o.Cut(o.Applied()))
	if _, err := a.Add(3, &h, nil); err != nil {
		t.Fatal(err)
	}
	if want := (Collected{At: version.Version{Epoch: 1, Seq: 2}, Of: version.Version{Epoch: 1, Seq: 3}}); a.Collected() != want {
		t.Errorf("it has %v", a.Collected())
	}
	a.Forget()
	if got := a.Collected(); got != (Collected{}) {
		t.Errorf("it still has %v", got)
	}
}

func TestStory_ASnapshotGoesOn(t *testing.T) {
	s := openRoot(t, "a=1", "b=1", "c=1", "d=1")
	s.note("A snapshot to an empty node breaks off. The probe finds out how far it came, and the next goes on from there, up to what was written since.")
	s.members("2a")
	s.confirm(2, Gap, "0.0")
	s.write("a=2")
	s.confirm(2, Lost, "0.0")
	s.wake()
	s.collected(2, "1.2", "1.4")
	s.note("If that is refused, and nothing is told of what came, the next begins anew.")
	s.confirm(2, Gap, "0.0")
	s.wake()
	s.confirm(2, Lost, "0.0")
	s.note("What came of a state beyond a cut, or from before the floor, is of no use.")
	s.wake()
	s.collected(2, "1.2", "1.9")
	s.confirm(2, Applied, "1.5")
	s.note("Nodes that need one at the same time are sent the same copy.")
	s.members("2a", "3a", "4a")
	s.confirm(3, Gap, "0.0")
	s.write("b=2")
	s.confirm(4, Gap, "0.0")
	s.golden("a_snapshot_goes_on")
}

// collected answers the push under way to a node: it has a part of a snapshot.
func (s *script) collected(node uint32, at, of string) {
	in := s.confirmed(node, Gap, "0.0")
	in.Ack.Collected = Collected{At: parseVersion(s.T, at), Of: parseVersion(s.T, of)}
	s.step(in)
}
