package node

import (
	"testing"
	"testing/synctest"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// What came of a snapshot is given up when no more of it comes for a while. A push that
// comes after all of one is not.
func TestOnlyASnapshotThatBrokeOffIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pieces
		defer p.close()
		bring := func(kind wire.Kind, piece uint32, seqs ...uint64) error {
			var enc store.BlockEncoder
			var block []byte
			for _, seq := range seqs {
				block = enc.Append(block, &store.Entry{Key: "k", Value: "1", Version: version.Version{Epoch: 1, Seq: seq}, Stamp: version.Stamp(seq)})
			}
			h := &wire.Header{Kind: kind, Number: uint64(kind), Piece: piece, Last: piece == 1, Meta: store.Meta{Epoch: 1}, To: version.Version{Epoch: 1, Seq: 9}}
			_, _, err := p.add(provedRequest{sender: 1}, h, block)
			return err
		}
		want := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		want(bring(wire.Snapshot, 0, 1))
		time.Sleep(collectedFor - time.Second)
		want(bring(wire.Snapshot, 1, 2))
		time.Sleep(time.Second / 2)
		want(bring(wire.Snapshot, 0, 1))
		want(bring(wire.Snapshot, 1, 2))
		want(bring(wire.Delta, 0, 1))
		time.Sleep(2 * collectedFor)
		want(bring(wire.Delta, 1, 2))

		want(bring(wire.Snapshot, 0, 1))
		time.Sleep(collectedFor + time.Second)
		if p.collected().At != (version.Version{}) || bring(wire.Snapshot, 1, 2) == nil {
			t.Error("what came of a snapshot is kept for longer than a while")
		}
	})
}
