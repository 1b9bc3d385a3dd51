package node

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// sent is a state on its way in pieces to a node with a disk.
type sent struct {
	t    *testing.T
	root *store.Store
	disk *disk
	to   pieces
	push uint64
}

var sentBy = store.Identity{Node: 2, Boot: 7}

func newSent(t *testing.T, dir string) *sent {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: dir})
	if err == nil {
		_, err = j.Replay(func(journal.Source, []byte) error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &sent{t: t, root: store.New(), disk: newDisk(j, sentBy, nil, slog.New(slog.DiscardHandler))}
	s.to.drafts = s.disk.drafts
	t.Cleanup(s.to.close)
	s.order(1, 300)
	return s
}

// order has the root order so many writes, from a seq on.
func (s *sent) order(from, n int) {
	s.t.Helper()
	meta := store.Meta{Tree: version.TreeID{1}, Epoch: 1, Run: 5}
	var entries []*store.Entry
	for seq := from; seq < from+n; seq++ {
		e := &store.Entry{Key: fmt.Sprintf("key-%03d", seq%350), Value: fmt.Sprintf(`"%0100d"`, seq), Version: version.Version{Epoch: 1, Seq: uint64(seq)}}
		if seq%10 == 0 {
			e.Value = ""
		}
		e.Stamp, e.Write = version.Stamp(seq), version.WriteID{Node: 1, Counter: uint64(seq)}
		entries = append(entries, e)
	}
	if _, err := s.root.Apply(s.root.Applied(), entries[n-1].Version, meta, entries); err != nil {
		s.t.Fatal(err)
	}
}

// send sends the state after a version, up to a piece of that number, and returns what
// became of it.
func (s *sent) send(from version.Version, most int) *replica.Piece {
	s.t.Helper()
	cut := s.root.Cut(from)
	s.push++
	h := wire.Header{Kind: wire.Snapshot, Root: 1, Number: s.push, Meta: cut.Meta, From: from, To: cut.To, Digest: cut.Digest, Live: uint64(cut.Live)}
	var bodies []wire.Body
	for body := range wire.Bodies(cut, 4<<10) {
		bodies = append(bodies, body)
	}
	var in *replica.Piece
	for i, body := range bodies[:min(most, len(bodies))] {
		h.Piece, h.Last = uint32(i), i == len(bodies)-1
		request := provedRequest{sender: 1, body: wire.AppendPiece(nil, &h, body)}
		head, block, _, err := wire.DecodePiece(request.body, wire.MaxBodyBytes)
		if err == nil {
			in, _, err = s.to.add(request, &head, block)
		}
		if err != nil {
			s.t.Fatalf("piece %d: %v", i, err)
		}
	}
	return in
}

// keep writes a state to the disk as it is written in place of the journal, and reports
// whether it was there already.
func (s *sent) keep(state *store.Cut) (drafted bool) {
	s.t.Helper()
	checkpoint, drafted, err := s.disk.begin(state)
	if err == nil {
		err = checkpoint.Abort()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return drafted
}

func TestASnapshotIsOnTheDiskWhenItHasCome(t *testing.T) {
	dir := t.TempDir()
	s := newSent(t, dir)
	in := s.send(version.Version{}, 1000)
	if in.Builder == nil {
		t.Fatal("it is not whole")
	}
	if s.disk.drafts.file == nil {
		t.Fatal("it was not written as it came")
	}
	s.disk.write(&diskRequest{state: in.Builder.Cut(in.Header.To, in.Header.Meta), local: &store.Local{}})
	if err := errors.Join(<-s.disk.compacts, s.disk.journal.Close()); err != nil {
		t.Fatal(err)
	}

	again, err := journal.Open(journal.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	recovery := store.NewRecovery()
	if _, err := again.Replay(func(_ journal.Source, record []byte) error { return recovery.Visit(record) }); err != nil {
		t.Fatal(err)
	}
	if err := recovery.Finish(); err != nil {
		t.Fatal(err)
	}
	at, digest := recovery.Store.Digest()
	if wantAt, want := s.root.Digest(); at != wantAt || digest != want || recovery.Identity != sentBy || recovery.Store.Counts() != s.root.Counts() {
		t.Errorf("on the disk is %v of %+v with %+v, want %v and %+v", at, recovery.Identity, recovery.Store.Counts(), wantAt, s.root.Counts())
	}
}

func TestWhatWasWrittenAsItCameIsOfThatStateAlone(t *testing.T) {
	for name, test := range map[string]struct {
		state func(s *sent) *store.Cut
		want  bool
	}{
		"whole": {func(s *sent) *store.Cut {
			in := s.send(version.Version{}, 1000)
			return in.Builder.Cut(in.Header.To, in.Header.Meta)
		}, true},
		"the same from elsewhere": {func(s *sent) *store.Cut {
			s.send(version.Version{}, 1000)
			return s.root.Cut(version.Version{})
		}, false},
		"with another history": {func(s *sent) *store.Cut {
			in := s.send(version.Version{}, 1000)
			in.Header.Meta.Run++
			return in.Builder.Cut(in.Header.To, in.Header.Meta)
		}, false},
		"gone on with after a break": {func(s *sent) *store.Cut {
			s.send(version.Version{}, 3)
			s.order(301, 100)
			in := s.send(s.to.collected().At, 1000)
			return in.Builder.Cut(in.Header.To, in.Header.Meta)
		}, false},
		"begun anew after a break": {func(s *sent) *store.Cut {
			s.send(version.Version{}, 3)
			in := s.send(version.Version{}, 1000)
			return in.Builder.Cut(in.Header.To, in.Header.Meta)
		}, true},
		"given up": {func(s *sent) *store.Cut {
			in := s.send(version.Version{}, 1000)
			s.to.giveUp()
			return in.Builder.Cut(in.Header.To, in.Header.Meta)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSent(t, t.TempDir())
			defer s.disk.journal.Close()
			if got := s.keep(test.state(s)); got != test.want {
				t.Errorf("it is taken from what was written as it came: %v, want %v", got, test.want)
			}
		})
	}
}

// A builder that is whole while no file is open says nothing of the file that is opened next.
func TestADraftThatHasOnlyBegunIsTakenForNoState(t *testing.T) {
	s := newSent(t, t.TempDir())
	s.to.drafts = nil // as where there was no room for its file
	in := s.send(version.Version{}, 1000)
	s.to.drafts = s.disk.drafts
	s.disk.drafts.complete(in.Builder)
	s.send(version.Version{}, 2)
	if s.keep(in.Builder.Cut(in.Header.To, in.Header.Meta)) {
		t.Error("a file with its first pieces only was taken for it")
	}
}

func TestWhatIsLeftOfASnapshotThatIsNotTakenIsForgotten(t *testing.T) {
	s := newSent(t, t.TempDir())
	drafts := s.disk.drafts
	in := s.send(version.Version{}, 1000)
	drafts.forget(nil)
	if drafts.file == nil || drafts.of != in.Builder {
		t.Fatal("it was not written as it came")
	}
	drafts.forget(in.Builder)
	if drafts.file != nil || drafts.of != nil {
		t.Error("its file, or its builder, is kept")
	}
	s.send(version.Version{}, 2)
	s.to.arrived()
	if drafts.file != nil {
		t.Error("the file of one that began is kept when the state has come otherwise")
	}
}
